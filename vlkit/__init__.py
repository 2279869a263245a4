"""vlkit reads documents, offline."""

__version__ = "0.1.0"
