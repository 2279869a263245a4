"""Batches of LiLT's documents: one a row and padded, or several a row, packed.

A document is a table of tensors: ``ids`` [n] and ``boxes`` [n, 4]; to learn from perhaps
``labels`` [n] or what ``lilt_pretraining.masked`` adds; and its entities' ``starts`` [e],
``types`` [e] and ``links`` [e, e] bool, as of ``lilt_heads.RelationHead``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vlkit.errors import InputError
from vlkit.models.lilt_heads import NONE, Batch

FILLS = {"boxes": 0, "labels": NONE, "targets": NONE, "regions": NONE, "aligned": NONE}


def padded(documents: Sequence[Batch], pad_id: int) -> Batch:
    """One document a row, as long as the longest; with a ``mask``."""
    batch = _in_rows(documents, [[place] for place in range(len(documents))], pad_id)
    batch["mask"] = batch.pop("documents") > 0
    return batch


def packed(documents: Sequence[Batch], length: int, pad_id: int) -> Batch:
    """Several documents a row, the longest first and each where it fits; with ``documents``.

    Args:
        documents: None longer than ``length``.
        length: The most tokens of a row.
        pad_id: Fills up.

    Raises:
        InputError: A document is longer than a row.
    """
    sizes = [len(document["ids"]) for document in documents]
    rows: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if sizes[place] > length:
            raise InputError(
                f"document {place} has {sizes[place]} tokens, a row {length}",
                remedy="Cut it into windows, or make rows longer",
            )
        row = next((row for row, left in enumerate(room) if left >= sizes[place]), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(length)
        rows[row].append(place)
        room[row] -= sizes[place]
    return _in_rows(documents, rows, pad_id)


def _in_rows(documents: Sequence[Batch], rows: list[list[int]], pad_id: int) -> Batch:
    """The batch, row by row of documents' numbers; ``documents`` [B, N] counts from 1."""
    members = [[documents[place] for place in row] for row in rows]
    fills = {"ids": pad_id, **FILLS}
    batch = {
        name: _stack([torch.cat([each[name] for each in row]) for row in members], fill)
        for name, fill in fills.items()
        if name in documents[0]
    }
    numbers = [
        torch.repeat_interleave(
            torch.arange(1, len(row) + 1), torch.tensor([len(each["ids"]) for each in row])
        )
        for row in members
    ]
    batch["documents"] = _stack(numbers, 0)
    if "targets" in batch:
        batch["masked_at"] = _stack([row.nonzero()[:, 0] for row in batch["targets"] != NONE], -1)
    if "starts" in documents[0]:
        batch |= _entities(members)
    return batch


def _entities(members: list[list[Batch]]) -> Batch:
    """Entities of each row, one document after the other; links stay within a document."""
    starts, types = [], []
    for row in members:
        before = torch.tensor([0, *(len(document["ids"]) for document in row)]).cumsum(dim=0)
        parts = zip(row, before[:-1], strict=True)
        starts.append(torch.cat([document["starts"] + first for document, first in parts]))
        types.append(torch.cat([document["types"] for document in row]))
    batch = {"starts": _stack(starts, -1), "types": _stack(types, -1)}
    if "links" in members[0][0]:
        most = batch["types"].shape[1]
        batch["links"] = torch.zeros(len(members), most, most, dtype=torch.bool)
        for number, row in enumerate(members):
            first = 0
            for document in row:
                last = first + len(document["types"])
                batch["links"][number, first:last, first:last] = document["links"]
                first = last
    return batch


def _stack(rows: list[Tensor], fill: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=fill)
