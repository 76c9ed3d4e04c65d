"""What the page cannot compute itself: results of operators that its engine lacks, and Grad-CAM of unusual heads."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    import onnx

PAGE = Path(__file__).parent
#: Operators through which the page follows the gradient of a class score back to the maps that a head reads.
BACKWARD = re.compile(r"^  (\w+): \(g, ", re.MULTILINE)
CURVES = re.compile(r"^  (\w+): \[", re.MULTILINE)
OPERATOR = re.compile(r"^(?:OPERATORS|MOVING|ELEMENTWISE|QUANTIZED)\.(\w+) = ", re.MULTILINE)


def to_base64(values: NDArray[Any]) -> str:
    """The bytes of an array as base64 text."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


@cache
def known_operators() -> frozenset[str]:
    """The operators that the engine of the page computes, read from its files."""
    engine = PAGE / "engine"
    files = ("operators", "moving", "elementwise", "quantized")
    listed = [name for file in files for name in OPERATOR.findall(_text(engine, file))]
    return frozenset([*listed, *CURVES.findall(_text(engine, "elementwise")), "Constant"])


def _text(folder: Path, name: str) -> str:
    return (folder / f"{name}.js").read_text(encoding="utf-8")


def unknown_outputs(graph: onnx.GraphProto) -> list[str]:
    """The outputs of the nodes whose operators the engine of the page does not compute."""
    known = known_operators()
    return [name for node in graph.node if node.op_type not in known for name in node.output if name]


def outputs_of_unknown_operators(model: onnx.ModelProto, pictures: Sequence[NDArray[Any]]) -> list[dict[str, Any]]:
    """What ONNX Runtime computes for those operators, for each picture (as the graph takes it, without the batch)."""
    names = unknown_outputs(model.graph)
    if not names:
        return []
    session = session_of(model, names)
    given = session.get_inputs()[0]
    kept = []
    for sample, picture in enumerate(pictures):
        batch = picture[None].astype(np.uint8 if "uint8" in given.type else np.float32)
        for name, values in zip(names, session.run(names, {given.name: batch}), strict=True):
            data = np.asarray(values, np.float32)
            kept.append({"sample": sample, "name": name, "shape": list(data.shape), "data": to_base64(data)})
    return kept


def session_of(model: onnx.ModelProto, names: Sequence[str] = ()) -> Any:
    """The model in ONNX Runtime, with more of its tensors as outputs."""
    import onnx
    import onnxruntime

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    present = {output.name for output in copy.graph.output}
    copy.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in present)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])


def has_closed_form(model: onnx.ModelProto) -> bool:
    """Whether the page can compute Grad-CAM itself: behind the maps is a chain of operators with known derivatives."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}
    moves = {"Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast"}
    sums = {"Add", "Sub", "Mul"}
    known = {*BACKWARD.findall(_text(PAGE / "engine", "grad_cam")), *_with_derivative(), *moves, *sums}
    name = graph.output[0].name
    if maker[name].op_type in ("Softmax", "Sigmoid"):
        name = maker[name].input[0]
    while name in maker:
        node = maker[name]
        alive = [one for one in node.input if one and one not in constants]
        if node.op_type not in known or len(alive) != 1:
            return False
        if node.op_type in ("GlobalAveragePool", "GlobalMaxPool", "Flatten", "ReduceMean"):
            return True
        name = alive[0]
    return False


def _with_derivative() -> list[str]:
    """The curves whose derivative the engine knows: those with a second function in its table."""
    source = _text(PAGE / "engine", "elementwise")
    entries = re.split(r"^  (?=\w+: \[)", source.split("export const PAIRS")[0], flags=re.MULTILINE)[1:]
    return [entry.split(":")[0] for entry in entries if re.search(r'"\)?,\s+\(x', entry)]


def grad_cam_of(folder: Path, pictures: Sequence[NDArray[Any]], best: Sequence[int]) -> list[dict[str, Any]]:
    """Grad-CAM of each picture's most probable class, computed with Keras; nothing where the network has no maps."""
    from ..explain.attribution.grad_cam import grad_cam
    from ..models.saving import load_model
    from ..runtimes.locate import find_model

    model, kept = load_model(find_model(folder)), []
    for sample, (picture, index) in enumerate(zip(pictures, best, strict=True)):
        try:
            found = grad_cam(model, picture, index)
        except InputError:
            return []
        rows, columns = found.shape
        values = to_base64(found.astype(np.float32))
        kept.append({"sample": sample, "index": int(index), "rows": rows, "columns": columns, "values": values,
                     "maps": ""})  # fmt: skip
    return kept
