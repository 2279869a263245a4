"""PDF files: their pages as pictures, and the text layer as lines of words."""

from vlkit.pdf.file import PdfFile

__all__ = ["PdfFile"]
