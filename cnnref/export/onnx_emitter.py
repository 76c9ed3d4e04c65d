"""Where ONNX nodes are collected: the tensors of the graph, its nodes and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ..arithmetic.graph import Call
from ..errors import ExportError
from .contract import IMAGE, PROBABILITIES


@dataclass(frozen=True)
class Value:
    """A tensor of the ONNX graph.

    `maps` is (height, width, channels) if the tensor is a stack of feature maps [batch, c, h, w]. `flattened` is the
    same if it is one that was flattened in that order, which is not the order of Keras' flatten.
    """

    name: str
    maps: tuple[int, int, int] | None = None
    flattened: tuple[int, int, int] | None = None


class Emitter:
    """Collects nodes and weights; the layer functions in `onnx_layers` write into it."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._used = {IMAGE, PROBABILITIES}

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node called `name` and return the name of its output."""
        output = self._unused(name)
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[Any], name: str) -> str:
        """Add a weight and return its name."""
        unused = self._unused(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), unused))
        return unused

    def keras_order(self, value: Value, name: str) -> str:
        """The tensor in Keras' order: the pixels one after the other, the channels of a pixel together."""
        if value.flattened:
            height, width, channels = value.flattened
            shape = self.constant(np.array([-1, channels, height, width]), f"{name}_maps")
            turned = self.node("Reshape", [value.name, shape], f"{name}_unflatten")
            turned = self.node("Transpose", [turned], f"{name}_nhwc", perm=[0, 2, 3, 1])
            return self.node("Flatten", [turned], f"{name}_flatten", axis=1)
        if value.maps:
            return self.node("Transpose", [value.name], f"{name}_nhwc", perm=[0, 2, 3, 1])
        return value.name

    def finish(self, name: str) -> None:
        """Give the tensor `name` the name of the contract's output."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [PROBABILITIES if given == name else given for given in names]

    def _unused(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._used:
            count += 1
            candidate = f"{name}_{count}"
        self._used.add(candidate)
        return candidate


def unsupported(call: Call, what: str = "") -> ExportError:
    """The error for a call that has no ONNX form here."""
    kind = type(call.operation).__name__
    return ExportError(
        f"Layer {call.name} ({kind}) cannot be written as ONNX{what and f': {what}'}; replace it, or try "
        "--engine tf2onnx."
    )
