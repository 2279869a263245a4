"""What a page is made of: blocks, tables, figures, their roles and their order."""
