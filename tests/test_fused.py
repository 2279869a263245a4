"""Two readings of a line made into one."""

from hypothesis import given
from hypothesis import strategies as st

from vlkit.document import Line, Word, box_union
from vlkit.reading.fused import MARGIN, SHARED, fused, places

TALL = 20.0


def line(*words: tuple[str, float, float, float]) -> Line:
    """Of texts, left and right edges, and confidences."""
    made = [Word(text=text, box=(x0, 0, x1, TALL), confidence=sure) for text, x0, x1, sure in words]
    return Line(words=made, box=box_union(word.box for word in made))


def test_the_surer_reading_of_a_word_is_taken_and_the_others_stay():
    rapid = line(("Date", 0, 40, 0.9), ("0f", 50, 70, 0.3), ("birth", 80, 130, 0.9))
    ours = line(("Dafe", 1, 41, 0.5), ("of", 49, 71, 0.8), ("birfh", 80, 128, 0.7))
    assert fused(rapid, ours).text == "Date of birth"


def test_words_that_one_reading_ran_together_are_parted_as_a_whole():
    rapid = line(("DATEOFBIRTH", 0, 130, 0.2), ("x", 140, 150, 0.9))
    ours = line(("DATE", 0, 40, 0.9), ("OF", 50, 70, 0.9), ("BIRTH", 80, 130, 0.9))
    found = fused(rapid, ours)
    assert [word.text for word in found.words] == ["DATE", "OF", "BIRTH", "x"]
    assert fused(ours, rapid).text == ours.text


def test_a_little_surer_is_not_sure_enough():
    rapid, ours = line(("0ne", 0, 30, 0.5)), line(("One", 0, 30, 0.5 + 0.9 * MARGIN))
    assert fused(rapid, ours) == rapid


def test_what_only_the_second_reading_sees_is_left_out():
    rapid = line(("one", 0, 30, 0.9), ("two", 60, 90, 0.9))
    ours = line(("one", 0, 30, 0.9), ("•", 40, 50, 0.99), ("two", 60, 90, 0.9), ("_", 99, 110, 1))
    assert fused(rapid, ours) == rapid
    assert fused(ours, rapid) == ours


def test_where_white_follows_the_line_is_as_the_first_reading_has_it():
    rapid, ours = line(("anci", 0, 40, 0.1)), line(("anti-", 0, 40, 0.9))
    rapid.words[-1].space_after = False
    found = fused(rapid, ours)
    assert found.text == "anti-"
    assert found.words[-1].space_after is False
    assert ours.words[-1].space_after is True


edges = st.lists(
    st.tuples(st.floats(0, 500), st.floats(1, 120), st.floats(0, 1)), min_size=1, max_size=8
)


def apart(drawn: list[tuple[float, float, float]], letter: str) -> Line:
    """Words that do not overlap, from gaps, widths and confidences."""
    x, words = 0.0, []
    for number, (gap, width, sure) in enumerate(drawn):
        x += gap / 20
        words.append((f"{letter}{number}", x, x + width, sure))
        x += width
    return line(*words)


@given(edges, edges)
def test_every_word_stands_in_one_place_and_each_place_is_taken_whole(one, two):
    first, second = apart(one, "a"), apart(two, "b")
    found = list(places(first.words, second.words))
    assert [word for mine, _ in found for word in mine] == first.words
    assert [word for _, theirs in found for word in theirs] == second.words
    taken = fused(first, second).words
    left = [word.text for word in taken]
    for mine, theirs in found:
        for some in (mine, theirs):
            assert {word.text in left for word in some} in (set(), {True}, {False})
        assert sum(word.text in left for word in mine + theirs) in (0, len(mine), len(theirs))
        assert not mine or any(word.text in left for word in mine + theirs)


@given(edges, edges)
def test_places_do_not_share_much_of_a_line(one, two):
    """Against the naive look at all pairs: words that share more than a third are in one place."""
    first, second = apart(one, "a"), apart(two, "b")
    home = {
        word.text: number
        for number, each in enumerate(places(first.words, second.words))
        for some in each
        for word in some
    }
    for a in first.words:
        for b in second.words:
            share = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
            narrower = min(a.box[2] - a.box[0], b.box[2] - b.box[0])
            if share > SHARED * narrower + 1e-6:
                assert home[a.text] == home[b.text]
