"""Tables: ruled, half-ruled and borderless, with spans, and across pages."""

from vlkit.layout.tables.across import continue_tables
from vlkit.layout.tables.find import find_tables

__all__ = ["continue_tables", "find_tables"]
