"""How well tables were read: TEDS and TEDS-S.

TEDS (Zhong, ShafieiBavani, Jimeno Yepes, "Image-based table recognition: data, model, and
evaluation", ECCV 2020) compares tables as trees, table → rows → cells:

    TEDS(a, b) = 1 − distance(a, b) / max(nodes of a, nodes of b)

where the tree edit distance (Zhang and Shasha 1989) counts 1 for an inserted or deleted node
and for cells of different spans, and for equal spans the normalised Levenshtein distance of
their texts. TEDS-S leaves the texts out.

Which rows are headers is not part of the score here: ``thead``, ``tbody`` and ``th`` are read as
plain rows and ``td``, since most programs that find tables say nothing about headers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import lxml.etree
import lxml.html
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from vlkit.document import Table

Label = tuple[str, int, int]
"""Tag, column span and row span."""


@dataclass(frozen=True)
class TableTree:
    """A table as an ordered tree, its N nodes in post-order.

    Attributes:
        labels: What must be equal for two nodes to be alike.
        texts: White space folded, NFKC; empty but for cells.
        first: [N], index of each node's leftmost leaf.
    """

    labels: list[Label]
    texts: list[str]
    first: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> NDArray[np.intp]:
        """[N], number of nodes of each subtree."""
        return np.arange(len(self)) - self.first + 1


def tree_of(table: Table | str) -> TableTree:
    """The tree of a table, or of the first ``table`` element of some HTML."""
    rows = _html_rows(table) if isinstance(table, str) else _table_rows(table)
    labels: list[Label] = []
    texts: list[str] = []
    first: list[int] = []
    for row in rows:
        start = len(labels)
        for text, column_span, row_span in row:
            first.append(len(labels))
            labels.append(("td", column_span, row_span))
            texts.append(" ".join(unicodedata.normalize("NFKC", text).split()))
        first.append(start)
        labels.append(("tr", 1, 1))
        texts.append("")
    return TableTree([*labels, ("table", 1, 1)], [*texts, ""], np.array([*first, 0], np.intp))


def teds(truth: Table | str, predicted: Table | str, *, structure_only: bool = False) -> float:
    """TEDS, or TEDS-S, of two tables, each a ``Table`` or HTML; 1 is equal."""
    return _similarity(tree_of(truth), tree_of(predicted), structure_only)


def score_tables(
    truth: Sequence[Table | str], predicted: Sequence[Table | str], *, structure_only: bool = False
) -> list[float]:
    """One score for every pair of tables, 0 for each that was missed or made up.

    Pairs are one-to-one, the most similar first (TEDS, or TEDS-S where that is asked for).
    """
    ours = [tree_of(table) for table in truth]
    theirs = [tree_of(table) for table in predicted]
    pairs = sorted(
        (
            (-_similarity(a, b, structure_only), i, j)
            for i, a in enumerate(ours)
            for j, b in enumerate(theirs)
        )
    )
    found: dict[int, float] = {}
    taken: set[int] = set()
    for negative, i, j in pairs:
        if i not in found and j not in taken:
            found[i] = -negative
            taken.add(j)
    made_up = len(predicted) - len(taken)
    return [found.get(i, 0.0) for i in range(len(truth))] + [0.0] * made_up


def tree_edit_distance(
    first_a: NDArray[np.intp], first_b: NDArray[np.intp], rename: NDArray[np.float64]
) -> float:
    """Least cost of turning tree a (N nodes) into tree b (M nodes), by Zhang and Shasha.

    Args:
        first_a, first_b: [N] and [M], leftmost leaves of the nodes in post-order.
        rename: [N, M], cost of turning a node into another, at most 1; inserting and deleting
            a node costs 1.

    A row of the recurrence is computed at once: of the three ways to reach a cell, insertion
    alone depends on the cell's left neighbour, and a running minimum resolves it. Most of a
    table's nodes are leaves, and a leaf's distance to a whole subtree has a closed form.
    """
    size_a, size_b = np.arange(len(first_a)) - first_a + 1, np.arange(len(first_b)) - first_b + 1
    distance = np.full(rename.shape, np.inf)
    for leaf in np.flatnonzero(size_a == 1):
        distance[leaf] = size_b - 1 + _best_inside(rename[leaf], first_b)
    for leaf in np.flatnonzero(size_b == 1):
        distance[:, leaf] = size_a - 1 + _best_inside(rename[:, leaf], first_a)
    for i in _key_roots(first_a):
        for j in _key_roots(first_b):
            if size_a[i] > 1 and size_b[j] > 1:
                _fill(distance, rename, first_a, first_b, i, j)
    return float(distance[-1, -1])


def _similarity(a: TableTree, b: TableTree, structure_only: bool) -> float:
    distance = tree_edit_distance(a.first, b.first, _rename_costs(a, b, structure_only))
    return 1.0 - distance / max(len(a), len(b))


def _rename_costs(a: TableTree, b: TableTree, structure_only: bool) -> NDArray[np.float64]:
    """[N, M] costs: 1 for different labels, else the texts' normalised edit distance."""
    kinds = {label: number for number, label in enumerate({*a.labels, *b.labels})}
    kinds_a = np.array([kinds[label] for label in a.labels])
    kinds_b = np.array([kinds[label] for label in b.labels])
    different = kinds_a[:, None] != kinds_b[None, :]
    costs: NDArray[np.float64] = different.astype(np.float64)
    if not structure_only:
        texts = cdist(a.texts, b.texts, scorer=Levenshtein.normalized_distance)
        np.maximum(costs, texts, out=costs)
    return costs


def _key_roots(first: NDArray[np.intp]) -> list[int]:
    """The root and every node that has a left sibling: for each leftmost leaf the last node."""
    return sorted({int(leaf): node for node, leaf in enumerate(first)}.values())


def _best_inside(costs: NDArray[np.float64], first: NDArray[np.intp]) -> NDArray[np.float64]:
    """[M], least of the costs [M] within each subtree."""
    best: NDArray[np.float64] = costs.copy()
    for node in np.flatnonzero(first < np.arange(len(first))):
        best[node] = costs[first[node] : node + 1].min()
    return best


def _fill(
    distance: NDArray[np.float64],
    rename: NDArray[np.float64],
    first_a: NDArray[np.intp],
    first_b: NDArray[np.intp],
    root_a: int,
    root_b: int,
) -> None:
    """Distances between the forests below two key roots; writes those of whole subtrees."""
    start_a, start_b = int(first_a[root_a]), int(first_b[root_b])
    columns = np.arange(start_b, root_b + 1)
    steps = np.arange(len(columns) + 1)
    before_b = first_b[columns] - start_b  # how much of the forest lies left of each subtree
    whole_b = before_b == 0
    forest = np.empty((root_a - start_a + 2, len(steps)))
    forest[0] = steps
    for row, i in enumerate(range(start_a, root_a + 1), start=1):
        before_a = int(first_a[i]) - start_a
        matched = forest[before_a, before_b] + distance[i, columns]
        if before_a == 0:
            renamed = forest[row - 1, :-1] + rename[i, columns]
            matched = np.where(whole_b, renamed, matched)
        reached = np.minimum(forest[row - 1, 1:] + 1, matched)
        best = np.minimum.accumulate(np.concatenate([[row], reached]) - steps) + steps
        forest[row] = best
        if before_a == 0:
            distance[i, columns[whole_b]] = best[1:][whole_b]


def _table_rows(table: Table) -> list[list[tuple[str, int, int]]]:
    rows: list[list[tuple[str, int, int]]] = [[] for _ in range(table.rows)]
    for cell in sorted(table.cells, key=lambda cell: cell.column):
        rows[cell.row].append((cell.text, cell.column_span, cell.row_span))
    return rows


def _html_rows(html: str) -> list[list[tuple[str, int, int]]]:
    root = lxml.html.fragment_fromstring(html, create_parent=True)
    table = root.find(".//table")
    if table is None:
        return []
    return [
        [
            (_text(cell), _span(cell, "colspan"), _span(cell, "rowspan"))
            for cell in row
            if cell.tag in ("td", "th")
        ]
        for row in table.iter("tr")
    ]


def _text(element: lxml.etree._Element) -> str:
    """The text inside, a space for each line break."""
    parts = [element.text or ""]
    for child in element:
        parts += [" " if child.tag == "br" else "", _text(child), child.tail or ""]
    return "".join(parts)


def _span(cell: lxml.etree._Element, name: str) -> int:
    value = cell.get(name) or "1"
    return max(1, int(value)) if value.isdecimal() else 1
