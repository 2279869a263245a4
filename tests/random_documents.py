"""Random documents, valid by type and otherwise as odd as they come."""

from __future__ import annotations

from hypothesis import strategies as st

from vlkit.document import (
    Block,
    Cell,
    Document,
    Figure,
    Line,
    Page,
    PageError,
    Source,
    Table,
    Word,
)

numbers = st.floats(-1e6, 1e6, allow_nan=False)
boxes = st.tuples(numbers, numbers, numbers, numbers).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
points = st.tuples(numbers, numbers)
texts = st.text(max_size=12)
directions = st.sampled_from(["ltr", "rtl", "ttb"])
words = st.builds(
    Word,
    text=texts,
    box=boxes,
    quad=st.none() | st.tuples(points, points, points, points),
    confidence=st.none() | st.floats(0, 1),
    font=st.none() | texts,
    font_size=st.none() | st.floats(0.1, 300),
    bold=st.none() | st.booleans(),
    italic=st.none() | st.booleans(),
    direction=directions,
    script=st.none() | st.sampled_from(["Latn", "Hebr", "Kore"]),
    space_after=st.booleans(),
    source=st.none() | st.builds(Source, name=texts, version=texts),
)
lines = st.builds(Line, words=st.lists(words, max_size=3), box=boxes, direction=directions)
names = st.sampled_from(["", "a", "b", "c"])
blocks = st.builds(
    Block,
    id=names,
    role=st.sampled_from(
        ["paragraph", "heading", "title", "list_item", "code", "footnote", "caption"]
    ),
    level=st.none() | st.integers(-2, 9),
    marker=st.none() | st.sampled_from(["•", "1.", "(a)", "☑", "\x00"]),
    lines=st.lists(lines, max_size=3),
    box=boxes,
    continues=st.none() | names,
)
cells = st.builds(
    Cell,
    row=st.integers(0, 3),
    column=st.integers(0, 3),
    row_span=st.integers(1, 2),
    column_span=st.integers(1, 2),
    header=st.booleans(),
    lines=st.lists(lines, max_size=2),
    box=boxes,
)
tables = st.builds(
    Table,
    id=names,
    rows=st.integers(0, 3),
    columns=st.integers(0, 3),
    cells=st.lists(cells, max_size=4),
    box=boxes,
    caption=st.none() | names,
    continues=st.none() | names,
)
figures = st.builds(
    Figure, id=names, box=boxes, lines=st.lists(lines, max_size=1), caption=st.none() | names
)
pages = st.builds(
    Page,
    number=st.integers(1, 99),
    width=st.floats(0, 5000),
    height=st.floats(0, 5000),
    unit=st.sampled_from(["pixel", "point"]),
    dpi=st.none() | st.floats(30, 1200),
    items=st.lists(blocks | tables | figures, max_size=4),
    error=st.none() | st.builds(PageError, problem=texts),
)
documents = st.builds(
    Document,
    name=texts,
    pages=st.lists(pages, max_size=3, unique_by=lambda page: page.number),
    metadata=st.dictionaries(texts, texts, max_size=2),
)
