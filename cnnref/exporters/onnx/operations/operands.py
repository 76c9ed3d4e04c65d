"""What the writers of operations share: operands, results, and several tensors brought together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ....environment import keras
from ..graph import BATCH, GraphBuilder, Value, canonical, kind_of

#: Writes the nodes of a call: takes the builder, the call and its arguments, tensors among them as `Value`, and gives
#: the result or the results; None if there is no form of its own for these arguments.
Writer = Callable[..., "Value | list[Value] | None"]
#: Computes with operations of keras.ops what another operation computes.
Function = Callable[..., Any]


def shape_of(call: Call, output: int = 0) -> tuple[int, ...]:
    """What a call gives, with `BATCH` for the open size of the batch."""
    return whole(call.outputs[output].shape)


def whole(shape: Sequence[int | None]) -> tuple[int, ...]:
    """A shape of Keras with `BATCH` for its open sizes."""
    return tuple(BATCH if size is None else int(size) for size in shape)


def kind_given(call: Call, output: int = 0) -> str:
    """What the numbers that a call gives are stored as."""
    return kind_of(call.outputs[output].symbol.dtype)


def constant(numbers: Any, name: str) -> Value:
    """A number, an array, a variable or an eager tensor as an operand.

    An axis as long as the batch, along which everything is equal, has been spread over it before; it is kept once.
    """
    array = np.asarray(keras.ops.convert_to_numpy(numbers) if hasattr(numbers, "dtype") else numbers)
    if array.dtype.kind not in "fiub":
        array = array.astype(np.float32)  # bfloat16, which NumPy does not know
    shape = array.shape
    for axis, size in enumerate(shape):
        if size and size % BATCH == 0:
            first = array.take([0], axis)
            if (array == first).all():
                array = first
    return Value(name, shape, tuple(range(len(shape))), kind_of(array.dtype), constant=array)


def operand(given: Any, call: Call, name: str = "constant") -> Value:
    """An argument as a value: it is one, or it is a constant."""
    return given if isinstance(given, Value) else constant(given, f"{call.name}.{name}")


def together(builder: GraphBuilder, call: Call, values: Sequence[Value], *kinds: str) -> tuple[list[str], Value]:
    """Tensors made ready for an operator that broadcasts: their names, and what the result looks like.

    `kinds` says what numbers each is to be stored as; one kind counts for all.
    """
    kinds = kinds * len(values) if len(kinds) == 1 else kinds
    rank = max(value.rank for value in values)
    tensors = [value for value in values if value.constant is None]
    full = [value for value in tensors if value.rank == rank]
    alone = all(value.constant.size == 1 for value in values if value.constant is not None)
    flattened = (
        tensors[0].flattened if alone and len({(value.flattened, value.shape) for value in tensors}) == 1 else None
    )
    if flattened is None:
        values = [plain(builder, value, call.name) for value in values]
        tensors = [value for value in values if value.constant is None]
        full = [value for value in tensors if value.rank == rank]
    largest = max(full, key=lambda value: (math.prod(value.shape), not value.in_order), default=None)
    order = largest.order if largest else tuple(range(rank))
    if rank == 4 and any(value.order == canonical(4) and math.prod(value.shape[1:]) > 1 for value in full):
        order = canonical(4)
    names = [aligned(builder, value, call, order, kind) for value, kind in zip(values, kinds, strict=True)]
    shape = np.broadcast_shapes(*(value.shape for value in values))
    return names, Value("", tuple(map(int, shape)), order, kinds[-1], flattened)


def plain(builder: GraphBuilder, value: Value, name: str) -> Value:
    """A value that is no longer flattened as it was stored."""
    return builder.turned(value, value.order, name) if value.flattened else value


def aligned(builder: GraphBuilder, value: Value, call: Call, order: tuple[int, ...], kind: str) -> str:
    """The name of a tensor that broadcasts to a result stored in `order`."""
    missing = len(order) - value.rank
    own = tuple(axis - missing for axis in order if axis >= missing)
    if value.constant is not None:
        numbers = value.constant
        if numbers.size == 1:
            return builder.written(value, numbers.reshape(()), kind)
        numbers = numbers.reshape((1,) * missing + numbers.shape).transpose(order)
        while numbers.ndim > 1 and numbers.shape[0] == 1:
            numbers = numbers[0]
        return builder.written(value, numbers, kind)
    if value.flattened is not None:
        return builder.cast(value, kind, call.name).name
    turned = builder.cast(builder.turned(value, own, call.name), kind, call.name).name
    absent = [place for place, axis in enumerate(order) if axis < missing]
    if absent == list(range(missing)):
        return turned
    axes = builder.integers(absent, f"{call.name}.axes")
    return builder.node("Unsqueeze", [turned, axes], f"{call.name}_unsqueeze")


def result(call: Call, name: str, order: tuple[int, ...] | None = None, output: int = 0, kind: str = "") -> Value:
    """What a call gives, stored in some order (Keras', if none is given)."""
    shape = shape_of(call, output)
    return Value(name, shape, tuple(range(len(shape))) if order is None else order, kind or kind_given(call, output))


def part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """A tensor of Keras from `start` to `stop` along an axis."""
    return x[tuple(slice(start, stop) if i == axis else slice(None) for i in range(len(x.shape)))]


def simply(function: Function) -> Callable[[Any], Function]:
    """An operation without options."""
    return lambda _operation: function
