"""LiLTs that label words and link entities as ONNX files, for ``vlkit.entities`` to run.

    python -m vlkit.models.convert.lilt_onnx runs/lilt-forms/model

writes ``model.onnx`` beside the weights, tokens to labels, and for a relation head
``relations.onnx``, pairs of entities to links. The weights of the trunk are not in them: they refer
to the bytes in the trunk's own files, which all models on it share, int8 as it is stored.

The graphs are written node by node, so that they hold what is needed and nothing of the machine
that wrote them.

Shapes: B windows, N tokens, D channels of text, L of layout, H attention heads, W that a head
sees, C labels, P parents, E children.
"""

from __future__ import annotations

import argparse
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vlkit.checkpoint import load_folder
from vlkit.entities.model import RELATIONS
from vlkit.errors import ModelError
from vlkit.extras import require
from vlkit.models.lilt import Lilt, LiltConfig
from vlkit.models.lilt_heads import HeadConfig
from vlkit.onnx import FILE
from vlkit.shelves import trunk_folder, weight_files
from vlkit.tensors import SCALE

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET, IR = 20, 9
HIDDEN = np.float32(-1e9)  # the score of what may not be seen
TYPES = {"F32": "FLOAT", "I8": "INT8"}  # of safetensors, by ONNX's names


def write_onnx(folder: Path) -> list[Path]:
    """Write a model folder's ONNX files into it; gives them.

    Raises:
        CheckpointError: The folder or its trunk is incomplete, or holds another model.
        ModelError: It has no token head.
        MissingDependency: Without the extra ``train``.
    """
    require("train")
    found = load_folder(folder)
    config: LiltConfig = Lilt.from_folder(found).config
    heads: dict[str, HeadConfig] = {head.kind: head for head in config.heads}
    if "tokens" not in heads:
        raise ModelError(
            "this model labels no words", remedy="Train one with a head of kind tokens", file=folder
        )
    shared: dict[str, Stored] = {}
    if found.trunk is not None:
        stem = stored(trunk_folder(found.trunk, folder))
        shared = {found.trunk.prefix + name: each for name, each in stem.items()}
    written = [_tokens(Graph(found.weights, shared), config, heads).save(folder / FILE)]
    if "relations" in heads:
        graph = _relations(Graph(found.weights, shared), heads["relations"])
        written.append(graph.save(folder / RELATIONS))
    return written


# ---- weights --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies.

    Attributes:
        file: Its name in the trunk's folder.
        kind: As safetensors calls it: ``F32``, ``I8``.
        offset: Of its first byte in the file.
    """

    file: str
    kind: str
    shape: tuple[int, ...]
    offset: int
    length: int


def stored(folder: Path) -> dict[str, Stored]:
    """Where the tensors of a folder lie in its files."""
    found = {}
    for file in weight_files(folder):
        with file.open("rb") as content:
            (length,) = struct.unpack("<Q", content.read(8))
            header = json.loads(content.read(length))
        header.pop("__metadata__", None)
        for name, each in header.items():
            start, end = each["data_offsets"]
            place = 8 + length + start
            found[name] = Stored(file.name, each["dtype"], tuple(each["shape"]), place, end - start)
    return found


# ---- graphs ---------------------------------------------------------------------------------


class Graph:
    """An ONNX graph that is being written.

    Args:
        weights: All of the model, as floats.
        shared: Those that lie in the trunk's files.
    """

    def __init__(self, weights: Mapping[str, Tensor], shared: Mapping[str, Stored]) -> None:
        self.weights = weights
        self.shared = shared
        self.nodes: list[NodeProto] = []
        self.held: dict[str, TensorProto] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, name: str, kind: str, shape: Sequence[str | int]) -> str:
        self.inputs.append(_value(name, kind, shape))
        return name

    def output(self, name: str, value: str, shape: Sequence[str | int]) -> None:
        self.op("Identity", value, named=(name,))
        self.outputs.append(_value(name, "FLOAT", shape))

    def op(
        self,
        kind: str,
        *inputs: str,
        named: Sequence[str] = (),
        **attributes: int | str | float | list[int],
    ) -> str:
        """Add a node; gives the name of its first output."""
        from onnx import helper

        outputs = named or (f"{kind}_{len(self.nodes)}",)
        node = helper.make_node(kind, inputs, outputs)
        node.attribute.extend(starmap(helper.make_attribute, attributes.items()))
        self.nodes.append(node)
        return outputs[0]

    def given(self, value: Any, kind: type = np.int64) -> str:
        """A constant, held once."""
        array: NDArray[Any] = np.asarray(value, kind)
        name = f"{array.dtype}{list(array.shape)}{array.ravel().tolist()}"
        return self.hold(name, array)

    def weight(self, name: str) -> str:
        """A weight as it is stored."""
        if name in self.held:
            return name
        if name not in self.shared:
            return self.hold(name, self.weights[name].numpy())
        self.held[name] = _external(name, self.shared[name])
        return name

    def is_int8(self, name: str) -> bool:
        return name in self.shared and self.shared[name].kind == "I8"

    def rows(self, name: str, places: str) -> str:
        """Rows [..., C] of a table, by their numbers [...]."""
        found = self.op("Gather", self.weight(name), places)
        if not self.is_int8(name):
            return found
        scale = self.op("Gather", self.weight(name + SCALE), places)
        whole = self.op("Cast", found, to=_kind("FLOAT"))
        return self.op("Mul", whole, self.op("Unsqueeze", scale, self.given([-1])))

    def linear(self, x: str, name: str) -> str:
        """[..., C] to [..., R] by a matrix [R, C] and a bias [R]."""
        weight, bias = f"{name}.weight", self.weight(f"{name}.bias")
        if weight not in self.shared:
            turned = self.hold(f"{weight}.T", self.weights[weight].numpy().T)
        else:
            turned = self.op("Transpose", self._floats(weight), perm=[1, 0])
        return self.op("Add", self.op("MatMul", x, turned), bias)

    def _floats(self, name: str) -> str:
        """A shared matrix, multiplied out once, as the model is opened.

        Products of integers, for which what comes in is rounded too, took two thirds of the time
        but changed one label in fifteen of forms (benchmarks/LOG.md, "Entities without torch").
        """
        if not self.is_int8(name):
            return self.weight(name)
        scale = self.op("Unsqueeze", self.weight(name + SCALE), self.given([-1]))
        return self.op("Mul", self.op("Cast", self.weight(name), to=_kind("FLOAT")), scale)

    def norm(self, x: str, name: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def save(self, file: Path) -> Path:
        """Write it; tensors that are shared stay where they are."""
        from onnx import helper

        graph = helper.make_graph(
            self.nodes, "vlkit", self.inputs, self.outputs, list(self.held.values())
        )
        model = helper.make_model(
            graph, producer_name="vlkit", opset_imports=[helper.make_opsetid("", OPSET)]
        )
        model.ir_version = IR
        file.write_bytes(model.SerializeToString())
        return file

    def hold(self, name: str, array: NDArray[Any]) -> str:
        """A tensor in the file itself."""
        from onnx import numpy_helper

        if name not in self.held:
            self.held[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name


def _kind(name: str) -> int:
    from onnx import TensorProto

    return int(TensorProto.DataType.Value(name))


def _value(name: str, kind: str, shape: Sequence[str | int]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, _kind(kind), shape)


def _external(name: str, place: Stored) -> TensorProto:
    from onnx import TensorProto

    tensor = TensorProto(name=name, data_type=_kind(TYPES[place.kind]), dims=place.shape)
    tensor.data_location = TensorProto.EXTERNAL
    where = {"location": place.file, "offset": place.offset, "length": place.length}
    for key, value in where.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


# ---- LiLT -----------------------------------------------------------------------------------


def _tokens(graph: Graph, config: LiltConfig, heads: Mapping[str, HeadConfig]) -> Graph:
    """``ids``, ``boxes`` and ``mask`` to ``labels`` and what relations need, ``seen``."""
    ids = graph.input("ids", "INT64", ["B", "N"])
    boxes = graph.input("boxes", "INT64", ["B", "N", 4])
    mask = graph.input("mask", "BOOL", ["B", "N"])
    counted = _whole(graph, graph.op("Not", graph.op("Equal", ids, graph.given(config.pad_id))))
    order = graph.op("CumSum", counted, graph.given(1))
    places = graph.op("Sub", graph.op("Mul", order, counted), graph.given(1))
    text = _text(graph, config, ids, places)
    layout = _layout(graph, config, boxes, mask, places)
    keys = graph.op("Unsqueeze", mask, graph.given([1, 2]))
    free, hidden = graph.given(0.0, np.float32), graph.given(HIDDEN, np.float32)
    scores = graph.op("Where", keys, free, hidden)
    for number in range(config.depth):
        text, layout = _layer(graph, config, f"layers.{number}", text, layout, scores)
    both = graph.op("Concat", text, layout, axis=-1)
    seen = {"text": text, "both": both}
    labels = len(heads["tokens"].labels)
    logits = graph.linear(seen[heads["tokens"].flows], "heads.tokens.linear")
    graph.output("labels", logits, ["B", "N", labels])
    if "relations" in heads:
        flows = heads["relations"].flows
        width = config.width + (config.layout_width if flows == "both" else 0)
        graph.output("seen", seen[flows], ["B", "N", width])
    return graph


def _text(graph: Graph, config: LiltConfig, ids: str, places: str) -> str:
    positions = graph.rows("text.positions.weight", _position(graph, places, config.first))
    kind = graph.rows("text.types.weight", graph.given(0))
    x = graph.op("Add", graph.op("Add", graph.rows("text.words.weight", ids), kind), positions)
    return graph.norm(x, "text.norm", config.epsilon)


def _layout(graph: Graph, config: LiltConfig, boxes: str, mask: str, places: str) -> str:
    real = graph.op("Unsqueeze", _whole(graph, mask), graph.given([-1]))
    boxes = graph.op("Mul", boxes, real)
    edges = [graph.op("Gather", boxes, graph.given(edge), axis=-1) for edge in range(4)]
    x0, y0, x1, y1 = edges
    sizes = graph.op("Sub", y1, y0), graph.op("Sub", x1, x0)
    tables = zip(("x", "y", "x", "y", "h", "w"), (*edges, *sizes), strict=True)
    parts = [graph.rows(f"layout.{table}.weight", at) for table, at in tables]
    x = graph.linear(graph.op("Concat", *parts, axis=-1), "layout.linear")
    at = _position(graph, places, config.layout_first)
    return graph.norm(
        graph.op("Add", x, graph.rows("layout.positions.weight", at)), "layout.norm", config.epsilon
    )


def _position(graph: Graph, places: str, first: int) -> str:
    """Rows of a table of positions, for places from -1."""
    return graph.op("Max", graph.op("Add", places, graph.given(first)), graph.given(0))


def _layer(
    graph: Graph, config: LiltConfig, name: str, text: str, layout: str, scores: str
) -> tuple[str, str]:
    widths = config.width, config.layout_width
    parts = [
        _projected(graph, f"{name}.{flow}", x, config.attention_heads, width)
        for flow, x, width in zip(("text", "layout"), (text, layout), widths, strict=True)
    ]
    q, k, v = (graph.op("Concat", *both, axis=-1) for both in zip(*parts, strict=True))
    products = graph.op("MatMul", q, graph.op("Transpose", k, perm=[0, 1, 3, 2]))
    shares = graph.op("Softmax", graph.op("Add", products, scores), axis=-1)
    attended = graph.op("MatMul", shares, v)
    named = [f"{name}.{flow}.attended" for flow in ("text", "layout")]
    sizes = graph.given([width // config.attention_heads for width in widths])
    graph.op("Split", attended, sizes, named=named, axis=-1)
    return (
        _finished(graph, config, f"{name}.text", text, named[0]),
        _finished(graph, config, f"{name}.layout", layout, named[1]),
    )


def _projected(graph: Graph, name: str, x: str, heads: int, width: int) -> list[str]:
    """Queries, which are scaled, keys and values [B, H, N, width / H]."""
    shape = graph.given([0, 0, 3, heads, width // heads])
    parts = graph.op("Reshape", graph.linear(x, f"{name}.qkv"), shape)
    parts = graph.op("Transpose", parts, perm=[2, 0, 3, 1, 4])
    q, k, v = (graph.op("Gather", parts, graph.given(part), axis=0) for part in range(3))
    return [graph.op("Mul", q, graph.given((width // heads) ** -0.5, np.float32)), k, v]


def _finished(graph: Graph, config: LiltConfig, name: str, x: str, attended: str) -> str:
    turned = graph.op("Transpose", attended, perm=[0, 2, 1, 3])
    joined = graph.op("Reshape", turned, graph.given([0, 0, -1]))
    x = graph.op("Add", x, graph.linear(joined, f"{name}.out"))
    x = graph.norm(x, f"{name}.norm1", config.epsilon)
    hidden = _activated(graph, config, graph.linear(x, f"{name}.fc1"))
    x = graph.op("Add", x, graph.linear(hidden, f"{name}.fc2"))
    return graph.norm(x, f"{name}.norm2", config.epsilon)


def _activated(graph: Graph, config: LiltConfig, x: str) -> str:
    if config.activation == "relu":
        return graph.op("Relu", x)
    return graph.op("Gelu", x, approximate="tanh" if config.activation == "gelu_tanh" else "none")


def _whole(graph: Graph, x: str) -> str:
    return graph.op("Cast", x, to=_kind("INT64"))


def _relations(graph: Graph, head: HeadConfig) -> Graph:
    """``parents`` [P, W], ``children`` [E, W] and the types of both to ``logits`` [P, E, 2]."""
    at = "heads.relations"
    width = graph.weights[f"{at}.types.weight"].shape[1]
    sides = {}
    for side, many, count in (("parent", "parents", "P"), ("child", "children", "E")):
        seen = graph.input(many, "FLOAT", [count, width])
        types = graph.rows(f"{at}.types.weight", graph.input(f"{side}_types", "INT64", [count]))
        x = graph.op("Concat", seen, types, axis=-1)
        for layer in (0, 3):  # dropout stands between
            x = graph.op("Relu", graph.linear(x, f"{at}.{side}.{layer}"))
        sides[side] = x
    turned = graph.op("Transpose", sides["child"], perm=[1, 0])
    pairs = graph.op(
        "MatMul", graph.op("MatMul", sides["parent"], graph.weight(f"{at}.bilinear")), turned
    )
    of_pairs = graph.op("Transpose", pairs, perm=[1, 2, 0])
    matrix = graph.weights[f"{at}.linear.weight"].numpy()
    of_parents, of_children = (
        graph.op("MatMul", sides[side], graph.hold(f"{at}.linear.{side}", part.T))
        for side, part in zip(("parent", "child"), np.split(matrix, 2, axis=1), strict=True)
    )
    alone = graph.op(
        "Add",
        graph.op("Unsqueeze", of_parents, graph.given([1])),
        graph.op("Add", of_children, graph.weight(f"{at}.linear.bias")),
    )
    graph.output("logits", graph.op("Add", of_pairs, alone), ["P", "E", 2])
    return graph


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m vlkit.models.convert.lilt_onnx", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="of a LiLT that `vlkit train` wrote")
    for file in write_onnx(parser.parse_args().folder):
        print(file)


if __name__ == "__main__":
    main()
