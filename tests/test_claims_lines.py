"""Arms that read lines: the same work and the same lines for all, and each goes from end to end."""

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from benchmarks.arms import lines  # noqa: E402
from benchmarks.line_rows import sets  # noqa: E402
from vlkit.data import typefaces  # noqa: E402
from vlkit.models.lines import LineReader  # noqa: E402

FRAMES, B = 16, 3
BATCH = {
    "pixels": torch.full((B, 32, 4 * FRAMES), 255, dtype=torch.uint8),
    "widths": torch.full((B,), 4 * FRAMES),
    "codes": torch.ones(B, 7, dtype=torch.long),
}


@pytest.fixture(autouse=True)
def fonts(monkeypatch):
    """The typefaces that ship, which open at once."""
    shipped = sets.Fonts((typefaces.FOLDER,), (), (typefaces.FOLDER,), ("*",))
    monkeypatch.setattr(sets, "recipe_fonts", lambda: shipped)


def gflop(arm, **changes):
    config = replace(lines.config_of(arm, lines.QUICK), **changes)
    return lines.step_gflop(LineReader(config), BATCH)


def test_a_block_costs_what_its_formula_says():
    """Products of one block more: for each frame as many as it has weights, three times."""
    w, k = lines.QUICK.model.width, lines.QUICK.model.kernel
    weights = {
        "conv + CTC": w * k + 4 * w * w,
        "attention + CTC": 8 * w * w + 2 * FRAMES * w,  # and each frame's look at all of them
        "LSTM + CTC": 2 * 4 * (w // 2) * (w + w // 2),
    }
    for arm, expected in weights.items():
        more = gflop(arm, depth=3) - gflop(arm, depth=2)
        assert more == pytest.approx(3 * 2 * B * FRAMES * expected / 1e9), arm


def test_counting_leaves_the_model_as_it_was():
    model = LineReader(lines.config_of("LSTM + CTC", lines.QUICK))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    lines.step_gflop(model, BATCH)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_arms_see_the_same_lines_and_seeds_others():
    readers = [LineReader(lines.config_of(arm, lines.QUICK)) for arm in lines.ARMS]
    first = [
        lines.source_of(reader, lines.QUICK, seed).load(range(lines.QUICK.batch)).batch["codes"]
        for reader, seed in zip([*readers[1:3], readers[1]], (0, 0, 1), strict=True)
    ]
    assert torch.equal(first[0], first[1])
    assert first[0].shape != first[2].shape or not torch.equal(first[0], first[2])


@pytest.mark.parametrize("arm", ["conv + CTC", "conv + decoder"])
def test_an_arm_trains_for_its_budget_and_is_measured(arm, tmp_path):
    figures = lines.run(arm, 0, True, tmp_path)
    assert set(lines.STUDY.metrics) < set(figures)
    assert figures["gflop"] == pytest.approx(lines.QUICK.gflop, abs=figures["gflop"] / 2)
    assert figures["steps"] > 1
    assert all(map(math.isfinite, figures.values()))
    assert figures["korean"] <= 1
    assert figures["rate"] > 0
