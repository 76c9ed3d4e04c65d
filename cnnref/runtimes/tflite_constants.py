"""The constants of a .tflite file: in floats, in half precision in front of a DEQUANTIZE, and in integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import quiet_stderr
from .constants import Graph, Integers, Layer, Node, reach
from .runner import failure, import_runtime, one_line

#: What converts tensors between the operators: the reduced files have them, the float32 file does not.
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
#: How far the integers of pixels may be from pixel values.
PIXEL = 1e-3
#: Operators with weights and a bias.
LAYERS = {
    "CONV_2D": Layer(0, 1, 2, filters=0, channels=3),
    "DEPTHWISE_CONV_2D": Layer(0, 1, 2, filters=3, channels=0),
    "FULLY_CONNECTED": Layer(0, 1, 2, filters=0, channels=1),
    "TRANSPOSE_CONV": Layer(2, 1, 3, filters=0, channels=3),
}


def read_tflite(path: Path) -> Graph:
    """The operators of a .tflite and what they read; tensors are known by their numbers.

    An operator is known by the name of what it writes, and by how many before it write something of that name.

    Raises:
        RuntimeMissingError: ai-edge-litert is not installed.
        VerificationError: the file cannot be loaded.
    """
    runtime = import_runtime("ai_edge_litert.interpreter", "ai-edge-litert")
    try:
        with quiet_stderr():
            # Nothing is run, so nothing is prepared for running either.
            resolver = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            return _graph(runtime.Interpreter(model_content=path.read_bytes(), experimental_op_resolver_type=resolver))
    except Exception as error:
        raise failure(path, f"LiteRT cannot read its constants: {one_line(error)}") from None


def _graph(interpreter: Any) -> Graph:
    operators = interpreter._get_ops_details()
    details: dict[Any, Any] = {int(detail["index"]): detail for detail in interpreter.get_tensor_details()}
    pixels = {int(detail["index"]) for detail in interpreter.get_input_details()}
    computed = {int(index) for operator in operators for index in operator["outputs"]} | pixels
    stands_for = {
        int(operator["outputs"][0]): int(operator["inputs"][0])
        for operator in operators
        if operator["op_name"] in CONVERSIONS
    }
    nodes: dict[Hashable, Node] = {}
    constants: dict[Any, NDArray[Any]] = {}
    before: Counter[str] = Counter()
    for operator in operators:
        kind = str(operator["op_name"])
        if kind in CONVERSIONS:
            continue
        name = str(details[int(operator["outputs"][0])]["name"])
        before[name] += 1
        reads = tuple(_source(int(index), stands_for, computed) for index in operator["inputs"])
        nodes[name, before[name]] = Node(kind, reads, LAYERS.get(kind))
        for index in reads:
            if index >= 0 and index not in computed and index not in constants:
                constants[index] = np.asarray(interpreter.get_tensor(index))
    pixels |= {index for index, source in stands_for.items() if source in pixels}
    steps = {index: _step(detail) for index, detail in details.items() if _step(detail).size}
    return Graph(
        nodes=nodes,
        constants=constants,
        integers={index: _integers(values, details[index]) for index, values in constants.items() if index in steps},
        steps=steps,
        reach={index: reach(_zero(details[index]), steps[index]) for index in computed & steps.keys()},
        other_ends=[str(details[index]["name"]) for index in sorted(pixels & steps.keys()) if _off(details[index])],
        names={index: str(detail["name"]) for index, detail in details.items()},
    )


def _source(index: int, stands_for: Mapping[int, int], computed: Set[int]) -> int:
    """The constant that a tensor is converted from, if it is from one; otherwise the tensor itself."""
    origin = index
    for _ in stands_for:
        origin = stands_for.get(origin, origin)
    return index if origin in computed else origin


def _off(detail: Mapping[str, Any]) -> bool:
    """Whether the integers of pixels stand for other numbers than 0 to 255."""
    return not np.allclose(reach(_zero(detail), _step(detail)), (0, 255), rtol=0, atol=PIXEL)


def _zero(detail: Mapping[str, Any]) -> NDArray[Any]:
    """The zero of a tensor of integers, in their type."""
    return np.asarray(detail["quantization_parameters"]["zero_points"]).astype(detail["dtype"])


def _step(detail: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.asarray(detail["quantization_parameters"]["scales"], np.float64)


def _integers(values: NDArray[Any], detail: Mapping[str, Any]) -> Integers:
    """A constant with its steps and zeros, one for the whole of it or one for each filter."""
    numbers, step = values.astype(np.float64), _step(detail)
    zero = np.asarray(detail["quantization_parameters"]["zero_points"], np.float64)
    axis = int(detail["quantization_parameters"]["quantized_dimension"])
    shape = [1] * numbers.ndim
    if step.size > 1:
        if not 0 <= axis < numbers.ndim or step.size != numbers.shape[axis]:
            return Integers(numbers, None)
        shape[axis] = step.size
    if zero.size not in (1, step.size) or values.dtype.kind not in "iu":
        return Integers(numbers, None)
    zeros = zero.reshape(shape if zero.size > 1 else [1] * numbers.ndim)
    ends = np.iinfo(values.dtype)
    return Integers(
        numbers - zeros, step.reshape(shape), (float(ends.min - zeros.max()), float(ends.max - zeros.min()))
    )
