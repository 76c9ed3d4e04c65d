"""Batch and layer normalization in ONNX."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...arithmetic.graph import Call
from .graph import Emitter, Value, unsupported
from .operations import weight


def batch_normalization(emit: Emitter, call: Call, x: Value) -> Value:
    layer = call.operation
    _require_channels(call, x, layer.axis)
    ones = np.ones(x.shape[-1], np.float32)
    numbers = {
        "gamma": weight(layer.gamma) if layer.scale else ones,
        "beta": weight(layer.beta) if layer.center else 0 * ones,
        "mean": weight(layer.moving_mean),
        "variance": weight(layer.moving_variance),
    }
    given = [emit.constant(x.ordered(row), f"{call.name}.{name}") for name, row in numbers.items()]
    return replace(x, name=emit.node("BatchNormalization", [x.name, *given], call.name, epsilon=layer.epsilon))


def layer_normalization(emit: Emitter, call: Call, x: Value) -> Value:
    """Over the channels of each pixel, or over a vector.

    ONNX' own operator runs over the last axes, where feature maps have their width; taking the mean and the variance
    of the channels where they are saves two Transposes.
    """
    layer = call.operation
    for axis in layer.axis:
        _require_channels(call, x, axis)
    if layer.rms_scaling:
        raise unsupported(call, "rms_scaling")
    size = (-1, 1, 1) if x.maps else (-1,)
    gamma = x.ordered(weight(layer.gamma)).reshape(size) if layer.scale else None
    beta = x.ordered(weight(layer.beta)).reshape(size) if layer.center else None
    if x.maps is None and emit.opset >= 17 and gamma is not None:
        given = [emit.constant(gamma, f"{call.name}.gamma")]
        given += [emit.constant(beta, f"{call.name}.beta")] if beta is not None else []
        result = emit.node("LayerNormalization", [x.name, *given], call.name, epsilon=layer.epsilon)
        return replace(x, name=result)
    centred = emit.node("Sub", [x.name, _mean(emit, x.name, f"{call.name}_mean")], f"{call.name}_centred")
    squares = emit.node("Mul", [centred, centred], f"{call.name}_squares")
    variance = _mean(emit, squares, f"{call.name}_variance")
    shifted = emit.node("Add", [variance, emit.number(layer.epsilon, f"{call.name}.epsilon")], f"{call.name}_shifted")
    deviation = emit.node("Sqrt", [shifted], f"{call.name}_deviation")
    result = emit.node("Div", [centred, deviation], call.name)
    for kind, name, numbers in (("Mul", "gamma", gamma), ("Add", "beta", beta)):
        if numbers is not None:
            result = emit.node(kind, [result, emit.constant(numbers, f"{call.name}.{name}")], f"{call.name}_{name}")
    return replace(x, name=result)


def _mean(emit: Emitter, x: str, name: str) -> str:
    """The mean over axis 1, which is kept; the axes became an input with opset 18."""
    if emit.opset < 18:
        return emit.node("ReduceMean", [x], name, axes=[1], keepdims=1)
    return emit.node("ReduceMean", [x, emit.constant(np.array([1], np.int64), f"{name}.axes")], name, keepdims=1)


def _require_channels(call: Call, x: Value, axis: int) -> None:
    if x.stored(axis) != 1:
        raise unsupported(call, f"normalizing along axis {axis}, which is not the channels")
