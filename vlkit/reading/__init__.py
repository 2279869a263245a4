"""The reading room: from a file to a Document, by stages."""
