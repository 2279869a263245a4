"""Which words should a person look at? Those whose probability of being right is low.

python demos/unsure_words.py scan.png
"""

import sys

import vlkit

document = vlkit.read(sys.argv[1], engine="rapidocr")
for page in document.pages:
    unsure = [word for word in page.words if word.confidence is not None and word.confidence < 0.5]
    print(f"page {page.number}: {len(unsure)} of {len(page.words)} words are worth a look")
    for word in sorted(unsure, key=lambda word: word.confidence or 0)[:10]:
        x0, y0, *_ = word.box
        print(f"  {word.confidence:.0%}  {word.text!r} at {x0:.0f}, {y0:.0f}")
