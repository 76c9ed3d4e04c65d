"""What each Keras layer is in ONNX: one short function a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arithmetic.graph import Call
from ..arithmetic.sizes import same_padding
from ..environment import keras
from .contract import per_channel
from .onnx_emitter import Emitter, Value, unsupported

Writer = Callable[..., Value]

#: Keras' name of an activation, the ONNX operator, and its attributes.
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {"axis": -1}),
}


def writer(call: Call) -> Writer:
    """The function that writes a call.

    Raises:
        ExportError: there is none; layers of one's own are not guessed at.
    """
    kind = type(call.operation)
    if kind.__name__ not in WRITERS or not kind.__module__.startswith("keras."):
        raise unsupported(call)
    return WRITERS[kind.__name__]


def weight(variable: Any) -> NDArray[np.float32]:
    """The value of a Keras variable."""
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float32)


def activated(emit: Emitter, call: Call, x: Value, function: Any) -> Value:
    """Apply one of Keras' activation functions."""
    name = getattr(function, "__name__", str(function))
    if function is None or function is keras.activations.linear:
        return x
    if name not in ACTIVATIONS or keras.activations.get(name) is not function:
        raise unsupported(call, f"activation {name!r} has no ONNX form here")
    if name == "softmax" and x.maps:
        raise unsupported(call, "softmax over feature maps")
    kind, attributes = ACTIVATIONS[name]
    place = call.name if x.name != call.name else f"{call.name}_{name}"
    return Value(emit.node(kind, [x.name], place, **attributes), x.maps, x.flattened)


def rescaling(emit: Emitter, call: Call, x: Value) -> Value:
    if x.maps is None:
        raise unsupported(call, "it is not applied to an image")
    channels = x.maps[2]
    result = x.name
    for kind, name in (("Mul", "scale"), ("Add", "offset")):
        factors = per_channel(getattr(call.operation, name), channels)
        value = np.array(factors, np.float32).reshape(1, channels, 1, 1)
        result = emit.node(kind, [result, emit.constant(value, f"{call.name}.{name}")], f"{call.name}_{name}")
    return Value(result, x.maps)


def conv2d(emit: Emitter, call: Call, x: Value) -> Value:
    layer = call.operation
    kernel = weight(layer.kernel).transpose(3, 2, 0, 1)
    inputs = [x.name, emit.constant(kernel, f"{call.name}.kernel")]
    if layer.use_bias:
        inputs.append(emit.constant(weight(layer.bias), f"{call.name}.bias"))
    result = emit.node(
        "Conv",
        inputs,
        call.name,
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        group=layer.groups,
        pads=pads(call, x, layer.kernel_size, layer.dilation_rate),
    )
    return activated(emit, call, Value(result, maps_of(call)), layer.activation)


def pooling(kind: str, **attributes: Any) -> Writer:
    """A writer for a pooling layer."""

    def write(emit: Emitter, call: Call, x: Value) -> Value:
        layer = call.operation
        window = {"kernel_shape": layer.pool_size, "strides": layer.strides}
        margin = pads(call, x, layer.pool_size, (1, 1))
        return Value(emit.node(kind, [x.name], call.name, pads=margin, **window, **attributes), maps_of(call))

    return write


def pads(call: Call, x: Value, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """ONNX' padding (top, left, bottom, right) for Keras' "valid" or "same"."""
    layer = call.operation
    if x.maps is None or layer.padding not in ("valid", "same"):
        raise unsupported(call, f"padding {layer.padding!r}")
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    sides = [same_padding(x.maps[i], kernel[i], layer.strides[i], dilation[i]) for i in (0, 1)]
    return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]


def zero_padding2d(emit: Emitter, call: Call, x: Value) -> Value:
    (top, bottom), (left, right) = call.operation.padding
    margin = emit.constant(np.array([0, 0, top, left, 0, 0, bottom, right]), f"{call.name}.pads")
    return Value(emit.node("Pad", [x.name, margin], call.name), maps_of(call))


def flatten(emit: Emitter, call: Call, x: Value) -> Value:
    return Value(emit.node("Flatten", [x.name], call.name, axis=1), flattened=x.maps)


def dense(emit: Emitter, call: Call, x: Value) -> Value:
    layer = call.operation
    if x.maps:
        raise unsupported(call, "a dense layer on feature maps")
    kernel = weight(layer.kernel)
    if x.flattened:
        # Keras flattened [h, w, c], ONNX [c, h, w]: the rows follow.
        height, width, channels = x.flattened
        kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    inputs = [x.name, emit.constant(kernel, f"{call.name}.kernel")]
    if layer.use_bias:
        inputs.append(emit.constant(weight(layer.bias), f"{call.name}.bias"))
    return activated(emit, call, Value(emit.node("Gemm", inputs, call.name)), layer.activation)


def activation(emit: Emitter, call: Call, x: Value) -> Value:
    return activated(emit, call, x, call.operation.activation)


def relu(emit: Emitter, call: Call, x: Value) -> Value:
    layer = call.operation
    if layer.negative_slope or layer.threshold:
        raise unsupported(call, "a ReLU with slope or threshold; use LeakyReLU")
    result = emit.node("Relu", [x.name], call.name)
    if layer.max_value is not None:
        limit = emit.constant(np.array(layer.max_value, np.float32), f"{call.name}.max")
        result = emit.node("Min", [result, limit], f"{call.name}_max")
    return Value(result, x.maps, x.flattened)


def leaky_relu(emit: Emitter, call: Call, x: Value) -> Value:
    slope = float(call.operation.negative_slope)
    return Value(emit.node("LeakyRelu", [x.name], call.name, alpha=slope), x.maps, x.flattened)


def softmax(emit: Emitter, call: Call, x: Value) -> Value:
    if x.maps or call.operation.axis not in (-1, 1):
        raise unsupported(call, "softmax over feature maps")
    return activated(emit, call, x, keras.activations.softmax)


def nothing(_emit: Emitter, _call: Call, x: Value) -> Value:
    """A layer that only does something in training."""
    return x


def maps_of(call: Call) -> tuple[int, int, int]:
    """Height, width and channels of a call's result."""
    _, height, width, channels = call.outputs[0].shape
    return height, width, channels


WRITERS: dict[str, Writer] = {
    "Activation": activation,
    "AveragePooling2D": pooling("AveragePool", count_include_pad=0),
    "Conv2D": conv2d,
    "Dense": dense,
    "Dropout": nothing,
    "Flatten": flatten,
    "LeakyReLU": leaky_relu,
    "MaxPooling2D": pooling("MaxPool"),
    "ReLU": relu,
    "Rescaling": rescaling,
    "Softmax": softmax,
    "ZeroPadding2D": zero_padding2d,
}
