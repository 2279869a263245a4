from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit.evaluation.result import typed
from vlkit.evaluation.retrieval import recalls


def naive(similarity: np.ndarray, owners: np.ndarray, k: int) -> tuple[float, float]:
    """Sort and look: captions for images, images for captions, by two loops."""
    images, captions = similarity.shape
    found = 0
    for j in range(captions):
        nearest = sorted(range(images), key=lambda i: -similarity[i, j])[:k]
        found += owners[j] in nearest
    t2i = found / captions
    found = 0
    for i in range(images):
        nearest = sorted(range(captions), key=lambda j: -similarity[i, j])[:k]
        found += any(owners[j] == i for j in nearest)
    return t2i, found / images


@given(
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
)
def test_equals_sorting_and_looking(images: int, each: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    owners = rng.permutation(np.repeat(np.arange(images), each))
    # Distinct values: how ties are counted is told apart below.
    similarity = rng.permutation(images * owners.size).reshape(images, -1).astype(np.float32)
    figures = recalls(similarity, owners)
    for k in (1, 5, 10):
        assert (figures[f"t2i_r{k}"], figures[f"i2t_r{k}"]) == pytest.approx(
            naive(similarity, owners, k)
        )


def test_a_model_that_says_the_same_of_everything_finds_nothing() -> None:
    same = np.full((12, 24), 0.5, np.float32)
    assert set(recalls(same, np.repeat(np.arange(12), 2)).values()) == {0.0}


def test_a_command_says_where_the_data_are_by_their_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    assert typed("--data", tmp_path / "a" / "b c") == "--data $VLKIT_DATA/a/'b c'"
    assert typed("--data", tmp_path) == "--data $VLKIT_DATA"
    assert typed("a b", Path("elsewhere/c d")) == "'a b' 'elsewhere/c d'"
    monkeypatch.chdir(tmp_path)
    assert typed(Path("a")) == "$VLKIT_DATA/a"
    monkeypatch.delenv("VLKIT_DATA")
    assert typed(tmp_path / "a") == str(tmp_path / "a")
