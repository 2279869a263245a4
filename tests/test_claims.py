"""Grids go on where they stopped, count as a sceptic counts, and probes see what is there."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")

from benchmarks.arms import detailclip, probes  # noqa: E402
from benchmarks.arms.grid import Run, Study, finished, run_grid, settings_key  # noqa: E402
from benchmarks.arms.summary import STUDENT, differences, ratio, rows, show  # noqa: E402

RUNS = [Run(arm, seed) for seed in (0, 1) for arm in ("plain", "new")]
TINY = replace(detailclip.QUICK, width=24, heads=2, hidden=8, bottleneck=4, prototypes=8, batch=4)


def study(**settings: object) -> Study:
    return Study(
        name="test",
        question="Is it any good?",
        arms=("plain", "new", "floor"),
        metrics={"r1": "R@1", "miou": "mIoU"},
        settings=lambda quick: settings,
        run=lambda *_: {},
    )


def counting(log: Path, fails: tuple[Run, ...] = ()):
    """A command that notes its run in a file and says ``r1``, or fails."""

    def command(run: Run) -> list[str]:
        code = (
            f"open({str(log)!r}, 'a').write('{run.arm} {run.seed}\\n')\n"
            + (f"raise SystemExit('no {run.arm}')\n" if run in fails else "")
            + f"print('a word before'); print('{{\"r1\": {run.seed}}}')"
        )
        return [sys.executable, "-S", "-c", code]

    return command


# ---- the grid ---------------------------------------------------------------------------------


def test_a_grid_runs_what_is_missing_and_nothing_twice(tmp_path, capfd):
    file, log = tmp_path / "out" / "grid.jsonl", tmp_path / "log"
    key = settings_key(study(width=1), quick=False)
    fails = (RUNS[2],)
    first = run_grid(RUNS, key, file, counting(log, fails), jobs=2)
    assert set(first) == set(RUNS) - set(fails)
    assert "no plain" in capfd.readouterr().err
    assert len(file.read_text().splitlines()) == 3

    with file.open("a") as lines:  # a kill cuts a line short
        lines.write(f'{{"settings": "{key}", "arm": "plain", "se')
    log.write_text("")
    again = run_grid(RUNS, key, file, counting(log), jobs=1)
    assert again == {run: {"r1": run.seed} for run in RUNS}
    assert log.read_text() == "plain 1\n"
    assert finished(file, key) == again

    log.write_text("")
    assert run_grid(RUNS, key, file, counting(log), jobs=2) == again
    assert log.read_text() == ""


def test_runs_under_other_settings_do_not_count(tmp_path):
    keys = {settings_key(study(width=width), quick) for width in (1, 2) for quick in (False, True)}
    assert len(keys) == 4
    file = tmp_path / "grid.jsonl"
    old, new = sorted(keys)[:2]
    run_grid(RUNS[:1], old, file, counting(tmp_path / "log"), jobs=1)
    assert finished(file, new) == {}
    assert len(finished(file, old)) == 1


def test_no_run_outlives_a_grid_that_is_ended(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom benchmarks.arms.grid import Run, run_grid\n"
        "sleep = [sys.executable, '-S', '-c', 'import os, time\\n"
        'open(sys.argv[1], "w").write(str(os.getpid())); time.sleep(60)\'.replace('
        "'sys.argv[1]', repr(sys.argv[1]))]\n"
        "run_grid([Run('a', 0)], 'k', Path(sys.argv[1] + 'l'), lambda run: sleep, 1)\n"
    )
    note = tmp_path / "pid"
    grid = subprocess.Popen([sys.executable, "-c", script, str(note)])
    for _ in range(600):
        if note.exists() and note.read_text():
            break
        time.sleep(0.05)
    grid.send_signal(signal.SIGTERM)
    assert grid.wait(20) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


# ---- the table --------------------------------------------------------------------------------


def test_means_deviations_and_paired_differences(capsys):
    plain, new = (0.10, 0.20, 0.36), (0.13, 0.21, 0.41)
    results = {Run("plain", seed): {"r1": value, "gflop": 5.0} for seed, value in enumerate(plain)}
    results |= {Run("new", seed): {"r1": value, "miou": 0.5} for seed, value in enumerate(new)}
    results[Run("floor", 7)] = {"miou": 0.25}
    gains = [b - a for a, b in zip(plain, new, strict=True)]
    assert differences(results, "new", "plain", "r1") == pytest.approx(dict(enumerate(gains)))

    show(study(), results)
    lines = capsys.readouterr().out.splitlines()
    cells = {line.split(" | ")[0]: line.split(" | ")[1:] for line in reversed(lines)}
    assert cells["| plain"][:2] == [f"{mean(plain):.3f} ± {stdev(plain):.3f}", ""]
    assert cells["| plain"][3] == "5"
    assert cells["| floor"][:2] == ["", "0.250"]
    below = [line for line in lines if line.startswith("| new")][1]
    assert f"| {mean(gains):+.3f} ± {stdev(gains):.3f} |" in below

    found = {(row.on, row.figure): row for row in rows(study(), results)}
    assert set(found) == {("plain", "R@1"), ("new", "R@1"), ("new", "mIoU"), ("floor", "mIoU")}
    row = found["new", "R@1"]
    assert row.alternatives == {"plain": pytest.approx(mean(plain))}
    assert row.detail["deviation of the difference"] == pytest.approx(stdev(gains))
    json.dumps(row.detail)


def test_a_ratio_and_the_interval_that_seeds_allow():
    base, mine = (0.10, 0.20, 0.40), (0.20, 0.40, 0.80)
    results = {Run("plain", seed): {"r1": value} for seed, value in enumerate(base)}
    results |= {Run("twice", seed): {"r1": value} for seed, value in enumerate(mine)}
    results |= {Run("apart", seed): {"r1": value} for seed, value in enumerate((0.1, 0.4, 1.6))}
    results |= {Run("once", 0): {"r1": 0.1}, Run("none", 0): {"r1": 0.0}, Run("none", 1): {"r1": 1}}
    assert ratio(results, "twice", "plain", "r1") == pytest.approx((2, 2, 2))
    middle, low, high = ratio(results, "apart", "plain", "r1")
    assert middle == pytest.approx(2)
    assert high / middle == pytest.approx(2 ** (STUDENT[3] / 3**0.5)) == middle / low
    assert ratio(results, "once", "plain", "r1") is ratio(results, "none", "plain", "r1") is None


@pytest.mark.parametrize("seeds", STUDENT)
def test_students_t_holds_95_percent(seeds):
    free, limit = seeds - 1, STUDENT[seeds]
    t = np.linspace(-limit, limit, 200_001)
    density = math.gamma((free + 1) / 2) / (math.sqrt(free * math.pi) * math.gamma(free / 2))
    held = np.trapezoid(density * (1 + t**2 / free) ** (-(free + 1) / 2), t)
    assert held == pytest.approx(0.95, abs=1e-4)


# ---- equal work -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gflop():
    """Of a step of every arm, at a tiny size."""
    batch = {
        "views": torch.randn(TINY.batch, 2, 3, TINY.image, TINY.image),
        "pixels": torch.randn(TINY.batch, 3, TINY.image, TINY.image),
        "ids": torch.randint(1, 500, (TINY.batch, TINY.context)),
    }
    found = {}
    for arm, make in detailclip.ARMS.items():
        model = make(TINY)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        found[arm] = detailclip.step_gflop(model, batch)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
    return found


def test_a_step_costs_what_the_arm_computes(gflop):
    assert gflop["open_clip"] == pytest.approx(gflop["clip"], rel=0.02)
    assert gflop["random"] < gflop["attentive"]  # which pays for a teacher
    for part in ("ibot", "reconstruction"):
        assert gflop["attentive"] < gflop[f"attentive+{part}"] < gflop["all"]


def test_the_counted_work_is_that_of_the_formula(gflop):
    """Matrix products of CLIP's step by hand, attention too."""
    size, b, d = TINY, TINY.batch, TINY.width

    def blocks(tokens: int, depth: int) -> int:
        return depth * 2 * (12 * d**2 * tokens + 2 * tokens**2 * d)

    patches = (size.image // size.patch) ** 2
    stem, tower = 2 * patches * 3 * size.patch**2 * d, blocks(patches + 1, size.depth)
    text = blocks(size.context, size.text_depth)
    projected, contrast = 4 * d**2, 2 * b * d
    # The backward pass is twice the forward, but for the gradient of the pixels.
    work = 3 * (stem + tower + text + projected + contrast) - stem
    assert gflop["clip"] == pytest.approx(b * work / 1e9, rel=0.03)


def test_arms_take_the_steps_that_the_budget_pays_for(gflop):
    budget = 50 * max(gflop.values())
    for step in gflop.values():
        spent = step * detailclip.steps_for(budget, step)
        assert abs(spent - budget) <= step / 2
    assert detailclip.steps_for(0.1, 5.0) == 1


def test_the_same_photos_captions_and_crops_in_every_arm():
    photos = detailclip.Photos(
        np.random.default_rng(0).integers(0, 255, (6, 40, 40, 3), np.uint8),
        tuple((f"photo {n}", f"picture {n}") for n in range(6)),
    )

    def words(texts: list[str]):
        ids = np.array([[ord(text[1]), int(text[-1])] for text in texts])
        return ids, ids > 0

    one, two = (
        detailclip.source_of(detailclip.ARMS[arm](TINY), photos, words, TINY, 3)
        .load(range(4, 9))
        .batch
        for arm in ("clip", "all")
    )
    assert two["views"].shape == (5, 2, 3, TINY.image, TINY.image)
    assert torch.equal(one["pixels"], two["views"][:, 0])
    assert torch.equal(one["ids"], two["ids"])
    assert "views" not in one
    assert "pixels" not in two


def test_an_open_clip_model_is_measured_as_it_was_trained():
    torch.manual_seed(0)
    arm = detailclip.OpenClip(TINY).eval()
    batch = {
        "pixels": torch.randn(3, 3, TINY.image, TINY.image),
        "ids": torch.randint(1, 500, (3, TINY.context)),
    }
    clip = arm.to_clip()
    reps, ours = arm.encode(batch), clip.encode(batch)
    for name in ("image", "text", "scale"):
        torch.testing.assert_close(ours[name], reps[name], atol=1e-5, rtol=1e-4)
    loss, _ = arm.loss(reps, batch)
    torch.testing.assert_close(loss, clip.loss(ours, batch)[0], atol=1e-5, rtol=1e-4)


# ---- probes -----------------------------------------------------------------------------------


def test_a_scene_shows_ground_where_its_classes_say_ground():
    for seed in range(10):
        picture, classes = probes.scene(np.random.default_rng(seed), 48)
        ground = probes.texture(np.random.default_rng(seed), 48, contrast=0.2)
        changed = (picture != ground).any(axis=-1)
        assert not changed[classes == 0].any()
        assert changed[classes > 0].mean() > 0.9
        assert (classes > 0).any()


def test_scenes_differ_by_seed_and_shapes_by_kind():
    first, again, other = (probes.scenes(seed, 3, 32) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    masks = [probes.shape_mask(np.random.default_rng(5), kind, 64) for kind in probes.SHAPES]
    square, cross = (masks[probes.SHAPES.index(kind)] for kind in ("square", "cross"))
    assert cross.sum() < square.sum() < masks[0].sum()  # arms, square, disc of one radius


def test_shares_of_classes_in_patches():
    classes = np.zeros((2, 8, 8), np.uint8)
    classes[1, :4, 6:] = 2  # half of the patch on the upper right
    shares = probes.shares(classes, (2, 2), 3).reshape(2, 2, 2, 3)
    assert shares.sum(dim=-1).eq(1).all()
    assert shares[1, 0, 1].tolist() == [0.5, 0, 0.5]
    assert shares[..., 0].sum() == 7.5


def test_tiles_put_together_are_the_page():
    page = np.arange(4 * 6 * 2, dtype=np.uint8).reshape(4, 6, 2)
    tiles = probes.tiled(page, 2)
    assert tiles.shape == (6, 2, 2, 2)
    assert np.array_equal(tiles[1], page[:2, 2:4])
    assert np.array_equal(tiles[3], page[2:, :2])


def test_a_probe_finds_what_is_linear_and_nothing_else():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(600, 8, generator=draw) * torch.logspace(-2, 2, 8) + 5
    known = (features - features.mean(dim=0)) / features.std(dim=0)
    linear = (known @ torch.randn(8, 3, generator=draw)).argmax(dim=1)
    chance = torch.randint(3, (600,), generator=draw)
    for truth, least, most in ((linear, 0.9, 1.0), (chance, 0.2, 0.45)):
        probe = probes.fit(features[:400], torch.eye(3)[truth[:400]])
        right = (probe(features[400:]).argmax(dim=1) == truth[400:]).float().mean()
        assert least <= right <= most
        assert torch.equal(
            probe(features), probes.fit(features[:400], torch.eye(3)[truth[:400]])(features)
        )


def test_measures_by_hand():
    truth, found = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 1, 0])
    assert probes.mean_iou(found, truth, 4) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)
    assert probes.macro_f1(found, truth, 4) == pytest.approx((4 / 6 + 4 / 5 + 0) / 3)
