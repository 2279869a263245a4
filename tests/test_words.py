"""Word splitting: nothing lost, boxes ordered and inside the strip, cuts at the white."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.reading.words import Glyph, ink_of, split_words

HEIGHT = 48
ADVANCE = 20


def blocks(text: str, gap: int = 4) -> tuple[list[Glyph], np.ndarray]:
    """Each letter a block of ink ``ADVANCE − gap`` wide, spaces white."""
    ink = np.zeros((HEIGHT, ADVANCE * max(len(text), 1)), bool)
    glyphs = []
    for i, letter in enumerate(text):
        if letter != " ":
            ink[12:36, i * ADVANCE + gap // 2 : (i + 1) * ADVANCE - gap // 2] = True
        glyphs.append(Glyph(letter, (i + 0.5) * ADVANCE, 0.9))
    return glyphs, ink


@given(st.text(alphabet="abC1 -/.:(", max_size=30), st.integers(2, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_text_is_preserved_and_spans_are_ordered(text: str, gap: int, seed: int) -> None:
    glyphs, ink = blocks(text, gap)
    noise = np.random.default_rng(seed).random(ink.shape) < 0.002
    spans = split_words(glyphs, ink | noise)
    joined = "".join(span.text + (" " if span.space_after else "") for span in spans)
    assert joined.split() == text.split()
    previous = 0.0
    for span in spans:
        assert previous <= span.start <= span.end <= ink.shape[1]
        previous = span.end


def test_a_missing_space_is_seen_in_the_ink() -> None:
    glyphs, ink = blocks("ab cd")
    without = [glyph for glyph in glyphs if glyph.text != " "]
    assert [span.text for span in split_words(without, ink)] == ["ab", "cd"]


def test_edges_are_those_of_the_white() -> None:
    first, second = split_words(*blocks("ab cd"))
    assert abs(first.end - 38) <= 3
    assert abs(second.start - 62) <= 3


def test_parts_behind_slash_and_hyphen_between_letters_only() -> None:
    def parts(text: str) -> list[tuple[str, bool]]:
        return [(span.text, span.space_after) for span in split_words(*blocks(text))]

    assert parts("yes/no") == [("yes/", False), ("no", True)]
    assert parts("19/10/2018") == [("19/10/2018", True)]
    assert parts("07-350-X") == [("07-350-X", True)]


def test_no_characters_no_words() -> None:
    assert split_words([], np.zeros((HEIGHT, 30), bool)) == []
    assert split_words([Glyph(" ", 4.0, 1.0)], np.zeros((HEIGHT, 30), bool)) == []


def test_ink_is_the_same_in_light_on_dark_and_rules_are_not_ink() -> None:
    page = np.full((HEIGHT, 300), 255, np.uint8)
    cv2.putText(page, "Some", (10, 34), cv2.FONT_HERSHEY_SIMPLEX, 1, 0, 2)
    ink = ink_of(page)
    assert ink.any()
    assert (ink != ink_of(255 - page)).sum() < 0.1 * ink.sum()
    ruled = page.copy()
    ruled[40:42] = 0
    assert (ink != ink_of(ruled)).sum() < 0.1 * ink.sum()
