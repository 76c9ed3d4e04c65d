"""What each Keras layer that is written by hand is in ONNX: one short function a layer, and the table of all of them.

A function takes its inputs as layers want them, maps with the channels first, and gives what the layer computes before
its activation; None where it has no form for this case, and the layer is taken apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arithmetic.graph import Call
from ...arithmetic.sizes import same_padding
from ...environment import keras
from ...models.normalization import per_channel
from .activations import clip
from .graph import BATCH, GraphBuilder, Value
from .operations.elementwise import nary
from .operations.operands import Writer, shape_of
from .operations.pictures import resized
from .operations.shapes import concatenate, flatten, padded, permuted, reshape, sliced
from .operations.windows import conv_transpose


def weight(variable: Any) -> NDArray[np.float32]:
    """The value of a Keras variable."""
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float32)


def nothing(_builder: GraphBuilder, _call: Call, x: Value, *_others: Any) -> Value:
    """A layer that only does something in training."""
    return x


def rescaling(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    if x.maps is None or max(np.ndim(call.operation.scale), np.ndim(call.operation.offset)) > 1:
        return None
    channels = x.maps[2]
    result = x.name
    for kind, name in (("Mul", "scale"), ("Add", "offset")):
        factors = per_channel(getattr(call.operation, name), channels)
        value = np.array(factors, np.float32).reshape(1, channels, 1, 1)
        result = builder.node(kind, [result, builder.constant(value, f"{call.name}.{name}")], f"{call.name}_{name}")
    return replace(x, name=result)


def conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    layer = call.operation
    kernel = weight(layer.kernel).transpose(3, 2, 0, 1)
    return _convolution(builder, call, x, kernel, layer.groups)


def depthwise_conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    return _convolution(builder, call, x, _depthwise(call.operation.kernel), x.shape[-1])


def separable_conv2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    layer = call.operation
    kernel = _depthwise(layer.depthwise_kernel)
    window = _window(call, x, layer.kernel_size, layer.dilation_rate)
    if window is None:
        return None
    inputs = [x.name, builder.constant(kernel, f"{call.name}.depthwise_kernel")]
    spread = builder.node("Conv", inputs, f"{call.name}_depthwise", group=x.shape[-1], **window)
    pointwise = weight(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    inputs = [spread, builder.constant(pointwise, f"{call.name}.pointwise_kernel"), *_bias(builder, call)]
    return Value(builder.node("Conv", inputs, call.name, kernel_shape=[1, 1]), shape_of(call))


def _convolution(builder: GraphBuilder, call: Call, x: Value, kernel: NDArray[np.float32], groups: int) -> Value | None:
    """A convolution; `kernel` is [filters, channels of a group, height, width]."""
    layer = call.operation
    window = _window(call, x, layer.kernel_size, layer.dilation_rate)
    if window is None:
        return None
    inputs = [x.name, builder.constant(kernel, f"{call.name}.kernel"), *_bias(builder, call)]
    return Value(builder.node("Conv", inputs, call.name, group=groups, **window), shape_of(call))


def _depthwise(kernel: Any) -> NDArray[np.float32]:
    """[height, width, channels, multiplier] as the kernel of a convolution with a group a channel."""
    height, width = kernel.shape[:2]
    return weight(kernel).transpose(2, 3, 0, 1).reshape(-1, 1, height, width)


def _bias(builder: GraphBuilder, call: Call) -> list[str]:
    return [builder.constant(weight(call.operation.bias), f"{call.name}.bias")] if call.operation.use_bias else []


def _window(call: Call, x: Value, kernel: Sequence[int], dilation: Sequence[int]) -> dict[str, Sequence[int]] | None:
    """The attributes of a convolution, with ONNX' padding (top, left, bottom, right) for Keras' name of one."""
    layer = call.operation
    if x.maps is None or layer.padding not in ("valid", "same"):
        return None
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        sides = [same_padding(x.maps[axis], kernel[axis], layer.strides[axis], dilation[axis]) for axis in (0, 1)]
        pads = [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]
    return {"kernel_shape": kernel, "strides": layer.strides, "dilations": dilation, "pads": pads}


def pooling(kind: str, **attributes: Any) -> Writer:
    """A writer for a pooling layer."""

    def write_pooling(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        window = _window(call, x, call.operation.pool_size, (1, 1))
        if window is None:
            return None
        del window["dilations"]  # average pooling has none before opset 19
        return Value(builder.node(kind, [x.name], call.name, **window, **attributes), shape_of(call))

    return write_pooling


def dense(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """A convolution of single pixels on maps, Gemm on vectors, and MatMul on anything else."""
    kernel = weight(call.operation.kernel)
    if x.maps:
        inputs = [x.name, builder.constant(kernel.T[:, :, None, None], f"{call.name}.kernel"), *_bias(builder, call)]
        return Value(builder.node("Conv", inputs, call.name, kernel_shape=[1, 1]), shape_of(call))
    if x.rank == 2:
        inputs = [x.name, builder.constant(x.ordered(kernel), f"{call.name}.kernel"), *_bias(builder, call)]
        return Value(builder.node("Gemm", inputs, call.name), shape_of(call))
    given = builder.read(x, call.name, kind="float")
    made = builder.node("MatMul", [given, builder.constant(kernel, f"{call.name}.kernel")], call.name)
    for bias in _bias(builder, call):
        made = builder.node("Add", [made, bias], f"{call.name}_bias")
    shape = shape_of(call)
    return Value(made, shape, tuple(range(len(shape))))


def relu(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    layer = call.operation
    if layer.negative_slope or layer.threshold:
        return None
    if layer.max_value is None:
        return replace(x, name=builder.node("Relu", [x.name], call.name))
    return replace(x, name=clip(builder, x.name, call.name, float(layer.max_value)))


def prelu(builder: GraphBuilder, call: Call, x: Value) -> Value:
    alpha = weight(call.operation.alpha)
    alpha = x.ordered(alpha) if x.flattened else alpha.transpose([axis - 1 for axis in x.order[1:]])
    given = [x.name, builder.constant(alpha, f"{call.name}.alpha")]
    return replace(x, name=builder.node("PRelu", given, call.name))


def leaky_relu(builder: GraphBuilder, call: Call, x: Value) -> Value:
    slope = float(call.operation.negative_slope)
    return replace(x, name=builder.node("LeakyRelu", [x.name], call.name, alpha=slope))


def batch_normalization(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    layer = call.operation
    if not _are_channels(x, [layer.axis]):
        return None
    ones = np.ones(x.shape[-1], np.float32)
    numbers = {
        "gamma": weight(layer.gamma) if layer.scale else ones,
        "beta": weight(layer.beta) if layer.center else 0 * ones,
        "mean": weight(layer.moving_mean),
        "variance": weight(layer.moving_variance),
    }
    given = [builder.constant(x.ordered(row), f"{call.name}.{name}") for name, row in numbers.items()]
    return replace(x, name=builder.node("BatchNormalization", [x.name, *given], call.name, epsilon=layer.epsilon))


def layer_normalization(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    """Over the channels of each pixel, or over a vector.

    ONNX' own operator runs over the last axes, where feature maps have their width; taking the mean and the variance
    of the channels where they are saves two Transposes.
    """
    layer = call.operation
    if not _are_channels(x, layer.axis) or layer.rms_scaling:
        return None
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


def _are_channels(x: Value, axes: Sequence[int]) -> bool:
    """Whether these are the one axis of the channels, stored behind the batch."""
    return [x.stored(axis) for axis in axes] == [1]


def normalization(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    """(x - mean) / deviation as one product and one sum, which a convolution behind it could take in."""
    layer = call.operation
    if x.maps is None or layer.invert:
        return None
    shape = np.broadcast_shapes(np.shape(layer.mean), (1, 1, 1, 1))
    if shape[:3] != (1, 1, 1):
        return None
    mean, deviation = (np.asarray(keras.ops.convert_to_numpy(row), np.float64) for row in (layer.mean, layer.variance))
    scale = 1 / np.maximum(np.sqrt(deviation), keras.config.epsilon())
    result = x.name
    for kind, name, numbers in (("Mul", "scale", scale), ("Add", "offset", -mean * scale)):
        value = np.broadcast_to(numbers, shape).transpose(0, 3, 1, 2).astype(np.float32)
        result = builder.node(kind, [result, builder.constant(value, f"{call.name}.{name}")], f"{call.name}_{name}")
    return replace(x, name=result)


def conv2d_transpose(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    """Written as the operation, with the bias inside."""
    layer = call.operation
    form = None if layer.padding not in ("valid", "same") else conv_transpose(builder, call, x, layer.kernel)
    if form is not None and layer.use_bias:
        builder.nodes[-1].input.extend(_bias(builder, call))
    return form


def cropping2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    if x.maps is None:
        return None
    batch, height, width, channels = x.shape
    (top, bottom), (left, right) = call.operation.cropping
    rows, columns = range(top, height - bottom), range(left, width - right)
    return sliced(builder, call, x, [range(batch), rows, columns, range(channels)])


def center_crop(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    """The middle, where the image is large enough; Keras resizes a smaller one first."""
    batch, height, width, channels = x.shape if x.maps else (BATCH, 0, 0, 0)
    layer = call.operation
    if height < layer.height or width < layer.width:
        return None
    top, left = (height - layer.height) // 2, (width - layer.width) // 2
    rows, columns = range(top, top + layer.height), range(left, left + layer.width)
    return sliced(builder, call, x, [range(batch), rows, columns, range(channels)])


def zero_padding2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    return padded(builder, call, x, [(0, 0), *call.operation.padding, (0, 0)]) if x.maps else None


def permute(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return permuted(builder, call, x, (0, *call.operation.dims))


def upsampling2d(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    layer = call.operation
    if x.maps is None:
        return None
    if layer.interpolation != "nearest":
        return resized(builder, call, x, layer.interpolation)
    scales = builder.constant(np.array([1, 1, *layer.size], np.float32), f"{call.name}.scales")
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return Value(builder.node("Resize", [x.name, "", scales], call.name, **how), shape_of(call))


def global_pooling(kind: str) -> Writer:
    """A writer for the mean or maximum of each feature map."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        if x.maps is None:
            return None
        pooled = builder.node(kind, [x.name], call.name)
        if not call.operation.keepdims:
            pooled = builder.node("Flatten", [pooled], f"{call.name}_flatten", axis=1)
        return Value(pooled, shape_of(call))

    return write


#: By the name of the class.
LAYERS: dict[str, Writer] = {
    "Activation": nothing,
    "ActivityRegularization": nothing,
    "Add": nary("Add"),
    "AlphaDropout": nothing,
    "AveragePooling2D": pooling("AveragePool", count_include_pad=0),
    "BatchNormalization": batch_normalization,
    "CenterCrop": center_crop,
    "Concatenate": concatenate,
    "Conv2D": conv2d,
    "Conv2DTranspose": conv2d_transpose,
    "Cropping2D": cropping2d,
    "Dense": dense,
    "DepthwiseConv2D": depthwise_conv2d,
    "Dropout": nothing,
    "Flatten": flatten,
    "GaussianDropout": nothing,
    "GaussianNoise": nothing,
    "GlobalAveragePooling2D": global_pooling("GlobalAveragePool"),
    "GlobalMaxPooling2D": global_pooling("GlobalMaxPool"),
    "Identity": nothing,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": leaky_relu,
    "MaxPooling2D": pooling("MaxPool"),
    "Maximum": nary("Max"),
    "Minimum": nary("Min"),
    "Multiply": nary("Mul"),
    "Normalization": normalization,
    "PReLU": prelu,
    "Permute": permute,
    "ReLU": relu,
    "Rescaling": rescaling,
    "Reshape": reshape,
    "SeparableConv2D": separable_conv2d,
    "SpatialDropout2D": nothing,
    "Subtract": nary("Sub"),
    "UpSampling2D": upsampling2d,
    "ZeroPadding2D": zero_padding2d,
}

#: The layers whose activation comes behind what their function writes.
ACTIVATED = {"Activation", "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D", "SeparableConv2D"}
