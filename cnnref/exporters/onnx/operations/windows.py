"""Convolutions and poolings of any number of dimensions, with kernels that are weights or are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ....arithmetic.sizes import same_padding
from ..graph import GraphBuilder, Value
from .operands import Writer, operand, result, shape_of


def channels_first(rank: int) -> tuple[int, ...]:
    """The stored order of maps of any number of dimensions."""
    return (0, rank - 1, *range(1, rank - 1))


def _each(number: Any, count: int) -> list[int]:
    return [int(number)] * count if isinstance(number, int) else [int(one) for one in number]


def _window(call: Call, x: Value, size: Sequence[int], strides: Any, dilation: Any) -> dict[str, Any] | None:
    """The attributes of a window, with ONNX' padding (all befores, then all afters) for Keras' name of one."""
    operation, count = call.operation, x.rank - 2
    if getattr(operation, "data_format", None) == "channels_first" or operation.padding not in ("valid", "same"):
        return None
    steps, gaps = _each(size if strides is None else strides, count), _each(dilation, count)
    sides = [(0, 0)] * count
    if operation.padding == "same":
        sides = [same_padding(x.shape[1 + i], size[i], steps[i], gaps[i]) for i in range(count)]
    pads = [side[0] for side in sides] + [side[1] for side in sides]
    return {"kernel_shape": list(size), "strides": steps, "dilations": gaps, "pads": pads}


def conv(builder: GraphBuilder, call: Call, inputs: Value, kernel: Any) -> Value | None:
    kernel = operand(kernel, call, "kernel")
    rank = inputs.rank
    window = _window(call, inputs, kernel.shape[:-2], call.operation.strides, call.operation.dilation_rate)
    if window is None:
        return None
    order = channels_first(rank)
    given = builder.read(inputs, call.name, order=order)
    filters = builder.read(kernel, call.name, order=(rank - 1, rank - 2, *range(rank - 2)))
    groups = inputs.shape[-1] // kernel.shape[-2]
    return result(call, builder.node("Conv", [given, filters], call.name, group=groups, **window), order)


def depthwise_conv(builder: GraphBuilder, call: Call, inputs: Value, kernel: Any) -> Value | None:
    kernel = operand(kernel, call, "kernel")
    rank, channels = inputs.rank, inputs.shape[-1]
    window = _window(call, inputs, kernel.shape[:-2], call.operation.strides, call.operation.dilation_rate)
    if window is None:
        return None
    order = channels_first(rank)
    given = builder.read(inputs, call.name, order=order)
    filters = builder.read(kernel, call.name, order=(rank - 2, rank - 1, *range(rank - 2)))
    sizes = [channels * kernel.shape[-1], 1, *kernel.shape[:-2]]
    if kernel.constant is not None:
        filters = builder.constant(builder.weights.pop(filters).reshape(sizes), f"{kernel.name}_filters")
    else:
        filters = builder.node(
            "Reshape", [filters, builder.integers(sizes, f"{call.name}.sizes")], f"{call.name}_filters"
        )
    return result(call, builder.node("Conv", [given, filters], call.name, group=channels, **window), order)


def conv_transpose(builder: GraphBuilder, call: Call, inputs: Value, kernel: Any) -> Value | None:
    """The gradient of a convolution; what Keras cuts off or adds at the end is ONNX' padding or output padding."""
    operation, kernel = call.operation, operand(kernel, call, "kernel")
    count, order = inputs.rank - 2, channels_first(inputs.rank)
    if getattr(operation, "data_format", None) == "channels_first" or operation.padding not in ("valid", "same"):
        return None
    strides, gaps = _each(operation.strides, count), _each(operation.dilation_rate, count)
    before, after, more = [], [], []
    for i in range(count):
        reach = (kernel.shape[i] - 1) * gaps[i] + 1
        surplus = (inputs.shape[1 + i] - 1) * strides[i] + reach - shape_of(call)[1 + i]
        before.append(max(surplus, 0) // 2 if operation.padding == "same" else 0)
        after.append(max(surplus - before[-1], 0))
        more.append(max(-surplus, 0))
    given = builder.read(inputs, call.name, order=order)
    filters = builder.read(kernel, call.name, order=(inputs.rank - 1, inputs.rank - 2, *range(count)))
    window = {"kernel_shape": list(kernel.shape[:count]), "strides": strides, "dilations": gaps, "pads": before + after}
    made = builder.node("ConvTranspose", [given, filters], call.name, output_padding=more, **window)
    return result(call, made, order)


def pool(kind: str, **attributes: Any) -> Writer:
    """A writer for a pooling operation."""

    def write(builder: GraphBuilder, call: Call, inputs: Value) -> Value | None:
        operation = call.operation
        size = _each(operation.pool_size, inputs.rank - 2)
        window = _window(call, inputs, size, operation.strides, 1)
        if window is None:
            return None
        del window["dilations"]  # average pooling has none before opset 19
        order = channels_first(inputs.rank)
        given = builder.read(inputs, call.name, order=order)
        return result(call, builder.node(kind, [given], call.name, **window, **attributes), order)

    return write


def batch_norm(
    builder: GraphBuilder, call: Call, x: Value, mean: Any, variance: Any, offset: Any = None, scale: Any = None
) -> Value | None:
    given = [np.ones(x.shape[-1], np.float32) if scale is None else scale]
    given += [np.zeros(x.shape[-1], np.float32) if offset is None else offset, mean, variance]
    values = [
        operand(numbers, call, name) for numbers, name in zip(given, ("gamma", "beta", "mean", "variance"), strict=True)
    ]
    axis = call.operation.axis
    if not isinstance(axis, int) or axis % x.rank != x.rank - 1 or any(value.constant is None for value in values):
        return None
    order = channels_first(x.rank) if x.rank > 2 else (0, 1)
    names = [builder.read(x, call.name, order=order), *(builder.read(value, call.name) for value in values)]
    return result(call, builder.node("BatchNormalization", names, call.name, epsilon=call.operation.epsilon), order)


WINDOWS: dict[str, Writer] = {
    "AveragePool": pool("AveragePool", count_include_pad=0),
    "BatchNorm": batch_norm,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthwiseConv": depthwise_conv,
    "MaxPool": pool("MaxPool"),
}
