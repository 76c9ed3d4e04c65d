"""What each Keras layer is in ONNX: one short function a layer, and the table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arithmetic.graph import Call
from ...arithmetic.sizes import same_padding
from ...arithmetic.windows import averages_channels
from ...environment import keras
from ...models.normalization import per_channel
from .activations import activated, clip
from .graph import GraphBuilder, Value, unsupported
from .operations import (
    Writer,
    concatenate,
    cropping2d,
    elementwise,
    flatten,
    get_item,
    global_pooling,
    nothing,
    pad,
    reshape,
    shape_of,
    square,
    transpose,
    upsampling2d,
    weight,
    zero_padding2d,
)


def write(builder: GraphBuilder, call: Call, inputs: Sequence[Value]) -> Value:
    """Write the nodes of a call.

    Raises:
        ExportError: there is no function for it; layers of one's own are not guessed at.
    """
    kind = type(call.operation)
    if kind.__name__ not in WRITERS or not kind.__module__.startswith("keras."):
        raise unsupported(call)
    if kind.__name__ not in TAKE_GROUPS and any(x.is_grouped for x in inputs):
        raise unsupported(call, "channels in groups are only transposed and put together again")
    return WRITERS[kind.__name__](builder, call, *inputs)


def rescaling(builder: GraphBuilder, call: Call, x: Value) -> Value:
    if x.maps is None:
        raise unsupported(call, "it is not applied to an image")
    channels = x.maps[2]
    result = x.name
    for kind, name in (("Mul", "scale"), ("Add", "offset")):
        factors = per_channel(getattr(call.operation, name), channels)
        value = np.array(factors, np.float32).reshape(1, channels, 1, 1)
        result = builder.node(kind, [result, builder.constant(value, f"{call.name}.{name}")], f"{call.name}_{name}")
    return replace(x, name=result)


def conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    kernel = weight(layer.kernel).transpose(3, 2, 0, 1)
    return _convolution(builder, call, x, kernel, layer.groups)


def depthwise_conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return _convolution(builder, call, x, _depthwise(call.operation.kernel), x.shape[2])


def separable_conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    kernel = _depthwise(layer.depthwise_kernel)
    window = _window(call, x, layer.kernel_size, layer.dilation_rate)
    inputs = [x.name, builder.constant(kernel, f"{call.name}.depthwise_kernel")]
    spread = builder.node("Conv", inputs, f"{call.name}_depthwise", group=x.shape[2], **window)
    pointwise = weight(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    inputs = [spread, builder.constant(pointwise, f"{call.name}.pointwise_kernel"), *_bias(builder, call)]
    result = Value(builder.node("Conv", inputs, call.name, kernel_shape=[1, 1]), shape_of(call))
    return activated(builder, call, result, layer.activation)


def _convolution(builder: GraphBuilder, call: Call, x: Value, kernel: NDArray[np.float32], groups: int) -> Value:
    """A convolution and its activation; `kernel` is [filters, channels of a group, height, width]."""
    layer = call.operation
    inputs = [x.name, builder.constant(kernel, f"{call.name}.kernel"), *_bias(builder, call)]
    window = _window(call, x, layer.kernel_size, layer.dilation_rate)
    result = builder.node("Conv", inputs, call.name, group=groups, **window)
    return activated(builder, call, Value(result, shape_of(call)), layer.activation)


def _depthwise(kernel: Any) -> NDArray[np.float32]:
    """[height, width, channels, multiplier] as the kernel of a convolution with a group a channel."""
    height, width = kernel.shape[:2]
    return weight(kernel).transpose(2, 3, 0, 1).reshape(-1, 1, height, width)


def _bias(builder: GraphBuilder, call: Call) -> list[str]:
    return [builder.constant(weight(call.operation.bias), f"{call.name}.bias")] if call.operation.use_bias else []


def _window(call: Call, x: Value, kernel: Sequence[int], dilation: Sequence[int]) -> dict[str, Sequence[int]]:
    """The attributes of a convolution, with ONNX' padding (top, left, bottom, right) for Keras' name of one."""
    layer = call.operation
    if x.maps is None or layer.padding not in ("valid", "same"):
        raise unsupported(call, f"padding {layer.padding!r}")
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        sides = [same_padding(x.maps[axis], kernel[axis], layer.strides[axis], dilation[axis]) for axis in (0, 1)]
        pads = [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]
    return {"kernel_shape": kernel, "strides": layer.strides, "dilations": dilation, "pads": pads}


def pooling(kind: str, **attributes: Any) -> Writer:
    """A writer for a pooling layer."""

    def write_pooling(builder: GraphBuilder, call: Call, x: Value) -> Value:
        window = _window(call, x, call.operation.pool_size, (1, 1))
        del window["dilations"]  # average pooling has none before opset 19
        return Value(builder.node(kind, [x.name], call.name, **window, **attributes), shape_of(call))

    return write_pooling


def dense(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    kernel = weight(layer.kernel)
    if x.maps:
        inputs = [x.name, builder.constant(kernel.T[:, :, None, None], f"{call.name}.kernel"), *_bias(builder, call)]
        result = builder.node("Conv", inputs, call.name, kernel_shape=[1, 1])
    else:
        inputs = [x.name, builder.constant(x.ordered(kernel), f"{call.name}.kernel"), *_bias(builder, call)]
        result = builder.node("Gemm", inputs, call.name)
    return activated(builder, call, Value(result, shape_of(call)), layer.activation)


def activation(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return activated(builder, call, x, call.operation.activation)


def relu(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    if layer.negative_slope or layer.threshold:
        raise unsupported(call, "a ReLU with slope or threshold; use LeakyReLU")
    if layer.max_value is None:
        return replace(x, name=builder.node("Relu", [x.name], call.name))
    return replace(x, name=clip(builder, x.name, call.name, float(layer.max_value)))


def leaky_relu(builder: GraphBuilder, call: Call, x: Value) -> Value:
    slope = float(call.operation.negative_slope)
    return replace(x, name=builder.node("LeakyRelu", [x.name], call.name, alpha=slope))


def softmax(builder: GraphBuilder, call: Call, x: Value) -> Value:
    if x.maps or call.operation.axis not in (-1, 1):
        raise unsupported(call, "softmax over feature maps")
    return activated(builder, call, x, keras.activations.softmax)


def batch_normalization(builder: GraphBuilder, call: Call, x: Value) -> Value:
    layer = call.operation
    _require_channels(call, x, layer.axis)
    ones = np.ones(x.shape[-1], np.float32)
    numbers = {
        "gamma": weight(layer.gamma) if layer.scale else ones,
        "beta": weight(layer.beta) if layer.center else 0 * ones,
        "mean": weight(layer.moving_mean),
        "variance": weight(layer.moving_variance),
    }
    given = [builder.constant(x.ordered(row), f"{call.name}.{name}") for name, row in numbers.items()]
    return replace(x, name=builder.node("BatchNormalization", [x.name, *given], call.name, epsilon=layer.epsilon))


def layer_normalization(builder: GraphBuilder, call: Call, x: Value) -> Value:
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
    if x.maps is None and builder.opset >= 17 and gamma is not None:
        given = [builder.constant(gamma, f"{call.name}.gamma")]
        given += [builder.constant(beta, f"{call.name}.beta")] if beta is not None else []
        result = builder.node("LayerNormalization", [x.name, *given], call.name, epsilon=layer.epsilon)
        return replace(x, name=result)
    centred = builder.node("Sub", [x.name, _mean(builder, x.name, f"{call.name}_mean")], f"{call.name}_centred")
    squares = builder.node("Mul", [centred, centred], f"{call.name}_squares")
    variance = _mean(builder, squares, f"{call.name}_variance")
    shifted = builder.node(
        "Add", [variance, builder.number(layer.epsilon, f"{call.name}.epsilon")], f"{call.name}_shifted"
    )
    deviation = builder.node("Sqrt", [shifted], f"{call.name}_deviation")
    result = builder.node("Div", [centred, deviation], call.name)
    for kind, name, numbers in (("Mul", "gamma", gamma), ("Add", "beta", beta)):
        if numbers is not None:
            result = builder.node(
                kind, [result, builder.constant(numbers, f"{call.name}.{name}")], f"{call.name}_{name}"
            )
    return replace(x, name=result)


def _mean(builder: GraphBuilder, x: str, name: str) -> str:
    """The mean over axis 1, which is kept; the axes became an input with opset 18."""
    if builder.opset < 18:
        return builder.node("ReduceMean", [x], name, axes=[1], keepdims=1)
    return builder.node("ReduceMean", [x, builder.constant(np.array([1], np.int64), f"{name}.axes")], name, keepdims=1)


def mean(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """keras.ops.mean over the channels, which are kept as one."""
    if not averages_channels(call):
        raise unsupported(call, "a mean over other axes than the channels, or that does not keep them")
    return Value(_mean(builder, x.name, call.name), shape_of(call))


def _require_channels(call: Call, x: Value, axis: int) -> None:
    if x.stored(axis) != 1:
        raise unsupported(call, f"normalizing along axis {axis}, which is not the channels")


#: By the name of the class; the layers Add, Concatenate, ... and the operations of the same name share a function.
WRITERS: dict[str, Writer] = {
    "Activation": activation,
    "ActivityRegularization": nothing,
    "Add": elementwise("Add"),
    "AlphaDropout": nothing,
    "AveragePooling2D": pooling("AveragePool", count_include_pad=0),
    "BatchNormalization": batch_normalization,
    "Concatenate": concatenate,
    "Conv2D": conv2d,
    "Cropping2D": cropping2d,
    "Dense": dense,
    "DepthwiseConv2D": depthwise_conv2d,
    "Divide": elementwise("Div"),
    "Dropout": nothing,
    "Flatten": flatten,
    "GaussianDropout": nothing,
    "GaussianNoise": nothing,
    "GetItem": get_item,
    "GlobalAveragePooling2D": global_pooling("GlobalAveragePool"),
    "GlobalMaxPooling2D": global_pooling("GlobalMaxPool"),
    "Identity": nothing,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": leaky_relu,
    "MaxPooling2D": pooling("MaxPool"),
    "Mean": mean,
    "Multiply": elementwise("Mul"),
    "Pad": pad,
    "Permute": transpose,
    "Power": elementwise("Pow"),
    "ReLU": relu,
    "Rescaling": rescaling,
    "Reshape": reshape,
    "SeparableConv2D": separable_conv2d,
    "Softmax": softmax,
    "SpatialDropout2D": nothing,
    "Square": square,
    "Subtract": elementwise("Sub"),
    "Transpose": transpose,
    "TrueDivide": elementwise("Div"),
    "UpSampling2D": upsampling2d,
    "ZeroPadding2D": zero_padding2d,
}

#: What understands feature maps whose channels lie in groups.
TAKE_GROUPS = {"Permute", "Reshape", "Transpose"}
