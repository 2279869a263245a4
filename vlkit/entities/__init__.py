"""Entities of documents and links between them, by models that run without torch."""
