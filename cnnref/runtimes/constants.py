"""Whether the constants of a reduced .onnx file are those of the float32 file, rounded.

A bound on the results lets a small change of the preprocessing pass, since eight bits move the results as much. The
constants show it: a node of the reduced file that has the output of a node of the float32 file takes the same numbers,
in half precision, or as integers in front of a DequantizeLinear.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runner import import_runtime

#: Integers are off by half a step at most; the rest is for the rounding of the step itself.
HALF_STEP = 0.51
#: The place of a bias among the inputs of a layer. In integers it may make up for the rounding of the weights, and be
#: another than that of the float32 file.
BIAS = 2
#: In half precision its mean and variance are divided out of the others, see `exporters/onnx/float16.py`.
REWRITTEN = "BatchNormalization"


def other_constants(path: Path, whole: Path) -> list[str]:
    """The names of constants of the float32 file for which a reduced file has other numbers.

    Args:
        path: a .onnx in half precision or in integers.
        whole: the .onnx in float32 that was made from the same graph.

    Raises:
        RuntimeMissingError: onnx is not installed.
    """
    found, known = _Graph(path), _Graph(whole)
    other = []
    for node in found.nodes:
        original = known.writers.get(node.output[0])
        if original is None or original.op_type != node.op_type or node.op_type == REWRITTEN:
            continue
        for place, (given, base) in enumerate(zip(node.input, original.input, strict=False)):
            if place == BIAS and found.is_dequantized(given):
                continue
            if base in known.constants and not found.holds(given, known.constants[base]):
                other.append(base)
        if not found.fits_its_bias(node):
            other.append(original.input[0])
    return list(dict.fromkeys(other))


class _Graph:
    """The nodes of a file and the constants that they take."""

    def __init__(self, path: Path) -> None:
        onnx: Any = import_runtime("onnx", "onnx")
        helper: Any = import_runtime("onnx.numpy_helper", "onnx")
        graph = onnx.load(path, load_external_data=False).graph
        self.nodes = list(graph.node)
        self.writers = {output: node for node in self.nodes for output in node.output if output}
        self.constants: dict[str, NDArray[Any]] = {one.name: helper.to_array(one) for one in graph.initializer}

    def holds(self, name: str, base: NDArray[Any]) -> bool:
        """Whether what a node takes under a name stands for an array; what is computed may be anything."""
        values = self.constants.get(name)
        if values is not None and values.dtype == np.float16:
            # Two ways to round a number that lies between two of half precision are both right.
            return values.shape == base.shape and bool(np.allclose(values, base, rtol=2**-10, atol=2**-24))
        if values is not None:
            return np.array_equal(values, base)
        if (integers := self._integers(name)) is None:
            return True
        numbers, step = integers
        if numbers.shape != base.shape or step is None:
            return False
        return bool((np.abs(numbers * step - base) <= HALF_STEP * np.abs(step) + 1e-12).all())

    def is_dequantized(self, name: str) -> bool:
        """Whether a tensor is a constant in integers."""
        return self._integers(name) is not None

    def fits_its_bias(self, node: Any) -> bool:
        """Whether the bias of a layer of integers has the step of its input times that of its weights."""
        if len(node.input) < 3 or not all(self._integers(name) for name in node.input[1:3]):
            return True  # no layer with weights and bias in integers
        given, weights, bias = (self._step(name) for name in node.input[:3])
        if given is None:
            return True
        return weights.shape == bias.shape and bool(np.allclose(bias, given * weights, rtol=1e-6, atol=0))

    def _step(self, name: str) -> Any:
        """The step of a dequantized tensor, float64; None of another tensor."""
        writer = self.writers.get(name)
        if writer is None or writer.op_type != "DequantizeLinear" or writer.input[1] not in self.constants:
            return None
        return self.constants[writer.input[1]].astype(np.float64)

    def _integers(self, name: str) -> tuple[NDArray[Any], Any] | None:
        """A dequantized constant: its integers less their zero, and its steps in a shape that multiplies them."""
        step = self._step(name)
        writer = self.writers.get(name)
        if step is None or writer is None or writer.input[0] not in self.constants:
            return None
        numbers = self.constants[writer.input[0]].astype(np.float64)
        zero = self.constants.get(writer.input[2], np.zeros(1)) if len(writer.input) > 2 else np.zeros(1)
        axis = next((one.i for one in writer.attribute if one.name == "axis"), 1)
        shape = [1] * numbers.ndim
        if step.size > 1:
            if not -numbers.ndim <= axis < numbers.ndim or step.shape != (numbers.shape[axis],):
                return numbers, None
            shape[axis] = step.size
        if zero.size not in (1, step.size):
            return numbers, None
        zeros = zero.astype(np.float64).reshape(shape if zero.size > 1 else [1] * numbers.ndim)
        return numbers - zeros, step.reshape(shape)
