"""Line readers as ONNX files, for ``vlkit.onnx`` to run without torch.

    python -m vlkit.models.convert.onnx runs/lines-ko-en/model [--half]

writes ``model.onnx`` beside the weights: the best path of a batch of lines, of any number and
width, and how probable each frame's character is.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch

from vlkit.errors import ModelError
from vlkit.extras import require
from vlkit.models.lines import LineReader
from vlkit.onnx import FILE, FRAME, HEIGHT

OPSET = 18


def write_onnx(model: LineReader, file: Path) -> Path:
    """Write a model as ONNX.

    Raises:
        MissingDependency: Without the extra ``train``.
        ModelError: It reads with a decoder, step by step.
    """
    if model.decoder is not None:
        raise ModelError("a line reader with a decoder has no best path to write")
    require("train")
    example = torch.full((2, HEIGHT, 16 * FRAME), 255, dtype=torch.uint8)
    widths = torch.tensor([16 * FRAME, 9 * FRAME])
    lines, frames = torch.export.Dim("lines", min=1), torch.export.Dim("frames", min=1)
    torch.onnx.export(
        copy.deepcopy(model).eval(),
        (example, widths),
        file,
        input_names=["pixels", "widths"],
        output_names=["codes", "probabilities"],
        dynamic_shapes={"pixels": {0: lines, 2: FRAME * frames}, "widths": {0: lines}},
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    return forget_origin(file)


def forget_origin(file: Path) -> Path:
    """Take out what the exporter notes of every node: the places in the code that it came from,
    with paths of the machine that wrote it."""
    import onnx

    written = onnx.load(file)
    graph = written.graph
    named = (graph.node, graph.value_info, graph.input, graph.output, graph.initializer)
    for part in (graph, *(each for parts in named for each in parts)):
        part.ClearField("metadata_props")
    onnx.save(written, file)
    return file


def halve(file: Path, halved: Path) -> Path:
    """Store an ONNX file's weights in half the bytes, as float16.

    They are computed with as float32: each is cast back once, when the model is opened.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    written = onnx.load(file)
    graph = written.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 256:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    onnx.save(written, halved)
    return halved


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m vlkit.models.convert.onnx", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="of a line reader that `vlkit train` wrote")
    parser.add_argument("--half", action="store_true", help="store the weights as float16")
    given = parser.parse_args()
    model = LineReader.from_pretrained(given.folder, local_files_only=True)
    file = write_onnx(model, given.folder / FILE)
    print(halve(file, file) if given.half else file)


if __name__ == "__main__":
    main()
