"""A neutral score for anyone's Markdown or JSON of a page: text, tables and reading order.

Both sides are taken apart by the same Markdown parser into pieces of text and tables, so that
no side gains by its choice of markup. The figures follow OmniDocBench (Ouyang et al. 2024):

- ``edit_distance``: edits between the two texts ÷ length of the longer, tables left out;
- ``teds``, ``teds_s``: tables, with and without their text (Zhong et al. 2020);
- ``order_distance``: edits between the orders of the matched pieces ÷ their number.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import lxml.html
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from rapidfuzz.distance import Levenshtein

from vlkit.document import Document
from vlkit.errors import DamagedInput, InputError, MissingDependency
from vlkit.evaluation.tables import score_tables

SUFFIXES = (".md", ".json")
MATCHED = 0.5
"""A piece is found where more than half of it is right."""


@dataclass(frozen=True)
class Parsed:
    """What a page's Markdown says: pieces of text in reading order, and tables as HTML."""

    texts: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ParseScore:
    """Counts of one document, to be added up."""

    edits: int
    characters: int
    order_edits: int
    order_length: int
    teds: list[float]
    teds_s: list[float]


def parse_markdown(markdown: str) -> Parsed:
    """Take Markdown apart; pipe tables and HTML tables both become tables."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parsed = Parsed()
    for node in SyntaxTreeNode(parser.parse(markdown)).children:
        if node.type == "table":
            parsed.tables.append(parser.renderer.render(node.to_tokens(), parser.options, {}))
        elif node.type == "html_block":
            _take_html(node.content, parsed)
        else:
            html = parser.renderer.render(node.to_tokens(), parser.options, {})
            _take_html(html, parsed)
    return parsed


def _take_html(html: str, parsed: Parsed) -> None:
    if not html.strip():
        return
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    for table in root.iter("table"):
        parsed.tables.append(lxml.html.tostring(table, encoding="unicode", with_tail=False))
    for table in list(root.iter("table")):
        table.drop_tree()
    leaves = list(root.iter("li", "p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"))
    texts = [_own_text(item) for item in leaves] if leaves else [root.text_content()]
    parsed.texts.extend(text for text in map(normalise, texts) if text)


def _own_text(item: lxml.html.HtmlElement) -> str:
    """An element's text without that of the pieces nested in it."""
    inner = {"li", "p", "ul", "ol", "pre"}
    parts = [item.text or ""]
    for child in item:
        parts += ["" if child.tag in inner else child.text_content(), child.tail or ""]
    return "".join(parts)


def normalise(text: str) -> str:
    """NFKC with white space folded: what two writers may do differently without being wrong."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def score_parse(truth: Parsed, predicted: Parsed) -> ParseScore:
    """Compare what two sides say of the same document."""
    wanted, got = " ".join(truth.texts), " ".join(predicted.texts)
    order = _matched_order(truth.texts, predicted.texts)
    teds = score_tables(truth.tables, predicted.tables)
    teds_s = score_tables(truth.tables, predicted.tables, structure_only=True)
    return ParseScore(
        edits=Levenshtein.distance(wanted, got),
        characters=max(len(wanted), len(got)),
        order_edits=Levenshtein.distance(order, sorted(order)),
        order_length=len(order),
        teds=teds,
        teds_s=teds_s,
    )


def _matched_order(truth: Sequence[str], predicted: Sequence[str]) -> list[int]:
    """For each predicted piece that is found in the truth, the place that it has there."""
    pairs = sorted(
        (
            (Levenshtein.normalized_distance(a, b), i, j)
            for i, a in enumerate(truth)
            for j, b in enumerate(predicted)
        ),
    )
    place: dict[int, int] = {}
    for distance, i, j in pairs:
        if distance < MATCHED and j not in place and i not in place.values():
            place[j] = i
    return [place[j] for j in sorted(place)]


def summarise(scores: Sequence[ParseScore]) -> dict[str, float]:
    """Figures over all documents; those of tables only where there are tables."""
    figures = {
        "edit_distance": _share(
            sum(score.edits for score in scores), sum(score.characters for score in scores)
        ),
        "order_distance": _share(
            sum(score.order_edits for score in scores), sum(score.order_length for score in scores)
        ),
    }
    tables = [value for score in scores for value in score.teds]
    if tables:
        figures["teds"] = sum(tables) / len(tables)
        structures = [value for score in scores for value in score.teds_s]
        figures["teds_s"] = sum(structures) / len(structures)
    return figures


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def read_parsed(path: Path) -> Parsed:
    """Markdown, or the JSON of vlkit or of Docling.

    Raises:
        DamagedInput: The JSON is neither.
        MissingDependency: Docling's JSON needs the extra ``docling``.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".json":
        return parse_markdown(text)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DamagedInput(f"this is no JSON: {error}", file=path) from error
    if isinstance(content, dict) and content.get("schema_name") == "DoclingDocument":
        return parse_markdown(_docling_markdown(content))
    return parse_markdown(Document.from_json(text).to_markdown())


def _docling_markdown(content: dict[str, object]) -> str:
    try:
        from docling_core.types.doc.document import DoclingDocument
    except ImportError as error:
        raise MissingDependency(
            "Docling's JSON is read by docling-core, which is not installed",
            remedy='pip install "vlkit[docling]"',
        ) from error
    markdown: str = DoclingDocument.model_validate(content).export_to_markdown()
    return markdown


def pair_files(
    truth: Path, predicted: Path, names: Iterable[str] | None = None
) -> list[tuple[Path, Path | None]]:
    """Every truth file and the prediction of the same stem; None where there is none."""
    found = {path.stem: path for path in sorted(truth.iterdir()) if path.suffix in SUFFIXES}
    wanted = list(names) if names is not None else list(found)
    missing = [name for name in wanted if name not in found]
    if missing or not found:
        raise InputError(
            f"no truth for {missing[0]!r}" if missing else "no .md or .json file here",
            remedy="Put a NAME.md or NAME.json with the right answer for each document there",
            file=truth,
        )
    answers = {path.stem: path for path in sorted(predicted.rglob("*")) if path.suffix in SUFFIXES}
    return [(found[name], answers.get(name)) for name in wanted]
