"""The shelf's text trunk: a BERT that was trained elsewhere, its matrices and words as int8.

    python -m vlkit.models.convert.trunk_text all-minilm-l6-v2.whl models/trunk-text --lines FUNSD

The weights are two files, so that neither is above 16 MB, with names as in ``vlkit.models.lilt``.
ONNX files of the models that stand on it refer to the same bytes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from vlkit import __version__
from vlkit.card import Card, Cost, Made, render
from vlkit.checkpoint import CARD, CONFIG, TOKENIZER
from vlkit.data.labelled import read_labelled
from vlkit.errors import InputError
from vlkit.evaluation.result import EvalResult, installed_versions, typed
from vlkit.models.convert.lilt import read_hugging_face, text_table, text_weights
from vlkit.models.trunks import TextTrunk
from vlkit.recipe import parse, to_table
from vlkit.shelves import PARTS, WEIGHTS
from vlkit.tensors import SCALE, dequantised, load_tensors, quantised, save_tensors

NEEDED = (CONFIG, WEIGHTS, TOKENIZER)
LINES = 200  # to measure on
SYLLABLES = [chr(code) for code in range(0xAC00, 0xD7A4)]  # all of Hangul
COMMAND = "python", "-m", "vlkit.models.convert.trunk_text"


def convert(source: Path, output: Path, lines: Path | None = None) -> Path:
    """Write the trunk's folder.

    Args:
        source: A folder with a BERT's ``config.json``, ``model.safetensors`` and
            ``tokenizer.json``, or a wheel that has them in one folder.
        lines: A folder of labelled documents (``vlkit.data.labelled``). How far int8 moves the
            vectors of their lines is put on the card.

    Raises:
        InputError: The source lacks one of them.
        CheckpointError, ModelError, UnknownName: It is no BERT.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = unpacked(source, Path(scratch))
        exact = text_weights(load_tensors(folder / WEIGHTS))
        table = text_table(read_hugging_face(folder / CONFIG), exact)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_truncation()  # pages are longer than the sentences that it was trained on
    tokenizer.no_padding()
    stored = {file: dict(_stored(part)) for file, part in _parts(exact).items()}
    output.mkdir(parents=True, exist_ok=True)
    for file, part in stored.items():
        save_tensors(output / file, part)
    tokenizer.save(str(output / TOKENIZER), pretty=False)
    measured_on = () if lines is None else ("--lines", lines)
    command = typed(*COMMAND, source.name, output, *measured_on)
    made = _made(command, tokenizer, exact)
    facts = {"model": TextTrunk.model_name, "config": table, "card": to_table(made)}
    text = json.dumps({**facts, "vlkit": __version__}, indent=1, ensure_ascii=False)
    (output / CONFIG).write_text(text + "\n", encoding="utf-8")
    figures = []
    if lines is not None:
        one, other = (_model(table, weights) for weights in (exact, _whole(stored)))
        figures = [measure(one, other, tokenizer, lines, command)]
    (output / CARD).write_text(render(made, figures), encoding="utf-8")
    return output


def unpacked(source: Path, scratch: Path) -> Path:
    """The folder with a text model's files: the source, or what of a wheel lies in ``scratch``."""
    if source.is_dir():
        missing = [name for name in NEEDED if not (source / name).exists()]
        if missing:
            raise InputError(f"{missing[0]} is missing", file=source)
        return source
    try:
        with zipfile.ZipFile(source) as wheel:
            names = set(wheel.namelist())
            folders = [name.removesuffix(WEIGHTS) for name in names if name.endswith(WEIGHTS)]
            whole = [at for at in folders if all(at + name in names for name in NEEDED)]
            if not whole:
                raise InputError(f"no folder in it has {', '.join(NEEDED)}", file=source)
            for name in NEEDED:
                (scratch / name).write_bytes(wheel.read(min(whole) + name))
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"it can't be opened: {error}", remedy="Give a folder or a wheel", file=source
        ) from error
    return scratch


def _parts(weights: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What goes into which file."""
    files: dict[str, dict[str, Tensor]] = {PARTS.replace("*", at): {} for at in ("layers", "words")}
    for name, weight in weights.items():
        at = "layers" if name.startswith("layers.") else "words"
        files[PARTS.replace("*", at)][name] = weight
    return files


def _stored(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """As int8: the layers' matrices and the table of words. The small tables beside it stay."""
    for name, weight in weights.items():
        if weight.dim() == 2 and name.startswith(("layers.", "text.words.")):
            whole, scale = quantised(weight)
            yield name, whole
            yield name + SCALE, scale
        else:
            yield name, weight


def _whole(stored: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: weight for part in stored.values() for name, weight in dequantised(part).items()}


def _model(table: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TextTrunk:
    model = TextTrunk.from_config(parse(table, TextTrunk.Config))
    model.load_state_dict(dict(weights))
    return model.eval()


# What the card says


def unknown_syllables(tokenizer: Tokenizer) -> int:
    """How many of the Hangul syllables the vocabulary can't spell."""
    unknown = tokenizer.token_to_id("[UNK]")
    read = tokenizer.encode_batch(SYLLABLES, add_special_tokens=False)
    return sum(unknown in each.ids for each in read)


@torch.no_grad()
def measure(
    exact: TextTrunk, stored: TextTrunk, tokenizer: Tokenizer, folder: Path, command: str
) -> EvalResult:
    """The cosines of lines' mean vectors by the weights as they were and as they are stored."""
    documents = read_labelled(folder).documents
    pages = [page for document in documents for page in document.pages]
    found = [line.text for page in pages for line in page.lines if len(line.words) > 2]
    if len(found) < LINES:
        raise InputError(f"{len(found)} lines have three words or more", file=folder)
    cosines = torch.stack(
        [_cosine(exact, stored, tokenizer, text) for text in found[:: len(found) // LINES][:LINES]]
    )
    return EvalResult(
        task="int8",
        model="trunk-text",
        data=folder.name,
        counts={"lines": len(cosines)},
        metrics={"cosine_mean": float(cosines.mean()), "cosine_least": float(cosines.min())},
        command=command,
        versions=installed_versions(("vlkit", "torch")),
    )


def _cosine(exact: TextTrunk, stored: TextTrunk, tokenizer: Tokenizer, text: str) -> Tensor:
    ids = torch.tensor([tokenizer.encode(text).ids[: exact.config.positions]])
    one, other = (model(ids).pooled for model in (exact, stored))
    return functional.cosine_similarity(one, other)[0]


def _made(command: str, tokenizer: Tokenizer, weights: Mapping[str, Tensor]) -> Made:
    unknown = unknown_syllables(tokenizer)
    card = Card(
        name="trunk-text",
        summary="A small English sentence encoder, all-MiniLM-L6-v2, for models to stand on; its "
        "matrices and its table of words are stored as int8 with a float for each row.",
        data="What all-MiniLM-L6-v2 was trained on by its authors: about a billion pairs of "
        "English sentences from the web, forums, papers and questions.",
        data_licence="many sets under licences of their own, named in all-MiniLM-L6-v2's card; "
        "the weights are Apache-2.0",
        licence="apache-2.0",
        intended="For English, in lower case. Hangul comes in letters (jamo), of which the "
        f"vocabulary lacks nearly half: {unknown:,} of {len(SYLLABLES):,} syllables can't be "
        "spelled, and a word that holds one is unknown as a whole. The others were hardly ever "
        "seen in training. So of Korean words it knows next to nothing, and models on it read "
        "Korean pages by their layout, figures and Latin letters.",
    )
    parameters = sum(weight.numel() for weight in weights.values())
    cost = Cost(steps=0, samples=0, seconds=0.0, machine="", parameters=parameters)
    versions = installed_versions(("vlkit", "torch"))
    return Made(card, TextTrunk.model_name, command, cost, versions=versions)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog=" ".join(COMMAND), description=__doc__)
    parser.add_argument("source", type=Path, help="folder or wheel of a BERT with tokenizer.json")
    parser.add_argument("output", type=Path)
    parser.add_argument("--lines", type=Path, help="labelled documents to measure int8 on")
    given = parser.parse_args(arguments)
    print(convert(given.source, given.output, given.lines))


if __name__ == "__main__":
    main()
