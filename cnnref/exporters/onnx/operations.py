"""Layers and keras.ops calls that compute without weights or only move numbers about, in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arithmetic.graph import Call
from ...arithmetic.windows import sliced_ranges
from ...environment import keras
from .graph import GraphBuilder, Value, unsupported

Writer = Callable[..., Value]

#: Keras' names of paddings, and ONNX'. One mirrored row is the edge once more.
PAD_MODES = {"constant": "constant", "reflect": "reflect", "symmetric": "edge"}


def shape_of(call: Call) -> tuple[int, ...]:
    """What a call gives, without the batch."""
    return call.outputs[0].shape[1:]


def weight(variable: Any) -> NDArray[np.float32]:
    """The value of a Keras variable."""
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float32)


def nothing(_emit: GraphBuilder, _call: Call, x: Value) -> Value:
    """A layer that only does something in training."""
    return x


def elementwise(kind: str) -> Writer:
    """A writer for an operation on tensors of one rank and plain numbers: a layer with a list, or a keras.ops call."""

    def write(builder: GraphBuilder, call: Call, *inputs: Value) -> Value:
        if len({len(x.shape) for x in inputs}) > 1:
            raise unsupported(call, "tensors of different rank")
        flattened = inputs[0].flattened
        if any(x.flattened != flattened for x in inputs):
            flattened = None
            inputs = tuple(Value(builder.keras_order(x, call.name), x.shape) for x in inputs)
        tensors = iter(inputs)
        names = []
        for argument in keras.tree.flatten(call.arguments):
            if isinstance(argument, keras.KerasTensor):
                names.append(next(tensors).name)
            elif isinstance(argument, int | float | np.number):
                names.append(builder.number(float(argument), f"{call.name}.number"))
            else:
                raise unsupported(call, f"{type(argument).__name__} as an operand")
        result = names[0]
        for name in names[1:]:
            result = builder.node(kind, [result, name], call.name)
        return Value(result, shape_of(call), flattened)

    return write


def square(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return replace(x, name=builder.node("Mul", [x.name, x.name], call.name))


def concatenate(builder: GraphBuilder, call: Call, *inputs: Value) -> Value:
    axis = inputs[0].stored(call.operation.axis)
    if axis == 0:
        raise unsupported(call, "joining along the batch")
    names = [builder.keras_order(x, call.name) if x.flattened else x.name for x in inputs]
    return Value(builder.node("Concat", names, call.name, axis=axis), shape_of(call))


def get_item(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """x[:, ::2, ::2], x[..., :8] and the like: slices forward, of any axis but the batch."""
    ranges = sliced_ranges(call)
    taken = [part for part in ranges or () if part is not None]
    if len(taken) < len(x.shape) or x.flattened:
        raise unsupported(call, "it is indexed with something else than forward slices that leave the batch whole")
    return _sliced(builder, call, x, taken)


def cropping2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    height, width, channels = x.shape
    (top, bottom), (left, right) = call.operation.cropping
    return _sliced(builder, call, x, [range(top, height - bottom), range(left, width - right), range(channels)])


def _sliced(builder: GraphBuilder, call: Call, x: Value, ranges: list[range]) -> Value:
    """Slice the axes of which something is left out."""
    cut = [(x.stored(1 + axis), part) for axis, part in enumerate(ranges) if part != range(x.shape[axis])]
    if not cut:
        return x
    rows = {
        "starts": [part.start for _, part in cut],
        "ends": [part.stop for _, part in cut],
        "axes": [axis for axis, _ in cut],
        "steps": [part.step for _, part in cut],
    }
    given = [builder.constant(np.array(row, np.int64), f"{call.name}.{name}") for name, row in rows.items()]
    return Value(builder.node("Slice", [x.name, *given], call.name), shape_of(call))


def pad(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """keras.ops.pad with zeros or another number, mirrored, or with one row of the edge."""
    operation, (args, kwargs) = call.operation, call.arguments
    sides = list(operation.pad_width) * (len(x.shape) + 1 if len(operation.pad_width) == 1 else 1)
    filler = args[1] if len(args) > 1 else kwargs.get("constant_values")
    if operation.mode not in PAD_MODES or sum(sides[0]) or x.flattened:
        raise unsupported(call, f"padding with mode {operation.mode!r}, or of the batch")
    if operation.mode == "symmetric" and max(map(max, sides)) > 1:
        raise unsupported(call, "symmetric padding of more than one row")
    return _padded(builder, call, x, sides[1:], PAD_MODES[operation.mode], float(filler or 0))


def zero_padding2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return _padded(builder, call, x, [*call.operation.padding, (0, 0)])


def _padded(
    builder: GraphBuilder,
    call: Call,
    x: Value,
    sides: list[tuple[int, int]],
    mode: str = "constant",
    filler: float = 0.0,
) -> Value:
    rank = len(x.shape) + 1
    margin = np.zeros(2 * rank, np.int64)
    for axis, (before, after) in enumerate(sides, start=1):
        margin[x.stored(axis)], margin[rank + x.stored(axis)] = before, after
    inputs = [x.name, builder.constant(margin, f"{call.name}.pads")]
    if filler:
        inputs.append(builder.number(filler, f"{call.name}.filler"))
    return Value(builder.node("Pad", inputs, call.name, mode=mode), shape_of(call))


def flatten(builder: GraphBuilder, call: Call, x: Value) -> Value:
    if x.maps is None:
        return x
    height, width, channels = x.maps
    # Of single pixels and of single maps there is only one order.
    flattened = None if 1 in (height * width, channels) else x.maps
    return Value(builder.node("Flatten", [x.name], call.name, axis=1), shape_of(call), flattened)


def reshape(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """Where Keras' order and the stored one agree: channels into groups and back, vectors into maps and back."""
    shape = shape_of(call)
    if shape == x.shape:
        return x
    if x.maps and len(shape) == 1:
        return flatten(builder, call, x)
    regrouped = len(x.shape) in (3, 4) and len(shape) in (3, 4) and shape[:2] == x.shape[:2]
    unflattened = len(x.shape) == 1 and len(shape) == 3 and x.flattened in (shape, None)
    if unflattened and x.flattened is None:
        unflattened = 1 in (shape[0] * shape[1], shape[2])
    if not regrouped and not unflattened:
        raise unsupported(call, f"reshaping {x.shape} to {shape}")
    stored = builder.constant(np.array([0, *shape[2:], *shape[:2]], np.int64), f"{call.name}.shape")
    return Value(builder.node("Reshape", [x.name, stored], call.name), shape)


def transpose(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """keras.ops.transpose and Permute of maps, and of the groups and channels of grouped maps."""
    layer, rank = call.operation, len(x.shape) + 1
    axes = (0, *layer.dims) if hasattr(layer, "dims") else tuple(layer.axes or reversed(range(rank)))
    axes = tuple(axis % rank for axis in axes)
    if axes == tuple(range(rank)):
        return x
    if axes[0] != 0 or (x.is_grouped and axes[:3] != (0, 1, 2)):
        raise unsupported(call, f"transposing with axes {axes}")
    turned = [0] * rank
    for axis, source in enumerate(axes):
        turned[x.stored(axis)] = x.stored(source)
    return Value(builder.node("Transpose", [x.name], call.name, perm=turned), shape_of(call))


def upsampling2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    if layer.interpolation != "nearest":
        raise unsupported(call, f"interpolation {layer.interpolation!r}")
    scales = builder.constant(np.array([1, 1, *layer.size], np.float32), f"{call.name}.scales")
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return Value(builder.node("Resize", [x.name, "", scales], call.name, **how), shape_of(call))


def global_pooling(kind: str) -> Writer:
    """A writer for the mean or maximum of each feature map."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value:
        pooled = builder.node(kind, [x.name], call.name)
        if not call.operation.keepdims:
            pooled = builder.node("Flatten", [pooled], f"{call.name}_flatten", axis=1)
        return Value(pooled, shape_of(call))

    return write
