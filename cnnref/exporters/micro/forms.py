"""Calls of a network in the form in which a microcontroller needs the fewest operators and the least memory for them.

All forms compute what Keras computes, and their integers are the same in LiteRT's reference kernels and in TFLM.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arithmetic.graph import Call, Graph
from ...environment import keras, layers
from ...models.normalization import per_channel
from ..tensorflow.forms import Rewritten

#: A convolution of raw pixels pads with one pixel value for all channels, where that of normalized pixels pads with the
#: mean of each. So many of the 256 levels may lie between the two: with the means of CIFAR-10, which are up to 7 levels
#: off, the mean squared error of ResNet-8 on 2,000 training images is smaller (2.2e-4) than with an operator of its own
#: for the normalization, which rounds every pixel (2.4e-4). A convolution that pads nothing is exact.
LEVELS = 8.0


def forms(graph: Graph) -> dict[Call, Rewritten]:
    """What computes a call in place of Keras, for the calls that have such a form."""
    found: dict[Call, Rewritten] = {}
    for call in graph.calls:
        kind = type(call.operation)
        if kind is layers.GlobalAveragePooling2D:
            found[call] = _mean_of_a_map(call, call.outputs[0].shape)
        elif kind is layers.Dense and len(call.inputs[0].shape) == 2:
            found[call] = _dense(call, (1, 1), call.outputs[0].shape)
        elif kind is layers.Rescaling and call.inputs[0] in graph.inputs and len(call.inputs[0].shape) == 4:
            found |= _normalization(graph, call)
    return found | _head(graph)


def _mean_of_a_map(call: Call, shape: tuple[Any, ...]) -> Rewritten:
    """A pooling window of the size of the map, which takes less memory than a mean over axes."""
    import tensorflow as tf

    size = call.inputs[0].shape[1:3]
    return lambda x: tf.reshape(tf.nn.avg_pool2d(x, size, [1, 1], "VALID"), [1, *shape[1:]])


def _dense(call: Call, size: tuple[int, int], shape: tuple[Any, ...]) -> Rewritten:
    """A convolution with a kernel of the size of the map: LiteRT rounds the sums of FULLY_CONNECTED once and TFLM
    twice, which gives another last bit now and then, and those of CONV_2D in the same way."""
    import tensorflow as tf

    layer = call.operation
    kernel, bias = _weights(layer)
    kernel = kernel.reshape(*size, -1, kernel.shape[1])

    def convolved(x: Any) -> Any:
        x = tf.reshape(x, [1, *kernel.shape[:3]])
        result = tf.nn.bias_add(tf.nn.conv2d(x, tf.constant(kernel), 1, "VALID"), tf.constant(bias))
        return layer.activation(tf.reshape(result, [1, *shape[1:]]))

    return convolved


#: Layers that compute the same for [1, 1, 1, classes] as for [1, classes].
OF_ANY_RANK = ("Activation", "Dense", "Dropout", "LeakyReLU", "ReLU", "Softmax")


def _head(graph: Graph) -> dict[Call, Rewritten]:
    """The layers from the last map to the classes without a change of shape, which would be a copy and an operator.

    The output is then [1, 1, 1, classes]. Empty where they are no chain of such layers.
    """
    made = {tensor: call for call in graph.calls for tensor in call.outputs}
    chain = [made[graph.outputs[0]]]
    while chain[0].keras_class in OF_ANY_RANK and len(chain[0].inputs) == 1:
        chain.insert(0, made[chain[0].inputs[0]])
    first, *rest = chain
    reads = [call for call in graph.calls for tensor in call.inputs if any(tensor in one.outputs for one in chain)]
    if type(first.operation) not in (layers.Flatten, layers.GlobalAveragePooling2D) or len(reads) != len(rest):
        return {}
    shape = first.inputs[0].shape
    if len(shape) != 4 or not rest or any(getattr(call.operation, "axis", -1) != -1 for call in rest):
        return {}
    pooled = type(first.operation) is layers.GlobalAveragePooling2D
    size = (1, 1) if pooled else shape[1:3]
    found = {first: _mean_of_a_map(first, (1, 1, 1, shape[3])) if pooled else (lambda x: x)}
    for call in rest:
        if call.keras_class == "Dense":
            found[call] = _dense(call, size, (1, 1, 1, call.outputs[0].shape[1]))
            size = (1, 1)
        elif size != (1, 1) and call.keras_class != "Dropout":
            return {}
    return found


def _weights(layer: Any) -> tuple[Any, Any]:
    """Kernel and bias as arrays, zeros where the layer has no bias."""
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    bias = keras.ops.convert_to_numpy(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1], np.float32)
    return kernel, bias


def _normalization(graph: Graph, rescaling: Call) -> dict[Call, Rewritten]:
    """(pixel - mean) / std in the weights of the first convolution, or as one operator."""
    channels = rescaling.inputs[0].shape[3]
    scale, offset = (
        np.array(per_channel(value, channels), np.float32)
        for value in (rescaling.operation.scale, rescaling.operation.offset)
    )
    readers = [call for call in graph.calls if rescaling.outputs[0] in call.inputs]
    if len(readers) == 1 and type(readers[0].operation) is layers.Conv2D and scale.all():
        (reader,) = readers
        means = -offset / scale
        level = np.clip(np.rint(means.mean()), 0, 255).astype(np.float32)
        padded = reader.operation.padding != "valid"
        if reader.operation.groups == 1 and not (padded and np.abs(level - means).max() > LEVELS):
            return {rescaling: lambda x: x - level, reader: _convolution_of_levels(reader, scale, offset, level)}
    return {rescaling: _one_operator(scale, offset)}


def _convolution_of_levels(call: Call, scale: Any, offset: Any, level: Any) -> Rewritten:
    """The convolution of normalized pixels for pixel - level."""
    import tensorflow as tf

    layer = call.operation
    kernel, bias = _weights(layer)
    bias = bias + np.einsum("hwio,i->o", kernel, offset + scale * level)
    kernel = kernel * scale[:, None]

    def convolved(x: Any) -> Any:
        strides, dilations = list(layer.strides), list(layer.dilation_rate)
        result = tf.nn.conv2d(x, tf.constant(kernel), strides, layer.padding.upper(), dilations=dilations)
        return layer.activation(tf.nn.bias_add(result, tf.constant(bias)))

    return convolved


def _one_operator(scale: Any, offset: Any) -> Rewritten:
    """A depthwise convolution: in integers, a multiplication and an addition would round twice."""
    import tensorflow as tf

    kernel = scale.reshape(1, 1, -1, 1)
    return lambda x: tf.nn.bias_add(tf.nn.depthwise_conv2d(x, tf.constant(kernel), [1, 1, 1, 1], "VALID"), offset)
