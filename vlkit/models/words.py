"""A model's texts as ids: its tokenizer.json, used as those who trained the model used it.

Which cleaning and padding that was stands in open_clip's configurations and beside the tokenizer,
not in the weights; a tower that sees its padding (SigLIP's) is another model with another padding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlkit.data.bpe import CaptionTokenizer, trained_here
from vlkit.errors import ModelError
from vlkit.nn.texts import HuggingFaceText, TextEncoder
from vlkit.nn.towers import open_clip_table

SETTINGS = "tokenizer_config.json"


def tokenizer_of(text: TextEncoder, file: Path) -> CaptionTokenizer:
    """A text tower's tokenizer.

    One that was trained here knows all by itself. Any other is used as open_clip uses it for the
    tower's architecture.

    Args:
        file: A ``tokenizer.json``; the ``tokenizer_config.json`` beside it, if there is one, says
            what it pads with.

    Raises:
        InputError: It is missing or damaged.
        ModelError: What it pads with is not known, or the architecture makes ids in a way that is
            not known here.
    """
    plain = CaptionTokenizer.from_file(file, text.context_length)
    if trained_here(plain.tokenizer) or text.config.library != "open_clip":
        return plain
    words = open_clip_table(text.config.architecture)["text_cfg"]
    options = dict(words.get("tokenizer_kwargs", {}))
    foreign = bool(words.get("hf_tokenizer_name"))  # else it is CLIP's own, padded with 0
    clean = _cleaning(options.pop("clean", "whitespace" if foreign else "lower"))
    if options or words.get("tokenizer_mode"):
        special = ", ".join([*options, *filter(None, [words.get("tokenizer_mode")])])
        raise ModelError(
            f"{text.config.architecture} makes ids of texts in a way not known here: {special}",
            remedy="Open it with open_clip",
            file=file,
        )
    pad = _padding(plain, text, file) if foreign else 0
    return CaptionTokenizer(plain.tokenizer, plain.length, pad=pad, clean=clean)


def _cleaning(kind: str) -> Callable[[str], str]:
    """open_clip's cleaning of a text by its name there: lower, whitespace or canonicalize."""
    from open_clip.tokenizer import get_clean_fn  # type: ignore[import-untyped]

    found: Callable[[str], str] = get_clean_fn(kind)
    return found


def _padding(plain: CaptionTokenizer, text: TextEncoder, file: Path) -> int:
    """What transformers, which open_clip asks, would fill up with."""
    settings = _settings(file.with_name(SETTINGS))
    token = settings.get("pad_token")
    name = token["content"] if isinstance(token, dict) else token
    pad = plain.own_pad if name is None else plain.tokenizer.token_to_id(name)
    if pad is None and isinstance(text, HuggingFaceText):
        return text.pad_id
    if pad is None:
        raise ModelError(
            "what the tokenizer pads with is not known, and the model sees it",
            remedy=f"Put the {SETTINGS} that belongs to it into the same folder",
            file=file,
        )
    if settings.get("padding_side", "right") != "right":
        raise ModelError(
            "the tokenizer pads before the text", remedy="Open it with open_clip", file=file
        )
    return int(pad)


def _settings(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{SETTINGS} can't be read: {error}", file=file) from error
    return found
