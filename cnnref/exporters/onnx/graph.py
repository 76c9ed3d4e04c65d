"""The builder of an ONNX graph, which collects nodes and weights, and the tensors between the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...arithmetic.graph import Call
from ...errors import NoFormError
from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES

#: Height, width and channels of feature maps.
Maps: TypeAlias = tuple[int, int, int]

#: Stands for the number of images in every shape. It is a prime that no layer has as a size, so that a size that a
#: layer computes from it (the batch times the windows of an image, say) shows that it depends on the batch.
BATCH = 1009

#: What numbers are stored as: Keras' floats of any width are float32, its integers int64.
STORED: dict[str, tuple[Any, int]] = {
    "float": (np.float32, TensorProto.FLOAT),
    "int": (np.int64, TensorProto.INT64),
    "bool": (np.bool_, TensorProto.BOOL),
}


def kind_of(dtype: Any) -> str:
    """What numbers of a Keras or NumPy type are stored as: "float", "int" or "bool"."""
    name = str(dtype)
    return "bool" if name == "bool" else "int" if name.startswith(("int", "uint")) else "float"


def canonical(rank: int) -> tuple[int, ...]:
    """The order in which maps and grouped maps are stored: the channels before height and width."""
    return {4: (0, 3, 1, 2), 5: (0, 3, 4, 1, 2)}.get(rank, tuple(range(rank)))


@dataclass(frozen=True)
class Value:
    """A tensor of the ONNX graph, or a constant that is not in it yet.

    Attributes:
        name: of the ONNX tensor; for a constant, what it will be called.
        shape: the shape it has in Keras. Sizes that depend on the batch are multiples of `BATCH`.
        order: the Keras axis that is stored at each place. By default, feature maps (batch, height, width, channels)
            are stored as [batch, channels, height, width], and (batch, height, width, groups, channels), the middle
            of a channel shuffle, as [batch, groups, channels, height, width].
        kind: what its numbers are stored as, a key of `STORED`.
        flattened: (height, width, channels) of a vector that is maps flattened as they are stored, which is not the
            order of Keras' flatten.
        constant: the numbers of a constant, in Keras' order, with size 1 for axes that are equal for the whole batch.
        turn: how the Transpose is to be called that brings it into another order.
    """

    name: str
    shape: tuple[int, ...]
    order: tuple[int, ...] = ()
    kind: str = "float"
    flattened: Maps | None = None
    constant: NDArray[Any] | None = None
    turn: str = ""

    def __post_init__(self) -> None:
        if len(self.order) != len(self.shape):
            object.__setattr__(self, "order", canonical(len(self.shape)))

    @property
    def rank(self) -> int:
        """The number of axes, the batch included."""
        return len(self.shape)

    @property
    def maps(self) -> Maps | None:
        """Height, width and channels of feature maps that are stored as such; None for anything else."""
        return (self.shape[1], self.shape[2], self.shape[3]) if self.order == (0, 3, 1, 2) else None

    @property
    def is_canonical(self) -> bool:
        """Whether it is stored as layers want it."""
        return self.order == canonical(self.rank)

    @property
    def in_order(self) -> bool:
        """Whether it is stored in the order of Keras."""
        return self.order == tuple(range(self.rank)) and self.flattened is None

    def stored(self, axis: int) -> int:
        """Where an axis of the Keras tensor, the batch being axis 0, lies in the ONNX tensor."""
        return self.order.index(axis % self.rank)

    def ordered(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """One number (or row) a channel, or a place of the vector, in the order in which they are stored."""
        if self.flattened is None:
            return numbers
        height, width, channels = self.flattened
        return numbers.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(numbers.shape)


class GraphBuilder:
    """Collects the nodes and weights of one ONNX graph for one opset; the writers add them.

    `reserved` are the names of the outputs, which no other tensor may have.
    """

    def __init__(self, opset: int, reserved: Iterable[str] = (PROBABILITIES, TOP_INDICES, TOP_SCORES)) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[Any]] = {}
        self._used = {IMAGE, *reserved, "top_long", "top"}
        self._turned: dict[tuple[str, tuple[int, ...]], str] = {}
        self._made: dict[Any, str] = {}
        #: The classes of the operations that are being taken apart, from the outermost to the innermost.
        self.taken_apart: list[type] = []
        self._kept: list[Any] = []  # what is known by its id and must not be collected

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node called `name` and return the name of its output."""
        output = self._unused(name)
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def nodes_of(self, kind: str, inputs: Sequence[str], name: str, count: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs and return their names."""
        outputs = [self._unused(f"{name}_{index}") for index in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=self._unused(name), **attributes))
        return outputs

    def constant(self, value: NDArray[Any], name: str) -> str:
        """Add a weight and return its name."""
        unused = self._unused(name)
        self.weights[unused] = value
        return unused

    def number(self, value: float, name: str) -> str:
        """Add a single float32 and return its name."""
        return self.constant(np.array(value, np.float32), name)

    def integers(self, values: Sequence[int], name: str) -> str:
        """Add a row of int64, such as sizes and axes, and return its name."""
        return self.constant(np.array(values, np.int64), name)

    def tensors(self) -> list[onnx.TensorProto]:
        """The weights as they go into the file."""
        return [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in self.weights.items()]

    def turned(self, value: Value, order: tuple[int, ...], name: str) -> Value:
        """The same tensor, stored in another order; each turn is written once, and a turn back is none."""
        if value.flattened:
            value = self._unflattened(value, name)
        if value.order == order or value.constant is not None:
            return replace(value, order=order)
        known = self._turned.get((value.name, order))
        if known is None:
            perm = [value.order.index(axis) for axis in order]
            known = self._moved(value, perm, value.turn or f"{name}_nhwc")
            self._turned[value.name, order] = known
            self._turned[known, value.order] = value.name
        return replace(value, name=known, order=order, turn="")

    def _moved(self, value: Value, perm: list[int], name: str) -> str:
        sizes = [value.shape[axis] for axis in value.order]
        if [place for place in perm if sizes[place] != 1] == [place for place, size in enumerate(sizes) if size != 1]:
            # Only axes of size 1 change their place.
            return self.node("Reshape", [value.name, self.sizes([sizes[p] for p in perm], f"{name}.shape")], name)
        return self.node("Transpose", [value.name], name, perm=perm)

    def sizes(self, sizes: Sequence[int], name: str) -> str:
        """Sizes for a Reshape, of which one may depend on the batch."""
        row = [-1 if size % BATCH == 0 else size for size in sizes]
        if row.count(-1) > 1:
            raise NoFormError(f"{name}: two sizes depend on the number of images.")
        return self.integers(row, name)

    def _unflattened(self, value: Value, name: str) -> Value:
        assert value.flattened is not None
        height, width, channels = value.flattened
        key = ("unflattened", value.name)
        if key in self._made:
            return Value(self._made[key], value.shape, kind=value.kind)
        shape = self.integers([-1, channels, height, width], f"{name}_maps")
        turned = self.node("Reshape", [value.name, shape], f"{name}_unflatten")
        turned = self.node("Transpose", [turned], f"{name}_nhwc", perm=[0, 2, 3, 1])
        self._made[key] = self.node("Flatten", [turned], f"{name}_flatten", axis=1)
        return Value(self._made[key], value.shape, kind=value.kind)

    def read(self, value: Value, name: str, *, order: tuple[int, ...] | None = None, kind: str | None = None) -> str:
        """The name of a tensor in some order (Keras', if none is given) and of some kind of numbers.

        A constant is written, and one that is the same for the whole batch is spread over it.
        """
        order = tuple(range(value.rank)) if order is None else order
        if value.constant is None:
            return self.cast(self.turned(value, order, name), kind or value.kind, name).name
        spread = [axis for axis, size in enumerate(value.constant.shape) if size != value.shape[axis]]
        given = self.written(value, value.constant.transpose(order), kind or value.kind)
        if not spread:
            return given
        sizes = [self._size(value.shape[axis], name) for axis in order]
        return self.node("Expand", [given, self.node("Concat", sizes, f"{name}_sizes", axis=0)], f"{name}_spread")

    def written(self, value: Value, numbers: NDArray[Any], kind: str) -> str:
        """The name of a constant as it is to be stored; the same one is written once."""
        key = (id(value.constant), numbers.shape, numbers.strides, kind)
        if key not in self._made:
            self._made[key] = self.constant(numbers.astype(STORED[kind][0]), value.name)
            self._kept.append(value.constant)
        return self._made[key]

    def _size(self, size: int, name: str) -> str:
        """One size as a row of one int64; taken from the image where it depends on the batch."""
        if size % BATCH:
            return self.integers([size], f"{name}.size")
        batch = self._made.get("batch")
        if batch is None:
            shape = self.node("Shape", [IMAGE], "image_shape")
            given = [self.integers([number], f"batch.{what}") for number, what in ((0, "start"), (1, "end"))]
            batch = self._made["batch"] = self.node("Slice", [shape, *given], "batch")
        times = size // BATCH
        return batch if times == 1 else self.node("Mul", [batch, self.integers([times], f"{name}.times")], f"{name}_n")

    def shape_tensor(self, shape: Sequence[int], name: str) -> str:
        """A shape as a tensor, for Expand and the like."""
        if all(size % BATCH for size in shape):
            return self.integers(shape, f"{name}.shape")
        return self.node("Concat", [self._size(size, name) for size in shape], f"{name}_shape", axis=0)

    def cast(self, value: Value, kind: str, name: str) -> Value:
        """The same numbers, stored as another kind."""
        if value.kind == kind or value.constant is not None:
            return replace(value, kind=kind)
        key = ("cast", value.name, kind)
        if key not in self._made:
            self._made[key] = self.node("Cast", [value.name], f"{name}_{kind}", to=STORED[kind][1])
        return replace(value, name=self._made[key], kind=kind)

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


def unsupported(call: Call, what: str = "") -> NoFormError:
    """The error for a call that has no ONNX form here."""
    kind = type(call.operation).__name__
    return NoFormError(f"{call.name} ({kind}) has no ONNX form here{what and f': {what}'}.")
