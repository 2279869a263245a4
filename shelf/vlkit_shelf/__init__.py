"""The folder ``models`` beside this file: vlkit's shelf, installed."""
