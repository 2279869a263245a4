"""Best matches and their contrast against double loops, chunked, and over two processes."""

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.multiprocessing.spawn import spawn  # noqa: E402

from vlkit.checkpoint import load_tensors, save_tensors  # noqa: E402
from vlkit.losses.gather import mean_over_processes  # noqa: E402
from vlkit.losses.late_interaction import late_interaction, max_sim  # noqa: E402

BATCH, PATCHES, WORDS, WIDTH = 6, 4, 5, 3


def pairs():
    """Patches [6, 4, 3] and tokens [6, 5, 3] of length 1, some of them masked, and a scale."""
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(BATCH, PATCHES, WIDTH, generator=generator)
    text = torch.randn(BATCH, WORDS, WIDTH, generator=generator)
    lengths = torch.tensor([5, 1, 3, 2, 5, 4])
    image_mask = torch.ones(BATCH, PATCHES, dtype=torch.bool)
    image_mask[2, 1:3] = False
    text_mask = torch.arange(WORDS) < lengths[:, None]
    image, text = (torch.nn.functional.normalize(each, dim=-1) for each in (image, text))
    return image, image_mask, text, text_mask, torch.tensor(4.0)


def naive_score(query, query_mask, document, document_mask):
    total = 0.0
    for i in range(len(query)):
        if query_mask[i]:
            products = [float(query[i] @ document[j]) for j in range(len(document))]
            total += max(p for p, real in zip(products, document_mask, strict=True) if real)
    return total


def naive_half(queries, query_masks, documents, document_masks, scale):
    total = 0.0
    for i in range(len(queries)):
        logits = [
            scale * naive_score(queries[i], query_masks[i], document, mask) / sum(query_masks[i])
            for document, mask in zip(documents, document_masks, strict=True)
        ]
        total -= math.log(math.exp(logits[i]) / sum(map(math.exp, logits)))
    return total / len(queries)


@pytest.mark.parametrize("chunk", [None, 1, 4, 100])
def test_max_sim_is_a_double_loop(chunk):
    image, image_mask, text, text_mask, _ = pairs()
    image_mask, text = image_mask[:5], text[:, :4]  # as many queries as documents proves less
    scores = max_sim(image[:5], image_mask, text, text_mask[:, :4], chunk=chunk)
    assert scores.shape == (5, BATCH)
    for q in range(5):
        for d in range(BATCH):
            naive = naive_score(image[q], image_mask[q], text[d], text_mask[d, :4])
            assert float(scores[q, d]) == pytest.approx(naive, abs=1e-5)


def test_the_loss_is_the_formula():
    image, image_mask, text, text_mask, scale = pairs()
    loss, right = late_interaction(image, image_mask, text, text_mask, scale)
    halves = (
        naive_half(image, image_mask, text, text_mask, 4.0),
        naive_half(text, text_mask, image, image_mask, 4.0),
    )
    assert float(loss) == pytest.approx(sum(halves) / 2, abs=1e-5)
    assert 0 <= float(right) <= 1


def test_pairs_of_the_same_vectors_find_each_other():
    image, image_mask, *_ = pairs()
    assert float(late_interaction(image, image_mask, image, image_mask, torch.tensor(1.0))[1]) == 1
    other = image.roll(1, 0), image_mask.roll(1, 0)
    assert float(late_interaction(image, image_mask, *other, torch.tensor(1.0))[1]) == 0


def test_what_is_masked_has_no_part():
    image, image_mask, text, text_mask, scale = pairs()
    loss, _ = late_interaction(image, image_mask, text, text_mask, scale)
    image, text = image.clone(), text.clone()
    image[~image_mask], text[~text_mask] = 100.0, 100.0
    changed, _ = late_interaction(image, image_mask, text, text_mask, scale)
    assert float(changed) == float(loss)


def test_chunks_change_neither_loss_nor_gradients_and_keep_no_products():
    results, kept = [], []
    for chunk in (None, 2):
        image, image_mask, text, text_mask, scale = pairs()
        leaves = [each.requires_grad_() for each in (image, text, scale)]
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each, sizes=sizes: sizes.append(each.numel()) or each, lambda each: each
        ):
            loss, _ = late_interaction(image, image_mask, text, text_mask, scale, chunk=chunk)
        loss.backward()
        results.append([loss.detach(), *(each.grad for each in leaves)])
        kept.append(max(sizes))
    for whole, cut in zip(*results, strict=True):
        torch.testing.assert_close(cut, whole)
    assert kept[0] == BATCH * PATCHES * BATCH * WORDS
    assert kept[1] <= BATCH * max(PATCHES, WORDS) * WIDTH


def test_scores_stay_fp32_under_autocast():
    plain = late_interaction(*pairs())[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert float(late_interaction(*pairs())[0]) == float(plain)


def _one_of_two(place, store, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=place, world_size=2
    )
    own = slice(place * BATCH // 2, (place + 1) * BATCH // 2)
    image, image_mask, text, text_mask, scale = pairs()
    leaves = [each.requires_grad_() for each in (image, text, scale)]
    loss, right = late_interaction(
        image[own], image_mask[own], text[own], text_mask[own], scale, chunk=2
    )
    loss.backward()
    # What data parallelism does with gradients.
    found = [mean_over_processes(each) for each in (loss, right, *(leaf.grad for leaf in leaves))]
    save_tensors(Path(f"{results}.{place}"), {str(i): value for i, value in enumerate(found)})
    torch.distributed.destroy_process_group()


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path: Path):
    spawn(_one_of_two, (str(tmp_path / "store"), str(tmp_path / "result")), nprocs=2)
    image, image_mask, text, text_mask, scale = pairs()
    leaves = [each.requires_grad_() for each in (image, text, scale)]
    loss, right = late_interaction(image, image_mask, text, text_mask, scale)
    loss.backward()
    for place in range(2):
        found = load_tensors(tmp_path / f"result.{place}")
        wanted = [loss.detach(), right, *(leaf.grad for leaf in leaves)]
        assert len(found) == len(wanted)
        for i, want in enumerate(wanted):
            torch.testing.assert_close(found[str(i)], want)
