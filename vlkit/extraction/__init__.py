"""Typed values out of documents: what a schema asks for, with places and probabilities."""
