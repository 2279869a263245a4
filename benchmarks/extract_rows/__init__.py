"""Parts of ``benchmarks.extract``."""
