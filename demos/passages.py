"""Passages for a search index: each under its headings, with the page it stands on.

python demos/passages.py report.pdf
"""

import sys

import vlkit

for chunk in vlkit.read(sys.argv[1]).chunks(max_characters=600):
    print(f"[page {', '.join(map(str, chunk.pages))}] {' › '.join(chunk.headings)}")
    print(chunk.text)
    print()
