"""The builder of an ONNX graph, which collects nodes and weights, and the tensors between the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ...arithmetic.graph import Call
from ...errors import ExportError
from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES

#: Height, width and channels of feature maps.
Maps: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Value:
    """A tensor of the ONNX graph.

    `shape` is the shape it has in Keras, without the batch. Feature maps (height, width, channels) are stored as
    [batch, channels, height, width], and (height, width, groups, channels), the middle of a channel shuffle, as
    [batch, groups, channels, height, width]. `flattened` is (height, width, channels) of a vector that is maps
    flattened as they are stored, which is not the order of Keras' flatten.
    """

    name: str
    shape: tuple[int, ...]
    flattened: Maps | None = None

    @property
    def maps(self) -> Maps | None:
        """Height, width and channels of feature maps; None for anything else."""
        return (self.shape[0], self.shape[1], self.shape[2]) if len(self.shape) == 3 else None

    @property
    def is_grouped(self) -> bool:
        """Whether the channels lie in groups."""
        return len(self.shape) == 4

    def stored(self, axis: int) -> int:
        """Where an axis of the Keras tensor, the batch being axis 0, lies in the ONNX tensor."""
        rank = len(self.shape) + 1
        axis %= rank
        if rank < 4 or axis == 0:
            return axis
        return axis - 2 if axis > 2 else rank - 3 + axis

    def ordered(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """One number (or row) a channel, or a place of the vector, in the order in which they are stored."""
        if self.flattened is None:
            return numbers
        height, width, channels = self.flattened
        return numbers.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(numbers.shape)


class GraphBuilder:
    """Collects the nodes and weights of one ONNX graph for one opset; the functions of `layers` add to it.

    `reserved` are the names of the outputs, which no other tensor may have.
    """

    def __init__(self, opset: int, reserved: Iterable[str] = (PROBABILITIES, TOP_INDICES, TOP_SCORES)) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[Any]] = {}
        self._used = {IMAGE, *reserved, "top_long", "top"}

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node called `name` and return the name of its output."""
        output = self._unused(name)
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[Any], name: str) -> str:
        """Add a weight and return its name."""
        unused = self._unused(name)
        self.weights[unused] = value
        return unused

    def number(self, value: float, name: str) -> str:
        """Add a single float32 and return its name."""
        return self.constant(np.array(value, np.float32), name)

    def tensors(self) -> list[onnx.TensorProto]:
        """The weights as they go into the file."""
        return [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in self.weights.items()]

    def keras_order(self, value: Value, name: str) -> str:
        """The tensor in Keras' order: the pixels one after the other, the channels of a pixel together."""
        if value.flattened:
            height, width, channels = value.flattened
            shape = self.constant(np.array([-1, channels, height, width]), f"{name}_maps")
            turned = self.node("Reshape", [value.name, shape], f"{name}_unflatten")
            turned = self.node("Transpose", [turned], f"{name}_nhwc", perm=[0, 2, 3, 1])
            return self.node("Flatten", [turned], f"{name}_flatten", axis=1)
        if value.is_grouped:
            return self.node("Transpose", [value.name], f"{name}_nhwc", perm=[0, 3, 4, 1, 2])
        if value.maps:
            return self.node("Transpose", [value.name], f"{name}_nhwc", perm=[0, 2, 3, 1])
        return value.name

    def finish(self, names: Mapping[str, str]) -> None:
        """Give tensors the names of the contract's outputs."""
        for node in self.nodes:
            for ends in (node.input, node.output):
                ends[:] = [names.get(given, given) for given in ends]

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
