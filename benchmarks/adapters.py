"""What it is worth that models share a trunk: bytes, one look for several answers, tuning.

    VLKIT_DATA=… python -m benchmarks.adapters [--parts shelf,serving,tuning] [--quick]
        [--rounds 15] [--seeds 3] [--jobs 2] [--json FILE]

- ``shelf``: the files of models that stand on ``models/trunk-image`` beside the same models
  standalone, and of the heads that ``serving`` serves. What the shelf lacks yet is made at its
  size with random weights, which take as many bytes.
- ``serving``: a vector, a vector for each patch and a caption of a picture from one pass of the
  trunk, beside three models one after the other. Processor time of one thread; both ways take
  turns, so that whatever else the machine does meets both.
- ``tuning``: adapters on a frozen trunk beside full tuning (``arms/tuning.py``). Finished runs
  stand in ``benchmarks/out/adapters_tuning.jsonl``; a grid that was killed goes on from there.

An aligned adapter as the start of LaVIT and of Vary, and visual ids among the answers, are rows
that come with these models.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.arms.grid import Run, run_grid, settings_key
from benchmarks.arms.photos import tokenizer
from benchmarks.arms.summary import rows as study_rows
from benchmarks.arms.summary import show as show_study
from benchmarks.arms.tuning import LINEAR, STUDY, TRUNK, clip_nano
from benchmarks.table import Row, show, write
from vlkit import recipe
from vlkit.adapters import folder as adapters
from vlkit.adapters.config import AdapterConfig
from vlkit.card import Card, Cost, Made
from vlkit.checkpoint import (
    CARD,
    CONFIG,
    TOKENIZER,
    WEIGHTS,
    load_folder,
    load_tensors,
    load_weights,
    read_config,
    save_folder,
)
from vlkit.models.cgvlm import CgVlm, CgVlmConfig, LanguageModel
from vlkit.models.clip import Clip
from vlkit.models.detailclip import DetailClip, DetailClipConfig
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.features import Features
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.shelves import REPOSITORY
from vlkit.training.shelf import ForShelf, save_for_shelf

SHELF = REPOSITORY
OUT = Path("benchmarks/out")
PARTS = ("shelf", "serving", "tuning")
FILES = (CONFIG, WEIGHTS, TOKENIZER, CARD)
MIB = 2**20
SAME = 1e-5


# ---- shelf: bytes -------------------------------------------------------------------------------


def shelf_rows(data: Path) -> list[Row]:
    with tempfile.TemporaryDirectory() as place:
        trained = (SHELF / TRUNK / CONFIG).exists()
        shelf = SHELF if trained else make_shelf(Path(place) / "shelf", data)
        return [
            bytes_of_models(shelf, Path(place) / "alone", "trained" if trained else "random"),
            bytes_of_heads(Path(place) / "heads"),
        ]


def make_shelf(shelf: Path, data: Path) -> Path:
    """The shelf's folders as their recipes will make them, with random weights."""
    clip = clip_nano()
    words = shelf.with_name(TOKENIZER)
    words.parent.mkdir(parents=True, exist_ok=True)
    tokenizer(data, clip.text.context_length or 0).save(words)
    table = recipe.read(REPOSITORY / "detailclip-nano" / "recipe.toml")
    config = recipe.parse(table["model"]["config"], DetailClipConfig)
    card = recipe.parse(table["card"], Card)
    made = Made(card, "detailclip", "", Cost(0, 0, 0.0, "", 0))
    save_for_shelf(shelf, ForShelf(TRUNK), DetailClip(config), words, made)
    trunk = shelf / TRUNK
    other = Clip(clip)
    load_weights(other, {**other.state_dict(), **load_tensors(trunk / WEIGHTS)}, file=trunk)
    save_folder(
        shelf / "clip-nano",
        model="clip",
        config=recipe.to_table(clip),
        weights=other.state_dict(),
        tokenizer=words,
        card=(shelf / card.name / CARD).read_text(),
        trunk=(trunk, ""),
    )
    return shelf


def bytes_of_models(shelf: Path, alone: Path, weights: str) -> Row:
    """Of every model that stands on the trunk, which counts once."""
    standing = [
        file.parent
        for file in sorted(shelf.glob(f"*/{CONFIG}"))
        if read_config(file.parent).get("trunk", {}).get("name") == TRUNK
    ]
    for folder in standing:
        found = load_folder(folder)
        save_folder(
            alone / folder.name,
            model=found.model,
            config=found.config,
            weights=found.weights,
            tokenizer=found.tokenizer,
            card=(folder / CARD).read_text(),
            facts=found.facts,
        )
    names = [folder.name for folder in standing]
    sizes = {name: (size_of(shelf / name), size_of(alone / name)) for name in names}
    shared = size_of(shelf / TRUNK) + sum(own for own, _ in sizes.values())
    whole = sum(size for _, size in sizes.values())
    return Row(
        f"{', '.join(names)} on {TRUNK} ({weights} weights)",
        "MiB of files",
        shared / MIB,
        {"standalone": whole / MIB, "ratio": shared / whole},
        detail={"on the trunk, standalone": sizes, "trunk": size_of(shelf / TRUNK)},
    )


def bytes_of_heads(place: Path) -> Row:
    """Of the picture's side alone: heads on one trunk beside a trunk for each."""
    trunk = ImageEncoder.create(clip_nano().image)
    tower = ImageTrunk(trunk).save_pretrained(place / TRUNK)
    sizes = {
        name: size_of(adapters.save(place / name, adapters.create(config, trunk), trunk))
        for name, config in HEADS.items()
    }
    heads = sum(sizes.values())
    shared, whole = size_of(tower) + heads, len(sizes) * size_of(tower) + heads
    return Row(
        f"{', '.join(HEADS)}: heads without text side",
        "MiB of files",
        shared / MIB,
        {"a trunk for each": whole / MIB, "ratio": shared / whole},
        detail={"heads": sizes, "trunk": size_of(tower)},
    )


def size_of(folder: Path) -> int:
    """Bytes of what a model needs and says of itself; tests' own files don't count."""
    return sum((folder / name).stat().st_size for name in FILES if (folder / name).exists())


# ---- serving: one look, several answers ---------------------------------------------------------


@dataclass(frozen=True)
class Serving:
    """What is served: the tower, the language model that captions, and how long captions are."""

    image: ImageTower
    language: Mapping[str, int | None]
    tokens: int = 16
    batches: tuple[int, ...] = (1, 16)


LANGUAGE_WIDTH = 192
LANGUAGE: dict[str, int | None] = {
    "vocab_size": 8192,
    "hidden_size": LANGUAGE_WIDTH,
    "intermediate_size": 2 * LANGUAGE_WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "eos_token_id": None,  # so that every caption has all its tokens
}
HEADS = {
    "vector": LINEAR,
    "multi-vector": AdapterConfig("late", width=64),
    "caption": AdapterConfig("linear", width=LANGUAGE_WIDTH),
}
Models = dict[str, Clip | CgVlm]
Answers = dict[str, Tensor]


def serving(quick: bool) -> Serving:
    image = clip_nano().image
    if not quick:
        return Serving(image, LANGUAGE)
    image = replace(image, image_size=4 * (image.patch_size or 16), depth=1)
    return Serving(image, LANGUAGE | {"num_hidden_layers": 1}, tokens=3, batches=(2,))


class Once(nn.Module):
    """A trunk that looks at a batch once, however many models on it ask for its features."""

    def __init__(self, trunk: ImageEncoder) -> None:
        super().__init__()
        self.trunk = trunk
        self.seen: Tensor | None = None
        self.features: Features | None = None

    def forward(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        if self.seen is not pixels or self.features is None:
            self.seen, self.features = pixels, self.trunk(pixels)
        return self.features


def models_of(size: Serving) -> tuple[Models, Models]:
    """The models with a trunk of their own each, and the same on one trunk."""
    torch.manual_seed(0)
    base = replace(clip_nano(), image=size.image)
    late = replace(
        base,
        objective="late",
        image_projection=HEADS["multi-vector"],
        text_projection=HEADS["multi-vector"],
    )
    language = LanguageModel("llama", size.language)
    separate: Models = {
        "vector": Clip(base),
        "multi-vector": Clip(late),
        "caption": CgVlm(CgVlmConfig(size.image, HEADS["caption"], language)),
    }
    trunk = separate["vector"].image
    for model in separate.values():
        model.eval().image.load_state_dict(trunk.state_dict())
    shared = deepcopy(separate)
    once = Once(shared["vector"].image)
    for model in shared.values():
        model.image = once  # type: ignore[assignment]
    return separate, shared


@torch.no_grad()
def answer(models: Models, names: Iterable[str], pixels: Tensor, tokens: int) -> Answers:
    """What the named models say of pictures [B, 3, H, W]."""
    answers: Answers = {}
    for name in names:
        model = models[name]
        if isinstance(model, CgVlm):
            begin = torch.ones(len(pixels), 1, dtype=torch.long)
            answers[name] = model.generate(pixels, begin, begin.bool(), limit=tokens)
        else:
            answers[name] = model.compared_by(model.encode_image(pixels))[0]
    return answers


def serving_rows(size: Serving, rounds: int) -> list[Row]:
    torch.set_num_threads(1)
    separate, shared = models_of(size)
    found = []
    for batch in size.batches:
        pixels = torch.randn(batch, 3, *[separate["vector"].image.image_size] * 2)
        for names in (("vector", "multi-vector"), tuple(HEADS)):
            one, other = (answer(each, names, pixels, size.tokens) for each in (shared, separate))
            apart = max(float((one[name] - other[name]).abs().max()) for name in names)
            found.append(speed_row(separate, shared, names, pixels, size.tokens, rounds))
            found[-1].reached = apart <= SAME
            found[-1].detail["largest difference of answers"] = apart
    return found


def speed_row(
    separate: Models,
    shared: Models,
    names: tuple[str, ...],
    pixels: Tensor,
    tokens: int,
    rounds: int,
) -> Row:
    """Processor time a picture, and how often less it is than the separate models'."""
    taken: dict[str, list[float]] = {"separate": [], "shared": []}
    arms = {"separate": separate, "shared": shared}
    for turn in range(rounds):
        for arm in sorted(arms, reverse=bool(turn % 2)):
            fresh = pixels.clone()  # which no trunk has seen
            began = time.process_time()
            answer(arms[arm], names, fresh, tokens)
            taken[arm].append(1e3 * (time.process_time() - began) / len(pixels))
    ratios = [a / b for a, b in zip(taken["separate"], taken["shared"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    work = {arm: gflop(models, names, pixels, tokens) for arm, models in arms.items()}
    return Row(
        f"{' + '.join(names)}, {len(pixels)} at once",
        "processor ms a picture",
        statistics.median(taken["shared"]),
        {
            "separate models": statistics.median(taken["separate"]),
            "times": middle,
            "times, first quartile": low,
            "times, third quartile": high,
            "times that the work allows": work["separate"] / work["shared"],
        },
        f"same answers to {SAME:g}",
        detail={"GFLOP": work, "rounds": rounds, "torch": torch.__version__},
    )


def gflop(models: Models, names: tuple[str, ...], pixels: Tensor, tokens: int) -> float:
    """Of matrix products and attention, for the whole batch."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        answer(models, names, pixels.clone(), tokens)
    return float(counter.get_total_flops()) / 1e9


# ---- tuning: adapters beside all weights --------------------------------------------------------


def tuning_rows(quick: bool, seeds: int, jobs: int) -> list[Row]:
    file = OUT / f"adapters_tuning{'_quick' if quick else ''}.jsonl"
    key = settings_key(STUDY, quick)

    def command(run: Run) -> list[str]:
        door = [sys.executable, "-m", "benchmarks.adapters"]
        return door + ["--quick"] * quick + ["--one", run.arm, str(run.seed), key]

    runs = [Run(arm, seed) for seed in range(seeds) for arm in STUDY.arms]
    results = run_grid(runs, key, file, command, jobs)
    show_study(STUDY, results)
    if len(results) < len(runs):
        sys.exit(f"{len(runs) - len(results)} of {len(runs)} runs failed; start again to repeat")
    return study_rows(STUDY, results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--parts", default=",".join(PARTS), help="names with commas")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if "VLKIT_DATA" not in os.environ:
        parser.error("VLKIT_DATA must name the folder of the data")
    data, quick = Path(os.environ["VLKIT_DATA"]), given.quick
    if given.one:
        arm, seed, key = given.one
        if settings_key(STUDY, quick) != key:
            sys.exit("the study's settings have changed since the grid began: start it again")
        print(json.dumps(STUDY.run(arm, int(seed), quick, data)))
        return
    parts = given.parts.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    table: list[Row] = []
    if "shelf" in parts:
        table += shelf_rows(data)
    if "serving" in parts:
        table += serving_rows(serving(quick), given.rounds)
    show(table)
    if "tuning" in parts:
        table += tuning_rows(quick, given.seeds or (1 if quick else 3), given.jobs)
    write(table, given.json or OUT / f"adapters{'_quick' if quick else ''}.json")


if __name__ == "__main__":
    main()
