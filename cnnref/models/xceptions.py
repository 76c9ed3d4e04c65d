"""Xception: residual blocks of separable convolutions.

Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017, figure 5.

    image 299x299x3 -> block1 147x147x64 -> block2 74x74x128 -> block3 37x37x256 -> block4 19x19x728
          -> block5 to 12 19x19x728 -> block13 10x10x1024 -> block14 10x10x2048 -> mean -> 2048 -> classes

A separable convolution is a depthwise 3x3 and a 1x1 with nothing between them. `padding` concerns the max poolings:
"same", as timm has it, or "tensorflow", as the author's network and keras.applications have it; at 299x299 one of four
poolings differs. No deviation.
"""

from __future__ import annotations

from ..environment import layers
from .blocks import (
    Head,
    Padding,
    Tensor,
    activate,
    add,
    check_fits,
    conv_bn,
    depthwise_conv,
    global_average_pool,
    max_pool_repeating_edges,
)
from .registry import KERAS, Variant, register

EPSILON = 1e-3

#: The filters of the separable convolutions in the blocks that halve the size.
ENTRY = {"block2": (128, 128), "block3": (256, 256), "block4": (728, 728)}
EXIT = (728, 1024)


@register(
    input_shape=(299, 299, 3),
    classes=1000,
    paper="Chollet, Xception, CVPR 2017 (arXiv 1610.02357)",
    year=2016,
    variants={
        "xception": Variant(
            trainable_params=22_855_952,
            params=22_910_480,
            macs=8_357_403_496,
            published={"imagenet": 79.0},
            source=KERAS,
        ),
    },
)
def xception(image: Tensor, top: Head, *, padding: Padding = "tensorflow") -> Tensor:
    x = conv_bn(image, 32, 3, 2, padding="valid", epsilon=EPSILON, name="block1_conv1")
    x = conv_bn(x, 64, 3, padding="valid", epsilon=EPSILON, name="block1_conv2")
    for name, filters in ENTRY.items():
        x = halving_block(x, filters, padding, name)
    for number in range(5, 13):
        x = add([separable_convolutions(x, (728, 728, 728), f"block{number}"), x], f"block{number}")
    x = halving_block(x, EXIT, padding, "block13")
    for number, widest in enumerate((1536, 2048), start=1):
        x = activate(separable(x, widest, f"block14_sepconv{number}"), "relu", f"block14_sepconv{number}")
    return top(x, global_average_pool)


def halving_block(x: Tensor, filters: tuple[int, int], padding: Padding, name: str) -> Tensor:
    """Separable convolutions and max pooling, plus a 1x1 convolution of stride 2. [n, h, w, c] -> [n, h/2, w/2, c']."""
    shortcut = conv_bn(x, filters[-1], 1, 2, epsilon=EPSILON, activation=None, name=f"{name}_shortcut")
    x = separable_convolutions(x, filters, name)
    if padding == "tensorflow":
        check_fits(x, 1, 2, 0, f"{name}_pool")
        x = layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(x)
    else:
        x = max_pool_repeating_edges(x, 3, 2, 1, name=f"{name}_pool")
    return add([x, shortcut], name)


def separable_convolutions(x: Tensor, filters: tuple[int, ...], name: str) -> Tensor:
    """ReLU and a separable convolution, several times; the image's first block has no ReLU at its start."""
    for number, count in enumerate(filters, start=1):
        if (name, number) != ("block2", 1):  # block1 ends with one
            x = activate(x, "relu", f"{name}_sepconv{number}_before")
        x = separable(x, count, f"{name}_sepconv{number}")
    return x


def separable(x: Tensor, filters: int, name: str) -> Tensor:
    """Depthwise 3x3, 1x1, batch normalization. [n, h, w, c] -> [n, h, w, filters]."""
    x = depthwise_conv(x, 3, name=f"{name}_depthwise")
    return conv_bn(x, filters, 1, epsilon=EPSILON, activation=None, name=name)
