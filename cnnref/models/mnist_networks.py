"""Two networks for MNIST that no paper describes: the basic CNN of introductory guides, and a modern small CNN."""

from __future__ import annotations

from ..errors import InputError
from .blocks import Head, Tensor, conv, conv_bn, dense, flatten, global_average_pool, name_stage, pool
from .registry import Variant, register


@register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="none: the network of introductory guides",
    year=2015,
    variants={"basic_cnn": Variant(trainable_params=421_642, macs=4_241_152)},
)
def basic_cnn(image: Tensor, top: Head, *, activation: str = "relu", pooling: str = "max") -> Tensor:
    """The basic CNN: the network that a guide to convolutional networks draws.

    It has a convolution with its activation, pooling, a second convolution with its activation, pooling, flattening, a
    dense layer and the output.

        image 28x28x1 -> conv1 28x28x32 -> pool1 14x14x32 -> conv2 14x14x64 -> pool2 7x7x64 -> 3136 -> 128 -> classes

    `activation` is relu, leaky_relu, tanh or sigmoid; `pooling` is max or average. It has 421,642 parameters with ten
    classes. There is no paper to deviate from: 3x3 kernels, twice as many filters after each pooling and 128 dense
    units are what introductions use.
    """
    x = conv(image, 32, 3, activation=activation, name="conv1")
    x = pool(x, pooling, name="pool1")
    x = conv(x, 64, 3, activation=activation, name="conv2")
    x = pool(x, pooling, name="pool2")
    return top(x, lambda x: dense(flatten(x), 128, activation=activation, name="dense1"))


@register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="none: VGG's stages with the normalization of ResNet",
    year=2015,
    variants={"mnist_cnn": Variant(trainable_params=288_170, params=289_066, macs=29_128_448)},
)
def mnist_cnn(image: Tensor, top: Head, *, widths: tuple[int, int, int] = (32, 64, 128)) -> Tensor:
    """A small CNN for MNIST as one would build it today: three stages of two 3x3 convolutions each.

        image 28x28x1 -> stage1 28x28x32 -> stage2 14x14x64 -> stage3 7x7x128 -> mean -> 128 -> classes

    Batch normalization and ReLU follow every convolution, 2x2 max pooling lies between the stages, and the classifier
    is the only dense layer. `widths` are the filters of the stages. There is no paper to deviate from: the convolutions
    are VGG's, normalization and initial weights those of ResNet.
    """
    if len(widths) != 3 or min(widths) < 1:
        raise InputError(f"widths is {widths}; give the filters of the three stages, each at least 1.")
    x = image
    for stage, filters in enumerate(widths, start=1):
        if stage > 1:
            x = pool(x, "max", name=f"stage{stage}_pool")
        for layer in (1, 2):
            x = conv_bn(x, filters, 3, name=f"stage{stage}_conv{layer}")
        x = name_stage(x, stage)
    return top(x, global_average_pool)
