"""Windows hold every word once and no more than fits; packed documents are as if alone."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.lilt_toys import TINY, TYPES, equal, random_batch, shaken
from vlkit.entities.windows import Special, owners, windows
from vlkit.errors import InputError, ModelError
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_batches import packed, padded
from vlkit.models.lilt_heads import NONE, HeadConfig, RelationHead, has_one_parent
from vlkit.models.lilt_windows import put_together, word_flows

SPECIAL = Special(2, 3, 4)
pages = st.integers(1, 20).flatmap(
    lambda room: st.tuples(
        st.lists(st.integers(1, room), min_size=1, max_size=60), st.just(room), st.integers(0, 25)
    )
)


@given(pages)
@settings(deadline=None)
def test_windows_fit_and_hold_all(page: tuple[list[int], int, int]) -> None:
    lengths, room, overlap = page
    found = windows(lengths, room, overlap)
    assert found[0].start == 0
    assert found[-1].stop == len(lengths)
    for window in found:
        assert 0 < sum(lengths[window.start : window.stop]) <= room
    for one, other in pairwise(found):
        assert one.start < other.start <= one.stop < other.stop
        assert sum(lengths[other.start : one.stop]) <= overlap


@given(pages)
@settings(deadline=None)
def test_every_word_is_taken_where_it_has_most_around_it(
    page: tuple[list[int], int, int],
) -> None:
    lengths, room, overlap = page
    found = windows(lengths, room, overlap)
    chosen = owners(found, lengths)
    assert len(chosen) == len(lengths)

    def poorer_side(word: int, number: int) -> float:
        start, stop = found[number]
        left = sum(lengths[start:word]) if start else 1e9
        return min(left, sum(lengths[word + 1 : stop]) if stop < len(lengths) else 1e9)

    for word, number in enumerate(chosen):
        holding = [n for n, window in enumerate(found) if window.start <= word < window.stop]
        assert number in holding
        assert poorer_side(word, number) == max(poorer_side(word, n) for n in holding)
    rows = [torch.arange(window.start, window.stop)[:, None] for window in found]
    together = put_together(rows, found, chosen)
    assert together[:, 0].tolist() == list(range(len(lengths)))


def a_page(words: int, longest: int = 4) -> tuple[list[list[int]], list[tuple[int, ...]]]:
    pieces = [
        torch.randint(5, 60, (int(torch.randint(1, longest + 1, ())),)).tolist()
        for _ in range(words)
    ]
    corners = torch.randint(0, 900, (words, 2))
    boxes = torch.cat([corners, corners + 90], dim=1).tolist()
    return pieces, [tuple(box) for box in boxes]


@torch.no_grad()
def test_a_short_page_is_one_document() -> None:
    torch.manual_seed(0)
    model = shaken(Lilt(TINY))
    pieces, boxes = a_page(6)
    ids = torch.tensor([[2, *(piece for word in pieces for piece in word), 3]])
    spread = [box for word, box in zip(pieces, boxes, strict=True) for _ in word]
    whole = model(ids, torch.tensor([[(0,) * 4, *spread, (1000,) * 4]]))
    starts = torch.tensor([1, *map(len, pieces)]).cumsum(0)[:-1]
    page = word_flows(model, pieces, boxes, SPECIAL)
    equal(page.text[0], whole.text[0, starts])
    equal(page.layout[0], whole.layout[0, starts])


@torch.no_grad()
def test_a_long_page_gets_one_label_a_word_and_links_across_windows() -> None:
    torch.manual_seed(0)
    heads = (HeadConfig("tokens", ("O", "B")), HeadConfig("relations", TYPES))
    model = shaken(Lilt(replace(TINY, heads=heads)))
    pieces, boxes = a_page(150)
    pieces[3], pieces[70] = [], [7] * 50  # none, and more than a window holds
    page = word_flows(model, pieces, boxes, SPECIAL)
    tokens, relations = model.head("tokens"), model.head("relations")
    assert tokens.of(tokens.seen(page)).shape == (1, 150, 2)
    seen, types = relations.seen(page)[:, [0, 149]], torch.tensor([[1, 2]])
    logits = relations.of(seen, types)
    assert logits.shape == (1, 2, 2, 2)
    # Words far from the seams are as in a window of their own.
    some = windows([1] * 150, 30, 10)[1]
    singles = [[5 + word % 50] for word in range(150)]
    whole = word_flows(model, singles, boxes, SPECIAL, overlap=10)
    alone = word_flows(
        model, singles[some.start : some.stop], boxes[some.start : some.stop], SPECIAL
    )
    equal(whole.text[0, some.start + 15], alone.text[0, 15])


def test_pages_without_words_or_boxes() -> None:
    model = Lilt(TINY)
    with pytest.raises(InputError, match="empty pages"):
        word_flows(model, [], [], SPECIAL)
    with pytest.raises(InputError, match="2 words have 1 boxes"):
        word_flows(model, [[5], [6]], [(0, 0, 1, 1)], SPECIAL)


# Packing


def documents(lengths: list[int]) -> list[dict[str, Tensor]]:
    found = []
    for length in lengths:
        batch = random_batch(60, [length])
        labels = torch.randint(0, 2, (length,))
        found.append(
            {
                "ids": batch["ids"][0],
                "boxes": batch["boxes"][0],
                "labels": labels.masked_fill(torch.rand(length) < 0.2, NONE),
                "starts": torch.randint(0, length, (3,)),
                "types": torch.tensor([1, 2, 2]),
                "links": torch.tensor([[0, 1, 0], [0, 0, 0], [0, 0, 0]]).bool(),
            }
        )
    return found


def test_packed_documents_are_as_if_alone() -> None:
    """The same loss and gradients, in fewer rows."""
    torch.manual_seed(0)
    heads = (HeadConfig("tokens", ("O", "B")), HeadConfig("relations", TYPES))
    model = shaken(Lilt(replace(TINY, heads=heads))).double()
    some = documents([9, 20, 4, 13, 30, 7])
    found = []
    for batch in (padded(some, 1), packed(some, 32, 1)):
        model.zero_grad()
        loss, _ = model.loss(model.encode(batch), batch)
        loss.backward()
        found.append((len(batch["ids"]), loss, [p.grad.clone() for p in model.parameters()]))
    assert (found[0][0], found[1][0]) == (6, 3)
    equal(found[1][1], found[0][1], 1e-6)
    for ours, theirs in zip(found[1][2], found[0][2], strict=True):
        equal(ours, theirs, 1e-6)  # losses are in float32


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_packing_loses_no_token(lengths: list[int]) -> None:
    batch = packed(documents(lengths), 20, 1)
    assert batch["ids"].shape[1] <= 20
    sizes = [
        int((row == number).sum())
        for row in batch["documents"]
        for number in range(1, int(row.max()) + 1)
    ]
    assert sorted(sizes) == sorted(lengths)
    assert int(batch["links"].sum()) == len(lengths)


def test_what_can_not_be_packed() -> None:
    with pytest.raises(InputError, match="document 1 has 40"):
        packed(documents([5, 40]), 32, 1)
    model = Lilt(replace(TINY, heads=(HeadConfig("answers"),)))
    with pytest.raises(ModelError, match="answers"):
        model.encode(packed(documents([5, 6]), 32, 1))


# Decoding relations


def relation_head(one_parent: bool) -> RelationHead:
    config = HeadConfig("relations", TYPES, one_parent=one_parent)
    return RelationHead(config, 8, 8, 8)


@given(st.lists(st.integers(-1, 2), min_size=0, max_size=7), st.integers(0, 10_000))
@settings(deadline=None)
def test_links_are_the_likely_pairs_or_the_best_parents(types: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    n = len(types)
    logits = torch.randn(1, n, n, 2)
    batch = {"types": torch.tensor([types], dtype=torch.long)}
    odds = logits[0, ..., 1] - logits[0, ..., 0]
    likely = {
        (p, c) for p in range(n) for c in range(n)
        if types[p] == 1 and types[c] == 2 and odds[p, c] > 0
    }  # fmt: skip
    head = relation_head(one_parent=False)
    assert {link[:2] for link in head.decode(logits, head.candidates(batch))[0]} == likely
    head = relation_head(one_parent=True)
    found = head.decode(logits, head.candidates(batch))[0]
    best = {c: max((p for p, other in likely if other == c), key=lambda p: odds[p, c])
            for c in {c for _, c in likely}}  # fmt: skip
    assert {link.child: link.parent for link in found} == best
    for link in found:
        rivals = [float(odds[p, link.child].exp()) for p in range(n) if types[p] == 1]
        expected = float(odds[link.parent, link.child].exp()) / (1 + sum(rivals))
        assert link.probability == pytest.approx(expected, abs=1e-5)


def test_the_data_say_whether_there_is_one_parent() -> None:
    assert has_one_parent([[(0, 1), (0, 2), (0, 2)], []])
    assert not has_one_parent([[(0, 1)], [(0, 2), (1, 2)]])


def test_answers_end_after_they_begin() -> None:
    model = Lilt(replace(TINY, heads=(HeadConfig("answers"),)))
    logits = torch.zeros(1, 5, 2)
    logits[0, 3, 0], logits[0, 1, 1], logits[0, 1, 0], logits[0, 4, 1] = 5.0, 6.0, 4.5, 4.0
    assert model.head("answers").decode(logits).tolist() == [[1, 1]]
