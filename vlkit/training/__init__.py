"""The training room: one loop that knows no model's name."""
