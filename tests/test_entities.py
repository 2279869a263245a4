"""Entities and links as torch finds them, on real forms, across windows and pages; and what can't
be said so."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.entity_toys import KINDS, STEM, TAGS, folder_with, on_trunk
from vlkit.cli import app
from vlkit.data.labelled import read_forms
from vlkit.data.samples import SAMPLE_PDF
from vlkit.document import Block, Document, Line, Page, Word
from vlkit.entities.boxes import on_thousand, upright
from vlkit.entities.links import decode
from vlkit.entities.model import EntityModel, folder_of
from vlkit.entities.pieces import WordPieces
from vlkit.errors import CheckpointError, UnknownName
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import Flows, HeadConfig, RelationHead
from vlkit.models.lilt_windows import word_flows
from vlkit.reading.read import read

FUNSD = Path(os.environ.get("VLKIT_DATA", "")) / "funsd"
needs_funsd = pytest.mark.skipif(not FUNSD.is_dir(), reason="VLKIT_DATA holds no FUNSD")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lilt, Path]:
    model = on_trunk()
    return model, folder_with(model, tmp_path_factory.mktemp("shelf") / "forms")


def a_page(words: int, number: int = 1, seed: int = 0, **more: object) -> Page:
    """Words of digits and letters in rows."""
    draw = np.random.default_rng(seed)
    texts = ["".join(draw.choice(list("abcdefgh0123"), draw.integers(1, 7))) for _ in range(words)]
    lines = []
    for row in range(0, words, 8):
        top = 20 + 1.5 * row
        some = [
            Word(text=text, box=(70 * column, top, 70 * column + 60, top + 10))
            for column, text in enumerate(texts[row : row + 8])
        ]
        lines.append(Line(words=some, box=(0, some[0].box[1], 600, some[0].box[3])))
    blocks = [Block(lines=lines, box=(0, 0, 600, 900))] if lines else []
    return Page(number=number, width=600, height=900, items=blocks).model_copy(update=more)


@torch.no_grad()
def torch_flows(model: Lilt, page: Page) -> Flows:
    texts = [word.text for word in page.words]
    pieces = WordPieces(STEM / "tokenizer.json")
    boxes = on_thousand([word.box for word in page.words], page.width, page.height)
    return word_flows(model, pieces(texts, 510), boxes, pieces.special)


@torch.no_grad()
def as_in_torch(model: Lilt, marked: Document) -> None:
    """Labels, entities and links are those that torch gives, decoded by naive code here."""
    tokens, relations = model.head("tokens"), model.head("relations")
    assert isinstance(relations, RelationHead)
    entities, seen = [], []
    for page in marked.pages:
        flows = torch_flows(model, page)
        probabilities = tokens.of(tokens.seen(flows))[0].softmax(-1)  # type: ignore[operator]
        tags = [TAGS[number] for number in probabilities.argmax(-1)]
        expected = []
        for word, tag in enumerate(tags):
            if tag == "O":
                continue
            follows = word > 0 and tags[word - 1][1:] == tag[1:] and tags[word - 1] != "O"
            if tag.startswith("I-") and follows:
                expected[-1][1].append(word)
            else:
                expected.append((tag[2:], [word]))
        assert [(entity.label, entity.words) for entity in page.entities] == expected
        for entity in page.entities:
            least = probabilities.max(-1).values[entity.words].min()
            assert entity.confidence == pytest.approx(float(least), abs=1e-3)
            seen.append(relations.seen(flows)[0, entity.words[0]])
        entities += [(page.number, entity) for entity in page.entities]
    types = torch.tensor([[KINDS.index(entity.label) for _, entity in entities]])
    logits = relations.of(torch.stack(seen)[None], types)
    expected_links = {
        (entities[link.parent][1].id, entities[link.child][1].id): link.probability
        for link in relations.decode(logits, relations.candidates({"types": types}))[0]
    }
    found = [link for page in marked.pages for link in page.relations] + marked.relations
    assert {(link.head, link.tail): link.confidence for link in found} == pytest.approx(
        expected_links, abs=1e-3
    )
    assert expected_links
    pages = {entity.id: number for number, entity in entities}
    assert len(pages) == len(entities)  # ids are unique in the document
    for page in marked.pages:
        assert all({pages[link.head], pages[link.tail]} == {page.number} for link in page.relations)
    assert all(pages[link.head] != pages[link.tail] for link in marked.relations)


@needs_funsd
def test_forms_are_read_as_in_torch(forms: tuple[Lilt, Path]) -> None:
    """Two forms as the pages of one document, so that links lead from one to the other."""
    pages = [document.pages[0] for document in read_forms(FUNSD).documents[:2]]
    pages = [page.model_copy(update={"number": number}) for number, page in enumerate(pages, 1)]
    model, folder = forms
    marked = EntityModel.open(folder).mark(Document(pages=pages))
    assert len({entity.label for page in marked.pages for entity in page.entities}) > 1
    assert marked.relations
    as_in_torch(model, marked)
    assert Document.from_json(marked.to_json()) == marked


def test_long_pages_get_one_label_a_word_across_windows(
    forms: tuple[Lilt, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links too, whose children are taken some at a time."""
    monkeypatch.setattr("vlkit.entities.model.CHILDREN_AT_A_TIME", 7)
    model, folder = forms
    page = a_page(260)
    assert (
        sum(map(len, WordPieces(STEM / "tokenizer.json")([w.text for w in page.words], 510))) > 512
    )
    as_in_torch(model, EntityModel.open(folder).mark(Document(pages=[page])))


def test_turned_pages_are_read_upright(forms: tuple[Lilt, Path]) -> None:
    opened = EntityModel.open(forms[1])
    page = a_page(40)
    expected = opened.read(page)
    turned = {  # where a point of the upright page lies on the page as given
        90: lambda x, y: (page.height - y, x),
        180: lambda x, y: (page.width - x, page.height - y),
        270: lambda x, y: (y, page.width - x),
    }
    for rotation, of in turned.items():
        other = a_page(40)
        for word in other.words:
            corners = [of(*word.box[:2]), of(*word.box[2:])]
            (x0, x1), (y0, y1) = (sorted(axis) for axis in zip(*corners, strict=True))
            word.box = (x0, y0, x1, y1)
        size = (900, 600) if rotation != 180 else (600, 900)
        other.rotation, other.width, other.height = rotation, *size  # type: ignore[assignment]
        for before, word in zip(page.words, other.words, strict=True):
            assert upright(word.box, rotation, *size) == before.box
        np.testing.assert_array_equal(opened.read(other).best, expected.best)


def test_words_have_their_lines_boxes_where_the_model_learnt_them_so(
    forms: tuple[Lilt, Path], tmp_path: Path
) -> None:
    shutil.copytree(forms[1].parent, tmp_path / "shelf")
    config = tmp_path / "shelf" / "forms" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "boxes": "segments"}))
    page, moved = a_page(40), a_page(40)
    for line in moved.lines:
        for word in line.words:
            word.box = line.box
    of_words, of_lines = (EntityModel.open(folder) for folder in (forms[1], config.parent))
    expected = of_words.read(moved)
    np.testing.assert_allclose(of_lines.read(page).seen, expected.seen, atol=1e-5)
    assert abs(of_words.read(page).seen - expected.seen).max() > 0.01


@given(st.integers(0, 6), st.integers(0, 6), st.booleans(), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_links_are_decoded_as_in_torch(parents: int, kids: int, one: bool, seed: int) -> None:
    torch.manual_seed(seed)
    head = RelationHead(HeadConfig("relations", KINDS, links=LINK, one_parent=one), 4, 4, 4)
    n = parents + kids
    logits, candidates = torch.randn(1, n, n, 2) * 3, torch.zeros(1, n, n, dtype=torch.bool)
    candidates[:, :parents, parents:] = torch.rand(1, parents, kids) > 0.2
    expected = head.decode(logits, candidates)[0]
    odds = (logits[..., 1] - logits[..., 0]).masked_fill(~candidates, -torch.inf)[0].numpy()
    found = list(decode(odds[:, parents:], one))
    assert [(link.parent, link.child + parents) for link in found] == [x[:2] for x in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-5)


LINK = (("question", "answer"),)


# What can't be


def test_pages_without_words_or_with_boxes_that_can_not_be(forms: tuple[Lilt, Path]) -> None:
    opened = EntityModel.open(forms[1])
    empty, off, sound = a_page(0), a_page(9, 2), a_page(9, 3, seed=2)
    off.words[4].box = (700, 10, 720, 20)
    marked = opened.mark(Document(pages=[empty, off, sound]))
    assert [bool(page.entities) for page in marked.pages] == [False, False, True]
    assert [len(page.warnings) for page in marked.pages] == [0, 1, 0]
    assert f"word 4 ('{off.words[4].text}') lies off the page" in marked.pages[1].warnings[0]
    assert opened.mark(Document(pages=[])) == Document(pages=[])


def test_another_tokenizer_or_labels_of_others_are_refused(
    forms: tuple[Lilt, Path], tmp_path: Path
) -> None:
    shutil.copytree(forms[1].parent / STEM.name, tmp_path / STEM.name)
    folder = tmp_path / "forms"
    shutil.copytree(forms[1], folder)
    described = json.loads((folder / "config.json").read_text())

    def refused(change: object, match: str) -> None:
        (folder / "config.json").write_text(json.dumps(change))
        with pytest.raises(CheckpointError, match=match):
            EntityModel.open(folder)

    def with_heads(*heads: dict[str, object]) -> dict[str, object]:
        return {**described, "config": {**described["config"], "heads": heads}}

    tokens, relations = described["config"]["heads"]
    refused(with_heads(relations), "no model that labels words.*tokens")
    refused(with_heads({**tokens, "labels": [*TAGS[:-1], "ANSWER"]}), "'ANSWER' is none of O, B-")
    fewer = {**tokens, "labels": TAGS[:3]}
    refused(with_heads(fewer, relations), "links 'question', which no label")
    refused(with_heads({**tokens, "labels": TAGS[:5]}), "gives 7 labels, its configuration 5")
    refused({**described, "trunk": {**described["trunk"], "sha256": "0" * 64}}, "another trunk")
    (folder / "config.json").write_text(json.dumps(described))
    shutil.copyfile(STEM.parent / "clip-nano" / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(
        CheckpointError, match=r"tokenizer has 8192 entries, .* 30522|no tokens for"
    ):
        EntityModel.open(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"model\.onnx is missing.*lilt_onnx"):
        EntityModel.open(folder)


def test_models_have_names(forms: tuple[Lilt, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLKIT_MODELS", str(forms[1].parent))
    assert folder_of("forms") == forms[1]
    assert folder_of(forms[1]) == forms[1]
    with pytest.raises(UnknownName, match=r"'form'.*'forms'"):
        folder_of("form")


def test_read_finds_entities(forms: tuple[Lilt, Path], tmp_path: Path) -> None:
    command = ["read", str(SAMPLE_PDF), "--engine", "pdf-text", "--pages", "1", "--workers", "1"]
    command += ["--entities", str(forms[1]), "--to", "md,json", "--overlay"]
    result = CliRunner().invoke(app, [*command, "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    document = Document.load(next(tmp_path.glob("*.json")))
    page = document.pages[0]
    assert page.entities
    assert page.stages[-1].name == "entities"
    for entity in page.entities:
        assert entity.source
        assert entity.source.name == "forms"
        assert entity.text.split() == " ".join(page.words[at].text for at in entity.words).split()
    text = next(tmp_path.glob("*.md")).read_text()
    assert text.count("\n- **") > 0
    assert list(tmp_path.glob("*.overlay.png"))


def test_a_model_that_fails_costs_the_entities_alone(
    forms: tuple[Lilt, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Document:
        raise RuntimeError("no memory")

    with pytest.raises(UnknownName, match="nothing"):
        read(SAMPLE_PDF, engine="pdf-text", entities="nothing")
    monkeypatch.setattr(EntityModel, "mark", fail)
    document = read(SAMPLE_PDF, engine="pdf-text", pages=1, entities=forms[1])
    (page,) = document.pages
    assert page.words
    assert page.warnings == ["stage 'entities' failed: no memory"]
    assert "entities" not in {stage.name for stage in page.stages}
