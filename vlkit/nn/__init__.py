"""The bricks of every model: encoders, their features, attention."""
