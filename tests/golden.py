"""Compare our models with stored outputs of the original implementations.

    python tests/golden.py FOLDER

Every ``*.safetensors`` of the folder is read by its name; a line is printed for each output:
``file output max_abs limit ok``. The exit code is 1 if one misses its limit. A file of a model
that is not here yet is printed as ``not yet`` and misses nothing.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

LIMIT, LOSS_LIMIT = 1e-5, 1e-4


@dataclass(frozen=True)
class Golden:
    """A file of reference outputs: its configuration and its tensors."""

    config: dict[str, object]
    tensors: dict[str, Tensor]

    @staticmethod
    def read(path: Path) -> Golden:
        with safe_open(path, framework="pt") as file:
            config = ast.literal_eval(file.metadata()["config"])
            return Golden(config, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


@dataclass(frozen=True)
class Compared:
    """One output, ours beside the original's."""

    output: str
    max_abs: float
    limit: float

    @property
    def ok(self) -> bool:
        return self.max_abs <= self.limit  # False for NaN


def compare(output: str, ours: Tensor, theirs: Tensor, limit: float = LIMIT) -> Compared:
    """Ids and masks must be equal, other shapes are infinitely far apart."""
    if ours.shape != theirs.shape:
        return Compared(output, float("inf"), limit)
    exact = not theirs.is_floating_point()
    difference = (ours.detach().double() - theirs.double()).abs()
    return Compared(
        output, float(difference.max()) if difference.numel() else 0.0, 0.0 if exact else limit
    )


def detailclip(golden: Golden) -> Iterator[Compared]:
    """Both calls of a training step, and the centres between them."""
    from vlkit.models.detailclip import DetailClip
    from vlkit.nn.masking import rows_of

    model = DetailClip.from_original(golden.under("weights."), golden.config).train()
    batch = {
        "views": torch.stack([golden["input.view_u"], golden["input.view_v"]], dim=1),
        "ids": golden["input.text"],
    }
    theirs = golden.under("output.")
    views = model.look(torch.cat([golden["input.view_u"], golden["input.view_v"]]))
    b = len(batch["ids"])
    removed = views.removed
    mask = torch.zeros(2 * b, len(model.student.image.cells), dtype=torch.bool)
    mask.scatter_(1, removed, True)
    yield compare("mask_u", mask[:b], theirs["mask_u"])
    yield compare("mask_v", mask[b:], theirs["mask_v"])
    yield compare("img_embed_u", views.image[:b], theirs["img_embed_u"])
    yield compare("img_embed_v", views.image[b:], theirs["img_embed_v"])
    yield compare("text_embed", model.student.texts(batch["ids"]), theirs["text_embed"])
    wanted = rows_of(theirs["u_reconstructed"], removed[:b])
    yield compare("u_reconstructed[removed]", views.pixels[:b], wanted)
    for name, side, bottleneck in (
        ("student", model.student, views.student),
        ("teacher", model.teacher, views.teacher),
    ):
        scores = side.head.scores(bottleneck)
        yield compare(f"{name}_ibot.cls", scores[:, 0], theirs[f"{name}_ibot.cls"])
        wanted = rows_of(theirs[f"{name}_ibot.patch"], removed)
        yield compare(f"{name}_ibot.patch[removed]", scores[:, 1:], wanted)
    yield from _detailclip_calls(model, batch, golden)


def _detailclip_calls(model, batch, golden: Golden) -> Iterator[Compared]:
    """The loss of the first call, the centres after it, and the loss of the second."""
    distillation = model.config.distillation
    first_epoch = golden.config["first_epoch"] == 0
    temperatures = [
        distillation.first_patch_temperature if first_epoch else distillation.patch_temperature,
        distillation.patch_temperature,
    ]
    for call, temperature in zip(("first", "second"), temperatures, strict=True):
        model.patch_temperature.fill_(temperature)
        loss, logs = model.loss(model.encode(batch), batch)
        ours = {
            "loss": loss,
            "contra_loss_1": logs["contrast_u"],
            "contra_loss_2": logs["contrast_v"],
            "reconst_loss": logs["reconstruction"],
            "ibot_cls_loss": logs["class"],
            "ibot_patch_loss": logs["patch"],
            "ibot_loss": logs["class"] + logs["patch"],
        }
        for name, value in ours.items():
            name = f"loss_{call}.{name}"
            yield compare(name, value, golden[f"output.{name}"], LOSS_LIMIT)
        if call == "first":
            model.after_step(1)
            yield compare("center_cls", model.class_centre, golden["output.center_cls"].flatten())
            centre = golden["output.center_patch"].flatten()
            yield compare("center_patch", model.patch_centre, centre)


def lilt(golden: Golden) -> Iterator[Compared]:
    """Both state dicts on the same documents."""
    from vlkit.models.lilt import Lilt

    mask = golden["input.attention_mask"].bool()
    batch = {"ids": golden["input.input_ids"], "boxes": golden["input.bbox"], "mask": mask}
    model = Lilt.from_original(golden.under("token_classification."), golden.config)
    flows = model(**batch)
    yield compare("text_hidden", flows.text[mask], golden["output.text_hidden"][mask])
    yield compare("layout_hidden", flows.layout[mask], golden["output.layout_hidden"][mask])
    yield compare("token_logits", model.encode(batch)["tokens"][mask],
                  golden["output.token_logits"][mask])  # fmt: skip
    model = Lilt.from_original(golden.under("relation_extraction."), golden.config)
    batch |= _lilt_entities(golden, len(mask))
    logits = model.encode(batch)["relations"]
    head = model.head("relations")
    for number, candidates in enumerate(head.candidates(batch)):
        wanted = golden[f"output.relation_pairs.{number}"]
        pairs = candidates.nonzero()
        linked = batch["links"][number][pairs.unbind(1)][:, None].long()
        yield compare(f"relation_pairs.{number}", torch.cat([pairs, linked], dim=1), wanted)
        theirs = golden[f"output.relation_logits.{number}"]
        # Logits of ±9 behind matrices of ±.3: theirs are 4e-5 from the same in float64.
        ours = logits[number][pairs.unbind(1)]
        yield compare(f"relation_logits.{number}", ours, theirs, LOSS_LIMIT)
    loss, _ = head.loss(logits, batch)
    yield compare("relation_loss", loss, golden["output.relation_loss"], LOSS_LIMIT)


def _lilt_entities(golden: Golden, documents: int) -> dict[str, Tensor]:
    starts = [golden[f"input.entity_start.{number}"] for number in range(documents)]
    types = [golden[f"input.entity_type.{number}"] for number in range(documents)]
    most = max(map(len, starts))
    links = torch.zeros(documents, most, most, dtype=torch.bool)
    for number in range(documents):
        links[number][golden[f"input.links.{number}"].unbind(1)] = True
    stack = torch.nn.utils.rnn.pad_sequence
    return {
        "starts": stack(starts, batch_first=True, padding_value=-1),
        "types": stack(types, batch_first=True, padding_value=-1),
        "links": links,
    }


REPRODUCED: dict[str, Callable[[Golden], Iterator[Compared]]] = {
    "detailclip": detailclip,
    "lilt": lilt,
}


def run(folder: Path) -> bool:
    """Print the table of a folder; whether every output met its limit."""
    torch.set_grad_enabled(False)
    ok = True
    for path in sorted(folder.glob("*.safetensors")):
        if path.stem not in REPRODUCED:
            print(path.name, "not yet")
            continue
        for each in REPRODUCED[path.stem](Golden.read(path)):
            verdict = "ok" if each.ok else "MISS"
            print(path.name, each.output, f"{each.max_abs:.1e}", f"{each.limit:.0e}", verdict)
            ok = ok and each.ok
    return ok


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not list(folder.glob("*.safetensors")):
        sys.exit(f"{folder}: no *.safetensors here")
    sys.exit(0 if run(folder) else 1)


if __name__ == "__main__":
    main()
