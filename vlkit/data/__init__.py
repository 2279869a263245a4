"""Folders into examples, and pages typeset with their truth."""
