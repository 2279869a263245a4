"""Names of weights in the original repositories' checkpoints, one module a model."""
