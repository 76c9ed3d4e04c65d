"""The operators of a file, and the partitions of it that XNNPACK computes.

A .tflite is handed to XNNPACK in partitions: every operator that XNNPACK does not know divides the graph, and the
tensors are handed over between the two parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..environment import quiet_stderr
from .constants import Graph, constants_sha256, other_constants
from .onnx_constants import read_onnx
from .runner import RuntimeMissingError, import_runtime
from .tflite_constants import read_tflite
from .tflm import MODEL as MICRO_MODEL

FLOAT_AT_THE_ENDS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Structure:
    """Operators by their kind and number.

    `partitions` counts what XNNPACK computes of a .tflite, `outside` the operators that it leaves to LiteRT; both are
    None for other formats. `float_operators` are those of a .tflite with a float32 tensor, the conversions at its
    ends aside. `other_constants` are those of a reduced file that are not the float32 file's, and `constants_sha256` is
    the hash of all numbers of a file, see `constants.py`.
    """

    operators: dict[str, int]
    partitions: int | None = None
    outside: int | None = None
    float_operators: dict[str, int] = field(default_factory=dict)
    other_constants: list[str] = field(default_factory=list)
    constants_sha256: str | None = None


def structure(path: Path, kind: str, float_layers: Collection[str] = (), whole: Path | None = None) -> Structure | None:
    """Read a .onnx or .tflite file.

    `float_layers` are known to compute in floats, and not among the `float_operators`: names of tensors, or what stands
    before the first slash of their names. `whole` is the float32 file of a reduced one.

    None for a SavedModel, whose graph TensorFlow rewrites as it loads it, and for a .onnx where onnx is not installed:
    running one does not need it.
    """
    if kind == "onnx":
        try:
            return _with_constants(
                Structure(_onnx_operators(path)), read_onnx(path), read_onnx(whole) if whole else None
            )
        except RuntimeMissingError:
            return None
    if kind == "micro":
        # XNNPACK's partitions say nothing of a processor that has no XNNPACK.
        found = replace(_tflite_structure(path / MICRO_MODEL, ()), partitions=None, outside=None)
        return _with_constants(found, read_tflite(path / MICRO_MODEL), None)
    if kind != "tflite":
        return None
    return _with_constants(
        _tflite_structure(path, float_layers), read_tflite(path), read_tflite(whole) if whole else None
    )


def _with_constants(found: Structure, graph: Graph, whole: Graph | None) -> Structure:
    other = [] if whole is None else other_constants(graph, whole)
    return replace(found, other_constants=other, constants_sha256=constants_sha256(graph))


def _onnx_operators(path: Path) -> dict[str, int]:
    onnx: Any = import_runtime("onnx", "onnx")
    graph = onnx.load(path, load_external_data=False).graph
    return dict(sorted(Counter(node.op_type for node in graph.node).items()))


def _tflite_structure(path: Path, float_layers: Collection[str]) -> Structure:
    runtime = import_runtime("ai_edge_litert.interpreter", "ai-edge-litert")
    with quiet_stderr():
        interpreter = runtime.Interpreter(model_content=path.read_bytes(), num_threads=1)
        written = interpreter._get_ops_details()
        interpreter.allocate_tensors()
        run = interpreter._get_ops_details()
    dtypes = {detail["index"]: detail["dtype"].__name__ for detail in interpreter.get_tensor_details()}
    names = {detail["index"]: detail["name"] for detail in interpreter.get_tensor_details()}

    def known(operator: dict[str, Any]) -> bool:
        return any(
            part in float_layers
            for index in operator["outputs"]
            for part in (names.get(index, ""), names.get(index, "").partition("/")[0])
        )

    in_float = [
        operator["op_name"]
        for operator in written
        if operator["op_name"] not in FLOAT_AT_THE_ENDS
        and not known(operator)
        and any(dtypes.get(index) == "float32" for index in [*operator["inputs"], *operator["outputs"]])
    ]
    # The delegate's operators come after those of the file; what it took over is no longer run by LiteRT.
    delegates = [operator for operator in run if operator["op_name"] == "DELEGATE"]
    taken = _inside(written, delegates)
    return Structure(
        operators=dict(sorted(Counter(operator["op_name"] for operator in written).items())),
        partitions=len(delegates),
        outside=len(written) - taken,
        float_operators=dict(sorted(Counter(in_float).items())),
    )


def _inside(written: list[dict[str, Any]], delegates: list[dict[str, Any]]) -> int:
    """How many operators lie between the inputs and the outputs of the partitions."""
    writers = {int(index): operator for operator in written for index in operator["outputs"]}
    found: set[int] = set()
    for delegate in delegates:
        given, open_ends = set(map(int, delegate["inputs"])), [int(index) for index in delegate["outputs"]]
        while open_ends:
            index = open_ends.pop()
            if index in given or index not in writers or writers[index]["index"] in found:
                continue
            found.add(writers[index]["index"])
            open_ends += [int(i) for i in writers[index]["inputs"]]
    return len(found)
