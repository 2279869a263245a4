"""Contrastive losses against independent naive ones, chunked, and over two processes."""

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.multiprocessing.spawn import spawn  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from vlkit.checkpoint import load_tensors, save_tensors  # noqa: E402
from vlkit.losses.contrastive import info_nce, siglip, top_1  # noqa: E402
from vlkit.losses.gather import gather, mean_over_processes, processes, rank  # noqa: E402

BATCH, WIDTH = 6, 5


def pairs(batch=BATCH, *, double=False):
    generator = torch.Generator().manual_seed(7)
    image, text = torch.randn(2, batch, WIDTH, generator=generator).unbind()
    tensors = [image, text, torch.tensor(3.0), torch.tensor(-1.5)]
    return [each.double() if double else each for each in tensors]


def naive_info_nce(image, text, scale):
    total = 0.0
    for i in range(len(image)):
        rows = [math.exp(scale * float(image[i] @ text[j])) for j in range(len(text))]
        columns = [math.exp(scale * float(image[j] @ text[i])) for j in range(len(text))]
        total -= math.log(rows[i] / sum(rows)) / 2 + math.log(columns[i] / sum(columns)) / 2
    return total / len(image)


def naive_siglip(image, text, scale, bias):
    total = 0.0
    for i in range(len(image)):
        for j in range(len(text)):
            sign = 1 if i == j else -1
            x = sign * (scale * float(image[i] @ text[j]) + bias)
            total += math.log1p(math.exp(-x))
    return total / len(image)


def test_info_nce_is_the_formula():
    image, text, scale, _ = pairs()
    image, text = torch.nn.functional.normalize(image), torch.nn.functional.normalize(text)
    naive = naive_info_nce(image.double(), text.double(), 3.0)
    assert float(info_nce(image, text, scale)) == pytest.approx(naive, abs=1e-5)


def test_siglip_is_the_formula():
    image, text, scale, bias = pairs()
    naive = naive_siglip(image.double(), text.double(), 3.0, -1.5)
    assert float(siglip(image, text, scale, bias)) == pytest.approx(naive, rel=1e-5)


@pytest.mark.parametrize("chunk", [1, 4, 6, 100])
@pytest.mark.parametrize("loss", ["info_nce", "siglip"])
def test_chunks_change_neither_loss_nor_gradients(loss, chunk):
    results = []
    for size in (None, chunk):
        tensors = [each.requires_grad_() for each in pairs()]
        if loss == "info_nce":
            value = info_nce(*tensors[:3], chunk=size)
        else:
            value = siglip(*tensors, chunk=size)
        value.backward()
        results.append([value.detach(), *(each.grad for each in tensors if each.grad is not None)])
    for whole, cut in zip(*results, strict=True):
        torch.testing.assert_close(cut, whole)


def test_chunks_keep_no_logits_for_the_backward_pass():
    def kept(chunk):
        image, text, scale, _ = (each.requires_grad_() for each in pairs(512))
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each: sizes.append(each.numel()) or each, lambda each: each
        ):
            info_nce(image, text, scale, chunk=chunk)
        return max(sizes)

    assert kept(None) == 512 * 512
    assert kept(32) <= 512 * 2 * WIDTH


class Largest(TorchDispatchMode):
    """The size of the largest tensor that is made."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.numel())
        return result


@pytest.mark.parametrize(("chunk", "limit"), [(None, 512 * 512), (32, 32 * 512), (100, 100 * 512)])
def test_no_step_of_the_objective_makes_more_than_a_chunk(chunk, limit):
    image, text, scale, bias = (each.requires_grad_() for each in pairs(512))
    with Largest() as largest:
        info_nce(image, text, scale, chunk=chunk).backward()
        siglip(image, text, scale, bias, chunk=chunk).backward()
        top_1(image, text, chunk=chunk)
    assert largest.size == limit


def test_a_scale_for_each_row_is_the_scalar_spread():
    image, text, scale, bias = pairs()
    spread = scale.expand(BATCH).clone().requires_grad_()
    scale.requires_grad_()
    for loss in (
        lambda s: info_nce(image, text, s),
        lambda s: siglip(image, text, s, bias),
    ):
        grad_spread = torch.autograd.grad(loss(spread), spread)[0]
        grad_scale = torch.autograd.grad(loss(scale), scale)[0]
        torch.testing.assert_close(loss(spread), loss(scale))
        torch.testing.assert_close(grad_spread.sum(), grad_scale)


def test_logits_stay_fp32_under_autocast():
    image, text, scale, bias = pairs()
    plain = info_nce(image, text, scale * 10), siglip(image, text, scale, bias)
    with torch.autocast("cpu", torch.bfloat16):
        cast = info_nce(image, text, scale * 10), siglip(image, text, scale, bias)
    assert cast == plain


def test_extreme_logits_stay_finite():
    image = torch.eye(4) * 1e3
    scale, bias = torch.tensor(100.0), torch.tensor(0.0)
    for value in (info_nce(image, image, scale), siglip(image, -image, scale, bias)):
        assert torch.isfinite(value)


@pytest.mark.parametrize("chunk", [None, 1, 3, 9])
def test_top_1_counts_own_texts_found(chunk):
    image = torch.eye(4)
    assert float(top_1(image, image[[0, 1, 3, 2]], chunk=chunk)) == 0.5


def test_without_processes_gather_is_the_tensor():
    tensor = torch.ones(3)
    assert (processes(), rank()) == (1, 0)
    assert gather(tensor) is tensor


def _one_of_two(place, store, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=place, world_size=2
    )
    own = slice(place * BATCH // 2, (place + 1) * BATCH // 2)
    rows = []
    for chunk in (None, 2):
        for with_bias in (False, True):
            image, text, scale, bias = (each.requires_grad_() for each in pairs())
            local = [image[own], text[own], scale]
            value = (
                siglip(*local, bias, chunk=chunk) if with_bias else info_nce(*local, chunk=chunk)
            )
            value.backward()
            rows.append([mean_over_processes(value)])
            # What data parallelism does with gradients.
            grads = [each.grad for each in (image, text, scale)]
            rows[-1] += [mean_over_processes(grad) for grad in grads]
    rows.append([mean_over_processes(top_1(image[own], text[own]))])
    named = {f"{i}.{j}": value for i, row in enumerate(rows) for j, value in enumerate(row)}
    save_tensors(Path(f"{results}.{place}"), named)
    torch.distributed.destroy_process_group()


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path: Path):
    spawn(_one_of_two, (str(tmp_path / "store"), str(tmp_path / "result")), nprocs=2)
    for place in range(2):
        found = load_tensors(tmp_path / f"result.{place}")
        for i, with_bias in enumerate((False, True, False, True)):
            row = [found[f"{i}.{j}"] for j in range(4)]
            image, text, scale, bias = (each.requires_grad_() for each in pairs())
            value = siglip(image, text, scale, bias) if with_bias else info_nce(image, text, scale)
            value.backward()
            for got, wanted in zip(
                row, [value.detach(), image.grad, text.grad, scale.grad], strict=True
            ):
                torch.testing.assert_close(got, wanted)
        image, text, *_ = pairs()
        torch.testing.assert_close(found["4.0"], top_1(image, text))
