"""Losses that don't couple samples, against independent naive ones."""

import itertools
import math

import pytest

torch = pytest.importorskip("torch")

from vlkit.losses.alignment import mean_direction, pool_patches  # noqa: E402
from vlkit.losses.contrastive import info_nce  # noqa: E402
from vlkit.losses.ctc import ctc, fits  # noqa: E402
from vlkit.losses.distillation import moved_centre, self_distillation  # noqa: E402
from vlkit.losses.reconstruction import masked_pixels, patchify  # noqa: E402
from vlkit.losses.tokens import masked_token, next_token, token_mean  # noqa: E402


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive_softmax(values):
    weights = [math.exp(each) for each in values]
    return [each / sum(weights) for each in weights]


def test_distillation_is_the_formula():
    student, teacher, centre = random(3, 2, 4), random(3, 2, 4, seed=1), random(4, seed=2).float()
    got = self_distillation(
        student, teacher, centre, student_temperature=0.1, teacher_temperature=0.07
    )
    for b, n in itertools.product(range(3), range(2)):
        target = naive_softmax(((teacher[b, n] - centre) / 0.07).tolist())
        guess = naive_softmax((student[b, n] / 0.1).tolist())
        naive = -sum(t * math.log(s) for t, s in zip(target, guess, strict=True))
        assert float(got[b, n]) == pytest.approx(naive, rel=1e-4, abs=1e-6)


def test_distillation_teaches_the_student_alone():
    student, teacher = random(2, 4).requires_grad_(), random(2, 4, seed=1).requires_grad_()
    self_distillation(
        student, teacher, torch.zeros(4), student_temperature=0.1, teacher_temperature=0.04
    ).sum().backward()
    assert teacher.grad is None
    # d H / d s = (softmax(s / τ) − target) / τ
    target = (teacher / 0.04).softmax(-1)
    torch.testing.assert_close(
        student.grad, ((student / 0.1).softmax(-1) - target) / 0.1, atol=1e-5, rtol=1e-5
    )


def test_distillation_is_fp32_in_bfloat16():
    student, teacher = random(5, 64).bfloat16(), random(5, 64, seed=1).bfloat16()
    settings = {"student_temperature": 0.1, "teacher_temperature": 0.04}
    got = self_distillation(student, teacher, torch.zeros(64), **settings)
    assert got.dtype == torch.float32
    wanted = self_distillation(student.float(), teacher.float(), torch.zeros(64), **settings)
    torch.testing.assert_close(got, wanted)


def test_centre_from_the_mean_bottleneck_is_the_centre_of_scores():
    bottleneck, weight = random(7, 5), random(11, 5, seed=1)
    centre = random(11, seed=2)
    scores = bottleneck @ weight.T
    wanted = 0.9 * centre + 0.1 * scores.mean(0)
    torch.testing.assert_close(moved_centre(centre, weight @ bottleneck.mean(0), 0.9), wanted)


def test_patches_lie_row_by_row_channels_last():
    pixels = random(2, 3, 4, 6)
    patches = patchify(pixels, 2)
    assert patches.shape == (2, 6, 12)
    for row, column, y, x, c in itertools.product(range(2), range(3), range(2), range(2), range(3)):
        got = patches[1, row * 3 + column, (y * 2 + x) * 3 + c]
        assert got == pixels[1, c, row * 2 + y, column * 2 + x]


def test_masked_pixels_is_the_formula():
    predicted, target = random(2, 3, 8), random(2, 3, 8, seed=1)
    got = masked_pixels(predicted, target)
    for b in range(2):
        total = 0.0
        for m in range(3):
            values = target[b, m].tolist()
            mean = sum(values) / 8
            variance = sum((each - mean) ** 2 for each in values) / 7
            total += sum(
                (float(p) - (t - mean) / math.sqrt(variance + 1e-6)) ** 2
                for p, t in zip(predicted[b, m], values, strict=True)
            )
        assert float(got[b]) == pytest.approx(total / 24, rel=1e-5)


def test_a_patch_of_one_colour_stays_finite():
    predicted = torch.zeros(1, 1, 4, requires_grad=True)
    masked_pixels(predicted, torch.ones(1, 1, 4)).sum().backward()
    assert torch.isfinite(predicted.grad).all()


def test_product_of_mean_directions_is_the_mean_cosine():
    patches, tokens = random(3, 4, 5), random(3, 6, 5, seed=1)
    patch_mask = torch.ones(3, 4, dtype=torch.bool)
    token_mask = torch.arange(6) < torch.tensor([[6], [2], [1]])
    got = mean_direction(patches, patch_mask) @ mean_direction(tokens, token_mask).T
    for i, j in itertools.product(range(3), range(3)):
        cosines = [
            float(torch.dot(p, t) / (p.norm() * t.norm()))
            for p in patches[i]
            for t in tokens[j][token_mask[j]]
        ]
        assert float(got[i, j]) == pytest.approx(sum(cosines) / len(cosines), abs=1e-5)


def test_normalised_mean_is_the_cosine_of_means():
    patches = random(1, 4, 5)
    got = mean_direction(patches, torch.ones(1, 4, dtype=torch.bool), normalise="mean")
    mean = patches.mean(1)
    torch.testing.assert_close(got, (mean / mean.norm()).float())


def test_a_text_without_tokens_disturbs_nothing():
    tokens = random(2, 3, 4).float().requires_grad_()
    mask = torch.tensor([[True, True, False], [False, False, False]])
    image = random(2, 4, seed=1).float()
    info_nce(image, mean_direction(tokens, mask), torch.tensor(5.0)).backward()
    assert torch.isfinite(tokens.grad).all()
    assert (tokens.grad[1] == 0).all()


def test_pooling_averages_regions():
    tokens = random(2, 4 * 6, 3)
    pooled = pool_patches(tokens, (4, 6), 2)
    first = tokens[0].reshape(4, 6, 3)[2:4, 0:3].mean((0, 1))
    torch.testing.assert_close(pooled[0, 2], first)
    torch.testing.assert_close(pool_patches(tokens, (4, 6), 1)[:, 0], tokens.mean(1))


def test_next_token_is_the_formula():
    logits, ids = random(2, 4, 5), torch.tensor([[1, 2, 3, 4], [0, 1, 0, 0]])
    wanted = torch.tensor([[True, True, False, True], [True, True, False, False]])
    sums, counts = next_token(logits, ids, wanted)
    for b in range(2):
        places = [place for place in range(1, 4) if wanted[b, place]]
        naive = -sum(
            math.log(naive_softmax(logits[b, place - 1].tolist())[ids[b, place]])
            for place in places
        )
        assert float(sums[b]) == pytest.approx(naive, rel=1e-5)
        assert int(counts[b]) == len(places)
    assert float(token_mean(sums, counts)) == pytest.approx(float(sums.sum()) / 3)


def test_masked_token_looks_at_masked_places_alone():
    logits, ids = random(1, 3, 5), torch.tensor([[4, 2, 0]])
    sums, counts = masked_token(logits, ids, torch.tensor([[False, True, False]]))
    naive = -math.log(naive_softmax(logits[0, 1].tolist())[2])
    assert float(sums[0]) == pytest.approx(naive, rel=1e-5)
    assert counts.tolist() == [1]


def test_no_token_wanted_gives_zero():
    sums, counts = masked_token(
        random(1, 3, 5), torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.bool)
    )
    assert float(token_mean(sums, counts)) == 0


def collapse(path, blank):
    merged = [each for each, _ in itertools.groupby(path)]
    return [each for each in merged if each != blank]


@pytest.mark.parametrize("blank", [0, 3])
def test_ctc_sums_over_every_path(blank):
    logits = random(2, 5, 4)
    letters = [1, 1, 2] if blank == 0 else [0, 0, 2]
    targets, lengths = torch.tensor([letters, letters]), torch.tensor([3, 2])
    frames = torch.tensor([5, 4])
    got = ctc(logits, frames, targets, lengths, blank=blank)
    for b in range(2):
        real = [naive_softmax(row.tolist()) for row in logits[b, : frames[b]]]
        total = sum(
            math.prod(row[each] for row, each in zip(real, path, strict=True))
            for path in itertools.product(range(4), repeat=len(real))
            if collapse(path, blank) == letters[: lengths[b]]
        )
        assert float(got[b]) == pytest.approx(-math.log(total) / int(lengths[b]), rel=1e-4)


def test_ctc_of_a_target_that_does_not_fit_gives_nothing():
    logits = random(2, 3, 4).requires_grad_()
    targets, lengths = torch.tensor([[1, 1, 2], [1, 2, 1]]), torch.tensor([3, 3])
    frames = torch.tensor([3, 3])
    losses = ctc(logits, frames, targets, lengths)
    losses.sum().backward()
    assert fits(frames, targets, lengths).tolist() == [False, True]
    assert float(losses[0].detach()) == 0
    assert (logits.grad[0] == 0).all()
    assert float(losses[1].detach()) > 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: info_nce(x[:, 0], x[:, 1], torch.tensor(2.0)),
        lambda x: mean_direction(x, torch.ones(x.shape[:2], dtype=torch.bool)).sum(),
        lambda x: masked_pixels(x, random(2, 2, 3, seed=1)).sum(),
        lambda x: next_token(x, torch.tensor([[0, 1], [2, 1]]), torch.ones(2, 2) > 0)[0].sum(),
    ],
)
def test_gradients_are_those_of_finite_differences(loss):
    x = random(2, 2, 3).requires_grad_()
    # The losses compute in fp32, so the step is as long as that precision asks.
    assert torch.autograd.gradcheck(loss, x, eps=1e-2, atol=2e-3, rtol=2e-2)
