"""The constants of a .onnx file: initializers, and those in integers in front of a DequantizeLinear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .constants import Graph, Integers, Layer, Node, reach
from .runner import import_runtime

#: In half precision its mean and variance are divided out of the others, see `exporters/onnx/float16.py`.
REWRITTEN = "BatchNormalization"
#: What has weights and a bias.
LAYERS = {"Conv": Layer(0, 1, 2, filters=0, channels=1), "Gemm": Layer(0, 1, 2, filters=1, channels=0)}


def read_onnx(path: Path) -> Graph:
    """The operators of a .onnx and what they read; tensors are known by their names.

    Raises:
        RuntimeMissingError: onnx is not installed.
    """
    onnx: Any = import_runtime("onnx", "onnx")
    helper: Any = import_runtime("onnx.numpy_helper", "onnx")
    graph = onnx.load(path, load_external_data=False).graph
    constants: dict[Any, NDArray[Any]] = {one.name: helper.to_array(one) for one in graph.initializer}
    dequantized = {
        node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[1] in constants
    }
    quantized = {node.output[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    return Graph(
        nodes={
            node.output[0]: Node(node.op_type, tuple(node.input), LAYERS.get(node.op_type))
            for node in graph.node
            if node.output and node.op_type != REWRITTEN
        },
        constants=constants,
        integers={name: _integers(node, constants) for name, node in dequantized.items() if node.input[0] in constants},
        steps={name: constants[node.input[1]].astype(np.float64) for name, node in dequantized.items()},
        reach={name: _reach(node, constants) for name, node in dequantized.items() if node.input[0] in quantized},
        other_ends=[
            node.input[0]
            for node in dequantized.values()
            if (writer := quantized.get(node.input[0])) is not None and not _same(node, writer, constants)
        ],
    )


def _same(one: Any, other: Any, constants: Mapping[Any, NDArray[Any]]) -> bool:
    """Whether two conversions have the same step and zero."""
    pairs = zip(one.input[1:], other.input[1:], strict=False)
    return len(one.input) == len(other.input) and all(
        first == second or np.array_equal(constants.get(first, np.nan), constants.get(second, np.nan))
        for first, second in pairs
    )


def _reach(node: Any, constants: Mapping[Any, NDArray[Any]]) -> tuple[float, float]:
    """The least and the greatest number that the integers in front of a DequantizeLinear stand for."""
    zero = constants.get(node.input[2], np.zeros(1, np.uint8)) if len(node.input) > 2 else np.zeros(1, np.uint8)
    return reach(zero, constants[node.input[1]])


def _integers(node: Any, constants: Mapping[Any, NDArray[Any]]) -> Integers:
    """What a DequantizeLinear makes of a constant."""
    numbers, step = (constants[name].astype(np.float64) for name in node.input[:2])
    zero = constants.get(node.input[2], np.zeros(1)) if len(node.input) > 2 else np.zeros(1)
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    shape = [1] * numbers.ndim
    if step.size > 1:
        if not -numbers.ndim <= axis < numbers.ndim or step.shape != (numbers.shape[axis],):
            return Integers(numbers, None)
        shape[axis] = step.size
    if zero.size not in (1, step.size):
        return Integers(numbers, None)
    zeros = zero.astype(np.float64).reshape(shape if zero.size > 1 else [1] * numbers.ndim)
    return Integers(numbers - zeros, step.reshape(shape))
