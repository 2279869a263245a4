"""A reader of text lines: a picture 32 pixels high and of any width becomes characters in order.

Shi et al., "An End-to-End Trainable Neural Network for Image-based Sequence Recognition", arXiv
1507.05717 (CRNN), with the objective of Graves et al., "Connectionist Temporal Classification",
ICML 2006. A frame is 4 pixels wide. Convolutions look at strokes, a learned projection folds the
height away, a mixer looks along the line.

Hangul is read by its parts. A syllable is an initial, a vowel and a final, and so is its
probability: ``p(Hangul) p(initial) p(vowel) p(final)``. All 11,172 cost 68 outputs, rare ones are
learnt from common ones, and every frame is still one distribution over all characters.

Shapes: B lines, 32 x W pixels, T = W / 4 frames, C channels, S characters of the longest text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn import functional

from vlkit.checkpoint import Pretrained
from vlkit.data.rendered.characters import OTHERS
from vlkit.losses.ctc import ctc_of_columns, fits
from vlkit.models.lines_decoder import FINALS, INITIALS, VOWELS, Decoder, parts_of
from vlkit.nn.attention import attention, rotary
from vlkit.nn.depthwise import DepthwiseAlong
from vlkit.onnx import FRAME, HEIGHT, UNKNOWN, Alphabet, Gray, batches_by_width, in_batch, runs

SHIFTS = (-1, 0, 1)
"""Rows by which a line is moved up and down and looked at again. The stem halves the height three
times, so a row more or less is another picture to it; of drawn Korean the mean of three looks
has a tenth fewer characters wrong."""


@dataclass(frozen=True)
class LineReaderConfig:
    """What reads, and how it learns.

    Attributes:
        characters: All that is read besides the 11,172 syllables, the space among them, and the
            sign for what is none of these.
        stem: Channels at a half, a quarter and, of the height, an eighth of the pixels.
        stem_depth: Further convolutions there.
        width: Channels of a frame.
        mixer: ``conv``: wide depthwise convolutions; ``attention``: of every frame to every
            other, by their distance; ``lstm``: both ways along the line, the historical baseline.
        depth: Blocks of the mixer.
        kernel: Frames that a block of ``conv`` sees.
        heads: Of ``attention``.
        decoder: ``ctc``: a character a frame, repeats merged; ``attention``: one after the
            other, each by those before it and a look at the frames.
        anchor: Of ``ctc``. Weight of the second objective: that the frame in the middle of a
            character reads it, where that place is known. It shows the way at the beginning,
            when no path reads well, and keeps peaks where characters are.
    """

    characters: str = OTHERS + UNKNOWN
    stem: tuple[int, int, int] = (32, 64, 128)
    stem_depth: tuple[int, int, int] = (0, 1, 1)
    width: int = 256
    mixer: Literal["conv", "attention", "lstm"] = "conv"
    depth: int = 4
    kernel: int = 15
    heads: int = 4
    decoder: Literal["ctc", "attention"] = "ctc"
    anchor: float = 0.5

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}, but must be odd")
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of pairs")
        Alphabet(self.characters)  # which knows what characters can be


class LineReader(Pretrained):
    """Stem, mixer and head, and their objective."""

    model_name: ClassVar[str] = "lines"
    Config: ClassVar[type[LineReaderConfig]] = LineReaderConfig

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        self.config: LineReaderConfig = config
        self.alphabet = Alphabet(config.characters)
        self.stem = Stem(config)
        block: dict[str, type[ConvBlock | AttentionBlock | LstmBlock]] = {
            "conv": ConvBlock,
            "attention": AttentionBlock,
            "lstm": LstmBlock,
        }
        self.mixer = nn.ModuleList(block[config.mixer](config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        # Blank and the other characters, one for Hangul as a whole, and Hangul's parts.
        self.sizes = [len(config.characters) + 2, INITIALS, VOWELS, FINALS]
        self.decoder = None
        if config.decoder == "attention":
            self.decoder = Decoder(config.width, config.heads, self.sizes)
        self.head = nn.Linear(config.width, sum(self.sizes))

    @classmethod
    def from_config(cls, config: LineReaderConfig) -> LineReader:
        """The model with random weights."""
        return cls(config)

    # What comes out

    def frames(self, pixels: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """What stands in each frame.

        Args:
            pixels: ``[B, 32, W]`` uint8, paper 255; W a multiple of 4, beyond a line's end 255.
            widths: ``[B]``, the lines' own widths.

        Returns:
            ``[B, T, C]``, and a mask ``[B, T]`` bool of the frames within the lines. What a line
            gives does not depend on how much it is padded.
        """
        count = (widths + FRAME - 1) // FRAME
        mask = torch.arange(pixels.shape[2] // FRAME, device=pixels.device) < count[:, None]
        x_btc = self.stem(1 - pixels.to(self.head.weight.dtype) / 255, count)
        for block in self.mixer:
            x_btc = block(x_btc, mask)
        return self.norm(x_btc), mask

    def forward(self, pixels: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """The best path: each frame's most probable character.

        Args:
            pixels, widths: As of ``frames``.

        Returns:
            Codes of the alphabet ``[B, T]``, 0 beyond a line's end, and their probabilities.
        """
        x_btc, mask = self.seen(pixels, widths)
        codes, probabilities = self.best(self.head(x_btc))
        return codes * mask, probabilities

    def seen(self, pixels: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """``frames``, as the mean of looks at the lines as they are and moved by ``SHIFTS``.

        The head being linear, it is the mean of the looks' logits that is read.
        """
        looks = torch.cat([_moved(pixels, rows) for rows in SHIFTS])
        x_btc, mask = self.frames(looks, widths.repeat(len(SHIFTS)))
        x_lbtc = x_btc.reshape(len(SHIFTS), -1, *x_btc.shape[1:])
        return x_lbtc.mean(dim=0), mask[: pixels.shape[0]]

    def best(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable code of each frame, and its probability: both ``[B, T]``."""
        kinds, *parts = self._distributions(logits)
        other, other_code = kinds[..., :-1].max(dim=-1)
        (initial, i), (vowel, v), (final, f) = (part.max(dim=-1) for part in parts)
        syllable = kinds[..., -1] + initial + vowel + final
        syllable_code = kinds.shape[-1] - 1 + (i * VOWELS + v) * FINALS + f
        return (
            torch.where(syllable > other, syllable_code, other_code),
            torch.maximum(syllable, other).exp(),
        )

    def columns(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Log-probabilities of the blank and of each character of the lines' texts.

        Args:
            logits: ``[B, T, K]`` of the head.
            codes: ``[B, S]``.

        Returns:
            ``[B, T, 1 + S]``.
        """
        kinds, *parts = self._distributions(logits)
        kind, *places = parts_of(codes, self.sizes)

        def gather(table: Tensor, place: Tensor) -> Tensor:
            return table.gather(-1, place[:, None].expand(-1, table.shape[1], -1))

        inner = sum(gather(part, place) for part, place in zip(parts, places, strict=True))
        is_syllable = (codes >= self.sizes[0] - 1)[:, None]
        return torch.cat([kinds[..., :1], gather(kinds, kind) + inner * is_syllable], dim=-1)

    def columns_of_either(self, logits: Tensor, codes: Tensor, either: Tensor) -> Tensor:
        """``columns`` of the characters ``codes`` or those that may stand there as well.

        Args:
            either: ``[B, S]``; a character's own code where no other may.
        """
        one, other = self.columns(logits, codes), self.columns(logits, either)
        two = functional.pad(codes != either, (1, 0))[:, None]
        return torch.where(two, torch.logaddexp(one, other), one)

    def _distributions(self, logits: Tensor) -> list[Tensor]:
        """Log-probabilities over kinds (blank, other characters, Hangul) and Hangul's parts."""
        return [part.float().log_softmax(-1) for part in torch.split(logits, self.sizes, dim=-1)]

    @torch.no_grad()
    def read(self, pictures: Sequence[Gray]) -> list[str]:
        """The texts of pictures 32 pixels high, as in evaluation."""
        self.eval()
        texts = [""] * len(pictures)
        for chosen in batches_by_width([picture.shape[1] for picture in pictures]):
            pixels, widths = in_batch([pictures[index] for index in chosen])
            device = self.head.weight.device
            place = torch.from_numpy(pixels).to(device), torch.from_numpy(widths).to(device)
            for index, codes in zip(chosen, self._codes(*place), strict=True):
                texts[index] = "".join(map(self.alphabet.decode, codes))
        return texts

    def _codes(self, pixels: Tensor, widths: Tensor) -> list[list[int]]:
        """Of the lines' characters."""
        if self.decoder is not None:
            x_btc, mask = self.seen(pixels, widths)
            return self.decoder.greedy(x_btc, mask, lambda y: self.best(self.head(y))[0])
        codes, probabilities = (each.cpu().numpy() for each in self(pixels, widths))
        rows = zip(codes, probabilities, strict=True)
        return [[run.code for run in runs(row, sure)] for row, sure in rows]

    # Objective

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``pixels`` [B, 32, W] and ``widths`` [B] to ``logits`` [B, T, K] and ``frames`` [B].

        With a decoder, ``logits`` [B, S + 1, K] are of each of the characters ``codes`` [B, S],
        after those before it, and of the end.
        """
        x_btc, mask = self.frames(batch["pixels"], batch["widths"])
        if self.decoder is not None:
            before = functional.pad(batch["codes"], (1, 0))
            x_btc = self.decoder(before, x_btc, mask)
        return {"logits": self.head(x_btc), "frames": mask.sum(dim=1)}

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """CTC per character, and the anchor, from what `encode` gave.

        The batch holds ``codes`` [B, S], ``lengths`` [B] and ``centres`` [B, S], the frames in
        the middle of the characters, -1 where they are not known. Where it is not known which of
        two characters stands in a place, such as a capital or a small letter, it holds ``either``
        [B, S], the other one's code: then what is summed is the probability of both.
        """
        if self.decoder is not None:
            return self._loss_of_next(reps["logits"], batch)
        logits, frames = reps["logits"], reps["frames"]
        codes, lengths, centres = batch["codes"], batch["lengths"], batch["centres"]
        either = batch.get("either", codes)
        if "either" in batch:
            columns = self.columns_of_either(logits, codes, either)
        else:
            columns = self.columns(logits, codes)
        read = ctc_of_columns(columns, frames, codes, lengths).mean()
        known = centres >= 0
        at = columns[..., 1:].gather(1, centres.clamp(min=0)[:, None])[:, 0]
        anchor = -(at * known).sum() / known.sum().clamp(min=1)
        with torch.no_grad():
            found, probabilities = self.best(logits)
            right = self._accuracy(found, probabilities, frames, codes, lengths, either)
            fitting = fits(frames, codes, lengths).float().mean()
        logs = {
            "ctc": read.detach(),
            "anchor": anchor.detach(),
            "accuracy": right,
            "fitting": fitting,
        }
        return read + self.config.anchor * anchor, logs

    def _loss_of_next(
        self, logits: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of each next character and of the end, which is code 0."""
        place = torch.arange(logits.shape[1], device=logits.device)
        length = batch["lengths"][:, None]
        codes = functional.pad(batch["codes"], (0, 1)) * (place < length)
        kind, *places = parts_of(codes, self.sizes)
        kinds, *parts = self._distributions(logits)
        log_p = kinds.gather(-1, kind[..., None])
        for part, at in zip(parts, places, strict=True):
            log_p = log_p + part.gather(-1, at[..., None]) * (codes >= self.sizes[0] - 1)[..., None]
        counted = place <= length
        with torch.no_grad():
            right = ((self.best(logits)[0] == codes) & counted).sum() / counted.sum()
        return -(log_p[..., 0] * counted).sum() / counted.sum(), {"accuracy": right}

    def _accuracy(
        self,
        found: Tensor,
        probabilities: Tensor,
        frames: Tensor,
        codes: Tensor,
        lengths: Tensor,
        either: Tensor,
    ) -> Tensor:
        """Of characters, in these lines."""
        errors = 0
        rows = zip(found.cpu().numpy(), probabilities.cpu().numpy(), frames.tolist(), strict=True)
        wanted = zip(codes.tolist(), lengths.tolist(), either.tolist(), strict=True)
        for (row, sure, count), (text, length, others) in zip(rows, wanted, strict=True):
            counted_as = dict(zip(others, text, strict=True))
            path = runs(row[:count], sure[:count])
            read = [counted_as.get(run.code, run.code) for run in path]
            errors += Levenshtein.distance(read, text[:length])
        return 1 - torch.tensor(errors / max(1, int(lengths.sum())), device=found.device)

    def after_step(self, step: int) -> None:
        """Nothing to do."""

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """``stem``, ``mixer`` and ``head``, to which a decoder belongs."""
        decoder = [] if self.decoder is None else list(self.decoder.parameters())
        return {
            "stem": list(self.stem.parameters()),
            "mixer": [*self.mixer.parameters(), *self.norm.parameters()],
            "head": [*decoder, *self.head.parameters()],
        }


def _moved(pixels: Tensor, rows: int) -> Tensor:
    """[B, 32, W] moved down by so many rows; the row at the edge is repeated."""
    height = pixels.shape[1]
    place = (torch.arange(height, device=pixels.device) - rows).clamp(0, height - 1)
    return pixels[:, place]


# The stem


class Stem(nn.Module):
    """Pixels [B, 32, W] of ink to frames [B, T, C]."""

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.per_frame: list[int] = []  # columns of a layer's picture
        before, columns = 1, FRAME
        for channels, depth, across in zip(config.stem, config.stem_depth, (2, 2, 1), strict=True):
            columns //= across
            self.per_frame += [columns] * (1 + depth)
            self.layers.append(Convolution(before, channels, (2, across)))
            self.layers.extend(Convolution(channels, channels) for _ in range(depth))
            before = channels
        self.fold = nn.Linear(before * HEIGHT // 8, config.width)

    def forward(self, ink: Tensor, count: Tensor) -> Tensor:
        """``count`` [B]: frames of each line."""
        x_bchw = ink[:, None].contiguous(memory_format=torch.channels_last)
        for layer, per_frame in zip(self.layers, self.per_frame, strict=True):
            place = torch.arange(ink.shape[2] // FRAME * per_frame, device=ink.device)
            inside = place < count[:, None] * per_frame
            x_bchw = layer(x_bchw, inside[:, None, None].to(x_bchw.dtype))
        x_btc: Tensor = self.fold(x_bchw.permute(0, 3, 2, 1).flatten(2))
        return x_btc


class Convolution(nn.Module):
    """3 x 3 convolution, batch norm, ReLU; around it a shortcut where it has no stride.

    What lies beyond a line's end is made zero, as what lies beyond a picture's edge is.
    """

    def __init__(self, before: int, channels: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.shortcut = stride == (1, 1)
        self.convolve = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x_bchw: Tensor, inside: Tensor) -> Tensor:
        y: Tensor = self.norm(self.convolve(x_bchw))
        if self.shortcut:
            y = y + x_bchw
        return y.mul_(inside).relu_()


# Mixers: blocks [B, T, C] → [B, T, C], with the mask [B, T] of what is within the lines


class ConvBlock(nn.Module):
    """A wide depthwise convolution along the line, then each frame by itself.

    Source: Liu et al., "A ConvNet for the 2020s", arXiv 2201.03545, in one dimension.
    """

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        width, kernel = config.width, config.kernel
        self.norm = nn.LayerNorm(width)
        self.along = DepthwiseAlong(width, kernel)
        self.each = Mlp(width)

    def forward(self, x_btc: Tensor, mask: Tensor) -> Tensor:
        y_btc: Tensor = self.each(self.along(self.norm(x_btc) * mask[..., None]))
        return x_btc + y_btc


class Mlp(nn.Sequential):
    """Each frame by itself."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


class AttentionBlock(nn.Module):
    """Attention among all frames of a line, by their distance: any length works."""

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.each_norm = nn.LayerNorm(config.width)
        self.each = Mlp(config.width)

    def forward(self, x_btc: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm(x_btc)).chunk(3, dim=-1)
        )
        y = attention(rotary(q), rotary(k), v, mask[:, None, None])
        x_btc = x_btc + self.out(y.transpose(1, 2).flatten(2))
        out: Tensor = x_btc + self.each(self.each_norm(x_btc))
        return out


class LstmBlock(nn.Module):
    """An LSTM in each direction. Source: Graves and Schmidhuber, "Framewise phoneme
    classification with bidirectional LSTM", Neural Networks 18, 2005."""

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        self.forth = nn.LSTM(config.width, config.width // 2, batch_first=True)
        self.back = nn.LSTM(config.width, config.width // 2, batch_first=True)

    def forward(self, x_btc: Tensor, mask: Tensor) -> Tensor:
        # Backwards begins at each line's own end, so that padding is not read first.
        place = torch.arange(x_btc.shape[1], device=x_btc.device)
        mirrored = torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - place, place)[..., None]
        forth = self.forth(x_btc)[0]
        back = self.back(x_btc.gather(1, mirrored.expand_as(x_btc)))[0]
        return torch.cat([forth, back.gather(1, mirrored.expand_as(back))], dim=-1)
