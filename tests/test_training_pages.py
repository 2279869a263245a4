"""Labelled pages as a LiLT learns them: windows, batches, and what is measured."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from tests.document_toys import CONFIG, HEADS, MARKS, PAGE, TAGS, page_of, write_tokenizer
from tests.labelled_toys import put, spanned
from tests.lilt_toys import shaken
from vlkit.data.labelled import read_labelled
from vlkit.document import Page
from vlkit.entities.pieces import WordPieces
from vlkit.errors import InputError
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_batches import packed, padded
from vlkit.models.lilt_heads import NONE
from vlkit.training import documents as rooms
from vlkit.training.documents import Documents, DocumentSource, Generated, Shares, Windows
from vlkit.training.entities import EntityValidation
from vlkit.training.pages import Speller, Taught, jittered, tags_of

TAUGHT = Taught.of(HEADS)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> WordPieces:
    return WordPieces(write_tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json"))


# Pages


def test_first_tokens_learn_and_entities_link(words: WordPieces) -> None:
    (found,) = Speller(words, "words", CONFIG).windows(PAGE, TAUGHT)
    ids = {text: words.tokenizer.token_to_id(text) for text in (*MARKS, *"nabo", "##b", "##o")}
    assert found["ids"].tolist()[:2] == [ids["[CLS]"], ids["n"]]
    # Name: is five tokens, ab two; the Hangul that nobody can spell makes a word unknown.
    assert found["ids"].tolist()[6:] == [
        *(ids["a"], ids["##b"], ids["[UNK]"], ids["n"], ids["##o"], ids["[SEP]"])
    ]
    learnt = {place: TAGS[label] for place, label in enumerate(found["labels"]) if label != NONE}
    assert learnt == {1: "B-QUESTION", 6: "B-ANSWER", 8: "I-ANSWER", 9: "O"}
    assert found["starts"].tolist() == [1, 6]
    assert found["types"].tolist() == [1, 2]
    assert found["links"].tolist() == [[False, True], [False, False]]
    assert found["boxes"][6].tolist() == [100, 0, 180, 40]
    assert found["boxes"][[0, -1]].tolist() == [[0] * 4, [1000] * 4]
    (segments,) = Speller(words, "segments", CONFIG).windows(PAGE, TAUGHT)
    assert segments["boxes"][1:8].unique(dim=0).tolist() == [[0, 0, 200, 45]]
    assert segments["ids"].equal(found["ids"])


def long_page() -> Page:
    texts = [[letter * (1 + at % 3) for letter in "abcd"] for at in range(20)]
    entities = " ".join(f"q{at} a{at + 1}-{at + 2}" for at in range(0, 78, 4))
    links = tuple(f"q{at} a{at + 1}-{at + 2}" for at in range(0, 78, 4))
    return page_of(*texts, entities=entities, links=links)


def test_windows_of_a_long_page_teach_every_word_and_link(words: WordPieces) -> None:
    page = long_page()
    found = Speller(words, "words", CONFIG).windows(page, TAUGHT)
    assert len(found) > 4
    places = {word.box: number for number, word in enumerate(page.words)}
    taught: dict[int, set[str]] = {}
    links = set()
    for window in found:
        assert len(window["ids"]) <= CONFIG.context_length
        at = [places.get(tuple(map(float, box))) for box in window["boxes"].tolist()]
        for place, label in enumerate(window["labels"].tolist()):
            if label != NONE:
                taught.setdefault(at[place], set()).add(TAGS[label])
        for parent, child in window["links"].nonzero().tolist():
            links.add((at[window["starts"][parent]], at[window["starts"][child]]))
    tags = tags_of(page)
    assert taught == {word: {tag.upper()} for word, tag in enumerate(tags)}
    assert links == {(at, at + 1) for at in range(0, 78, 4)}


@pytest.mark.parametrize("rows", ["padded", "packed"])
def test_pages_without_entities_teach_that_there_are_none(words: WordPieces, rows: str) -> None:
    speller = Speller(words, "words", CONFIG)
    documents = speller.windows(page_of(["x", "y"]), TAUGHT) * 2
    assert documents[0]["links"].shape == (0, 0)
    batch = padded(documents, 1) if rows == "padded" else packed(documents, 12, 1)
    torch.manual_seed(0)
    model = Lilt(CONFIG)
    loss, logs = model.loss(model.encode(batch), batch)
    loss.backward()
    assert loss == logs["tokens"] > 0
    assert all(part.grad is not None for part in model.head("relations").parameters())
    assert speller.windows(page_of(), TAUGHT) == []


def test_a_jittered_page_keeps_its_segments_and_ends(words: WordPieces) -> None:
    (document,) = Speller(words, "segments", CONFIG).windows(PAGE)
    seen = set()
    for seed in range(30):
        boxes = jittered(document, 0.1, np.random.default_rng(seed))["boxes"]
        assert boxes[[0, -1]].equal(document["boxes"][[0, -1]])
        assert (boxes[:, 2:] >= boxes[:, :2]).all()
        assert 0 <= boxes.min() <= boxes.max() <= 1000
        assert (boxes - document["boxes"]).abs().max() <= 200
        assert len(boxes[1:-1].unique(dim=0)) == 2
        seen.add(tuple(boxes[1].tolist()))
    assert len(seen) > 20


# Samples


@given(st.lists(st.floats(0.05, 20), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_each_stream_gives_its_samples_in_turn(weights: list[float], seed: int) -> None:
    shares = Shares(weights, seed)
    taken: Counter[int] = Counter()
    for position in range(250):
        stream, number = shares.at(position)
        assert number == taken[stream]
        taken[stream] += 1
    assert set(taken) <= set(range(len(weights)))
    for stream, weight in enumerate(weights):
        assert taken[stream] / 250 == pytest.approx(weight / sum(weights), abs=0.08)


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    for number in range(10):
        put(tmp_path / "forms" / "annotations" / f"form{number}.json", spanned())
    return tmp_path / "forms"


def source_of(folder: Path, words: WordPieces, **changes: Any) -> DocumentSource:
    wanted = Documents(boxes="words", generated=Generated(), pool=2, **changes)
    speller = Speller(words, "words", CONFIG)
    read = read_labelled(folder).documents
    longer = [replace(read[0], name="long", pages=(long_page(),)), *read]
    streams = [
        Windows.of("forms", longer, speller, TAUGHT, seed=4),
        rooms.Drawn(Generated(), speller, TAUGHT, seed=4),
    ]
    return DocumentSource(streams, [3, 1], wanted, CONFIG, None, 4, 4)


def test_a_batch_is_a_function_of_its_step(forms: Path, words: WordPieces) -> None:
    running = source_of(forms, words, jitter=0.02)
    inorder = [running.load(range(4 * step, 4 * step + 4)) for step in range(8)]
    for step in (7, 2):
        alone = source_of(forms, words, jitter=0.02).load(range(4 * step, 4 * step + 4))
        assert alone.keys == inorder[step].keys
        assert all(alone.batch[name].equal(inorder[step].batch[name]) for name in alone.batch)
    keys = Counter(key.split("-")[0].split("/")[0] for each in inorder for key in each.keys)
    assert keys["forms"] > 16
    assert len(keys) > 2  # several kinds of generated ones


def test_packed_rows_hold_what_padded_ones_do(forms: Path, words: WordPieces) -> None:
    padded = source_of(forms, words).load(range(4))
    packed = source_of(forms, words, rows="packed").load(range(4))
    assert padded.keys == packed.keys
    assert set(packed.batch) == {*padded.batch, "documents"} - {"mask"}
    for name in ("ids", "labels"):
        real = padded.batch["mask"], packed.batch["documents"] > 0
        one, other = (
            each.batch[name][mask] for each, mask in zip((padded, packed), real, strict=True)
        )
        assert sorted(one.tolist()) == sorted(other.tolist())
    assert padded.batch["links"].sum() == packed.batch["links"].sum() > 0


def test_a_document_that_can_t_be_drawn_costs_itself(
    words: WordPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = rooms.generated
    refused: list[int] = []

    def sometimes(number: int, *rest: Any, **more: Any) -> Any:
        if not refused:
            refused.append(number)
            raise InputError("it does not fit")
        return drawn(number, *rest, **more)

    monkeypatch.setattr(rooms, "generated", sometimes)
    sample = rooms.Drawn(Generated(), Speller(words, "words", CONFIG), None, 0).sample(3)
    assert [item.key.rsplit("-", 1)[1] for item in sample.broken] == [str(refused[0])]
    assert sample.key.rsplit("-", 1)[1] != str(refused[0])


# Measuring


def test_what_is_measured_is_what_seqeval_and_all_pairs_say(forms: Path, words: WordPieces) -> None:
    torch.manual_seed(3)
    model = Lilt(CONFIG)
    shaken(model, 0.3)
    pages = [
        PAGE,
        page_of(["x", "y:", "z", "w"], entities="h0 q1 a2-3", links=("q1 a2-3", "h0 q1")),
    ]
    read = read_labelled(forms).documents[0]
    document = replace(read, pages=tuple(pages))
    speller = Speller(words, "words", CONFIG)
    found = EntityValidation([document], speller, TAUGHT)(model)  # type: ignore[arg-type]

    said, true, right, predicted = [], [], 0, 0
    for page in pages:
        (batch,) = speller.windows(page, TAUGHT)
        rows = {name: tensor[None] for name, tensor in batch.items()}
        reps = model.encode(rows)
        firsts = (batch["labels"] != NONE).nonzero()[:, 0]
        said.append([TAGS[n] for n in reps["tokens"][0, firsts].argmax(-1)])
        true.append([TAGS[n] for n in batch["labels"][firsts]])
        names = [entity.id for entity in page.entities]
        gold = {(relation.head, relation.tail) for relation in page.relations}
        for parent, one in enumerate(page.entities):
            for child, other in enumerate(page.entities):
                no, yes = reps["relations"][0, parent, child].tolist()
                if (one.label, other.label) == ("question", "answer") and yes > no:
                    predicted += 1
                    right += (names[parent], names[child]) in gold
    assert found["entities_f1"] == pytest.approx(f1_score(true, said))
    assert found["relations_f1"] == pytest.approx(2 * right / (predicted + 3))
    assert predicted


def test_a_box_off_the_page_is_named_before_anything_is_trained(
    forms: Path, words: WordPieces
) -> None:
    read = read_labelled(forms).documents[0]
    page = PAGE.model_copy(deep=True)
    page.words[1].box = (5000, 10, 5010, 20)
    document = replace(read, name="slipped", pages=(page,))
    with pytest.raises(InputError, match=f"^slipped, page {page.number}: word 1 .*off the page"):
        EntityValidation([document], Speller(words, "words", CONFIG), TAUGHT)
