"""The line reader: its head against the distribution that it stands for, lines of any width, and
how it is trained."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from vlkit.data.rendered import OTHERS, RenderedLine  # noqa: E402
from vlkit.errors import InputError  # noqa: E402
from vlkit.losses.ctc import ctc, ctc_of_columns  # noqa: E402
from vlkit.models.lines import SHIFTS, LineReader, LineReaderConfig  # noqa: E402
from vlkit.onnx import UNKNOWN, Alphabet, in_batch, runs  # noqa: E402
from vlkit.training.lines import LineSource, LineValidation, line_batch  # noqa: E402

SMALL = {"stem": (4, 6, 8), "width": 16, "depth": 2, "heads": 2, "kernel": 5}
MIXERS = ("conv", "attention", "lstm")


def small(**changed) -> LineReader:
    torch.manual_seed(0)
    return LineReader(LineReaderConfig(**{**SMALL, **changed}))


def whole_distribution(model: LineReader, logits):
    """Log-probabilities of the blank, the other characters and every syllable, one by one."""
    kinds, initials, vowels, finals = (
        part.log_softmax(-1) for part in logits.split(model.sizes, dim=-1)
    )
    syllables = (
        initials[..., :, None, None] + vowels[..., None, :, None] + finals[..., None, None, :]
    ) + kinds[..., -1, None, None, None]
    return torch.cat([kinds[..., :-1], syllables.flatten(-3)], dim=-1)


TEXTS = ["각간 각a", "힣힣", "1,100원", ""]


@pytest.fixture
def read():
    """A model, made-up logits for four texts, and the texts as codes."""
    model = small()
    draw = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(4, 14, sum(model.sizes), generator=draw, dtype=torch.float64)
    logits[:, ::3, model.sizes[0] - 1] += 18  # Hangul, sure enough that a syllable may win
    codes = torch.zeros(4, 7, dtype=torch.long)
    for row, text in zip(codes, TEXTS, strict=True):
        row[: len(text)] = torch.tensor(model.alphabet.encode(text), dtype=torch.long)
    lengths = torch.tensor([len(text) for text in TEXTS])
    return model, logits.float().requires_grad_(), torch.tensor([14, 9, 12, 5]), codes, lengths


def test_syllables_and_others_are_one_distribution(read):
    model, logits, *_ = read
    torch.testing.assert_close(
        whole_distribution(model, logits).exp().sum(-1), torch.ones(4, 14), atol=1e-4, rtol=0
    )
    assert whole_distribution(model, logits).shape[-1] == len(OTHERS + UNKNOWN) + 1 + 11_172


def test_ctc_over_parts_is_ctc_over_all_characters(read):
    model, logits, frames, codes, lengths = read
    ours = ctc_of_columns(model.columns(logits, codes), frames, codes, lengths)
    # Its own softmax changes nothing: these are normalised already.
    naive = ctc(whole_distribution(model, logits), frames, codes, lengths)
    torch.testing.assert_close(ours, naive, rtol=1e-4, atol=1e-4)
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0])
    (mine,) = torch.autograd.grad(ours @ weights, logits, retain_graph=True)
    (theirs,) = torch.autograd.grad(naive @ weights, logits)
    assert theirs.abs().max() > 0.01
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_a_text_that_does_not_fit_gives_nothing(read):
    model, logits, _, codes, lengths = read
    losses = ctc_of_columns(model.columns(logits, codes), torch.full((4,), 2), codes, lengths)
    assert losses.tolist()[:3] == [0, 0, 0]
    losses.sum().backward()
    assert logits.grad[:3].count_nonzero() == 0


def test_the_best_code_is_the_largest_of_all(read):
    model, logits, *_ = read
    codes, probabilities = model.best(logits)
    wanted, place = whole_distribution(model, logits).exp().max(dim=-1)
    assert codes.equal(place)
    assert (codes >= len(OTHERS + UNKNOWN) + 1).any()
    assert (codes < len(OTHERS + UNKNOWN) + 1).any()
    torch.testing.assert_close(probabilities, wanted, rtol=1e-4, atol=1e-6)


def picture(width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, width), dtype=np.uint8)


@pytest.mark.parametrize("mixer", MIXERS)
def test_padding_does_not_change_a_line(mixer):
    model = small(mixer=mixer)
    # Statistics far from those of the beginning, under which paper beyond the end is not zero.
    for seed in range(3):
        model.train()(torch.from_numpy(picture(64, seed)[None]), torch.tensor([64]))
    pictures = [picture(width, width) for width in (1, 30, 77, 128, 300)]
    pixels, widths = (torch.from_numpy(array) for array in in_batch(pictures))
    together, mask = model.eval().frames(pixels, widths)
    codes, _ = model(pixels, widths)
    for row, alone in enumerate(pictures):
        single, width = (torch.from_numpy(array) for array in in_batch([alone]))
        x, _ = model.frames(single, width)
        count = -(-alone.shape[1] // 4)
        assert x.shape[1] == count == mask[row].sum()
        torch.testing.assert_close(together[row, :count], x[0], rtol=1e-4, atol=1e-5)
        assert codes[row, count:].count_nonzero() == 0


def test_read_gives_texts_in_the_order_of_the_pictures():
    model = small().eval()
    pictures = [picture(width, width) for width in (5000, 8, 240, 100)]
    assert model.read(pictures) == [model.read([each])[0] for each in pictures]


@pytest.mark.parametrize("mixer", MIXERS)
def test_it_saves_and_loads(mixer, tmp_path):
    model = small(mixer=mixer).eval()
    again = LineReader.from_pretrained(model.save_pretrained(tmp_path / "model"))
    assert again.config == model.config
    assert again.read([picture(200)]) == model.read([picture(200)])


# The decoder


def test_a_decoder_sees_what_came_before_and_the_line_alone():
    model = small(decoder="attention").eval()
    draw = torch.Generator().manual_seed(2)
    frames = torch.randn(2, 9, 16, generator=draw)
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    codes = torch.randint(0, 3000, (2, 6), generator=draw)
    wanted = model.decoder(codes, frames, mask)
    later = codes.clone()
    later[:, 4:] = 7
    beyond = frames.masked_fill(~mask[..., None], 3.0)
    torch.testing.assert_close(model.decoder(later, beyond, mask)[:, :4], wanted[:, :4])
    assert not torch.allclose(model.decoder(later, frames, mask)[:, 4:], wanted[:, 4:])


def test_the_decoder_learns_characters_and_where_texts_end():
    torch.manual_seed(0)
    model = small(stem=(8, 16, 16), width=32, depth=1, stem_depth=(0, 0, 0), decoder="attention")
    lines = [Drawn().line(number) for number in range(6)]
    moved = [
        replace(line, pixels=np.roll(line.pixels, rows, axis=0))
        for line in lines
        for rows in SHIFTS  # as it looks at lines when it reads
    ]
    batch = line_batch(moved, model.alphabet)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(80):
        loss, _ = model.train().loss(model.encode(batch), batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert model.read([line.pixels for line in lines]) == [line.text for line in lines]


# Data


@dataclass
class Drawn:
    """Figures and syllables in OpenCV's and home-made strokes: a stand-in that needs no fonts."""

    seed: int = 0

    def line(self, number: int) -> RenderedLine:
        draw = np.random.default_rng((self.seed, number))
        text = "".join(draw.choice(list("0123456789가나"), draw.integers(2, 7)))
        step, down = 20, int(draw.integers(-1, 2))
        pixels = np.full((32, 6 + step * len(text)), 255, np.uint8)
        for place, char in enumerate(text):
            left = 4 + step * place
            if char < "가":
                cv2.putText(pixels, char, (left, 26 + down), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 0, 2)
            else:
                cv2.rectangle(
                    pixels, (left, 6 + down), (left + 8, 24 + down), 0, 2 if char == "가" else -1
                )
                cv2.line(pixels, (left + 13, 4 + down), (left + 13, 28 + down), 0, 2)
        left = 4 + step * np.arange(len(text), dtype=np.float32)
        return RenderedLine(pixels, text, np.stack([left, left + 16], axis=1))


def test_batches_hold_every_line_of_the_pool_once_and_are_of_like_width():
    source = LineSource(Drawn(), Alphabet(OTHERS), size=8, pool=4, lanes=2)
    loaded = [source.load(range(step * 8, step * 8 + 8)) for step in range(16)]
    keys = [key for each in loaded for key in each.keys]
    assert sorted(keys) == sorted(f"line {number}" for number in range(128))
    spread = [np.ptp(each.batch["widths"].numpy()) for each in loaded]
    assert np.mean(spread) < 40 < np.ptp(np.concatenate([x.batch["widths"] for x in loaded]))


def test_a_batch_is_a_function_of_its_step():
    def source():
        return LineSource(Drawn(), Alphabet(OTHERS), size=8, pool=4, lanes=2)

    running = source()
    inorder = [running.load(range(step * 8, step * 8 + 8)) for step in range(12)]
    for step in (11, 4, 7):
        alone = source().load(range(step * 8, step * 8 + 8))
        assert alone.keys == inorder[step].keys
        assert all(alone.batch[name].equal(inorder[step].batch[name]) for name in alone.batch)


def test_an_unknown_character_is_named():
    line = RenderedLine(picture(40), "aж", np.array([[0, 10], [10, 20]], np.float32))
    with pytest.raises(InputError, match="'ж'"):
        line_batch([line], Alphabet(OTHERS))


def test_it_learns_to_read():
    """The head's two halves, figures and syllables, in a hundred steps."""
    torch.manual_seed(0)
    model = small(stem=(8, 16, 16), width=32, depth=1, stem_depth=(0, 0, 0))
    source = LineSource(Drawn(), model.alphabet, size=16, pool=2, lanes=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for step in range(120):
        batch = source.load(range(step * 16, step * 16 + 16)).batch
        loss, logs = model.train().loss(model.encode(batch), batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(logs["ctc"].item())
    assert np.mean(losses[-5:]) < losses[0] / 20
    assert LineValidation(Drawn(seed=1), model.alphabet, 40)(model)["accuracy"] > 0.97


def test_a_path_is_read_without_repeats_and_blanks():
    codes = np.array([0, 5, 5, 0, 5, 7, 7, 0])
    sure = np.array([0.9, 0.5, 0.8, 0.9, 0.7, 0.6, 0.4, 0.9])
    assert list(runs(codes, sure)) == [(5, 2, 0.8), (5, 4, 0.7), (7, 5, 0.6)]
    assert list(runs(codes[:0], sure[:0])) == []


def test_two_frames_by_hand():
    """The text "가" in two frames: its paths are 가가, 가- and -가."""
    model = small()
    codes = torch.tensor([model.alphabet.encode("가")])
    columns = model.columns(torch.zeros(1, 2, sum(model.sizes)), codes)
    blank, read = 1 / model.sizes[0], 1 / model.sizes[0] / 11_172
    loss = ctc_of_columns(columns, torch.tensor([2]), codes, torch.tensor([1]))
    assert loss.item() == pytest.approx(-np.log(read * read + 2 * read * blank), rel=1e-5)
