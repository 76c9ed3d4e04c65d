"""The basic CNN: the network that a guide to convolutional networks draws.

Convolution and activation, pooling, convolution and activation, pooling, flattening, a dense layer, the output.

    image 28x28x1 -> conv1 28x28x32 -> pool1 14x14x32 -> conv2 14x14x64 -> pool2 7x7x64 -> 3136 -> 128 -> classes

`activation` is relu, leaky_relu, tanh or sigmoid; `pooling` is max or average. 421,642 parameters with ten classes.
It has no paper to deviate from: 3x3 kernels, twice the filters after each pooling and 128 dense units are what
introductions use.
"""

from __future__ import annotations

from .blocks import Head, Tensor, conv, dense, flatten, pool
from .registry import Variant, register


@register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="none: the network of introductory guides",
    year=2015,
    variants={"basic_cnn": Variant(trainable_params=421_642, macs=4_241_152)},
)
def basic_cnn(image: Tensor, top: Head, *, activation: str = "relu", pooling: str = "max") -> Tensor:
    x = conv(image, 32, 3, activation=activation, name="conv1")
    x = pool(x, pooling, name="pool1")
    x = conv(x, 64, 3, activation=activation, name="conv2")
    x = pool(x, pooling, name="pool2")
    return top(x, lambda x: dense(flatten(x), 128, activation=activation, name="dense1"))
