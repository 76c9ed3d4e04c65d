"""AlexNet: the network that won ImageNet 2012. Five convolutions, three max poolings, three dense layers.

Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012, section 3.
Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997, 2014 (the single tower).

    alexnet_2012   image 227x227x3 -> conv1 55x55x96 -> 27x27 -> conv2 27x27x256 -> 13x13 -> conv3 13x13x384
                   -> conv4 13x13x384 -> conv5 13x13x256 -> 6x6x256 -> 9216 -> 4096 -> 4096 -> classes
    alexnet        image 224x224x3 -> 55x55x64 -> 27x27x192 -> 13x13x384 -> 13x13x256 -> 13x13x256 -> the same end
    alexnet_cifar  image 32x32x3 -> 32x32x64 -> 15x15x192 -> 7x7x384 -> 7x7x256 -> 7x7x256 -> 3x3x256 -> 2304 -> ...

`alexnet_2012` has the paper's two towers: conv2, conv4 and conv5 have two groups, each on half of the channels, and
local response normalization follows conv1 and conv2 (size 5, alpha 1e-4, beta 0.75, k 2). The paper states an input
of 224x224, from which 55x55 does not follow; 227x227 does. `alexnet` is torchvision's network of that name: one
tower, no normalization. `alexnet_cifar` has a 5x5 stem of stride 1. Deviation: initial weights are those of
He et al., 2015.
"""

from __future__ import annotations

from typing import Any

from .blocks import HE, Head, Padding, Tensor, conv, dense, dropout, flatten, local_response_norm, pool
from .registry import Variant, register

ONE_TOWER: dict[str, Any] = {"widths": (64, 192, 384, 256, 256), "groups": 1, "normalized": False}
TWO_TOWERS: dict[str, Any] = {"widths": (96, 256, 384, 384, 256), "groups": 2, "normalized": True}


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012",
    year=2012,
    variants={
        "alexnet": Variant(
            **ONE_TOWER,
            stem=(11, 4, 2),
            trainable_params=61_100_840,
            macs=714_188_480,
            published={"imagenet": 56.52},
            source="torchvision, weights IMAGENET1K_V1",
        ),
        "alexnet_2012": Variant(
            **TWO_TOWERS,
            stem=(11, 4, "valid"),
            input_shape=(227, 227, 3),
            trainable_params=60_965_224,
            macs=724_406_816,
            published={"imagenet": 59.3},
            source="table 2: one network, ten views",
        ),
        "alexnet_cifar": Variant(
            **ONE_TOWER,
            stem=(5, 1, "same"),
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=28_714_826,
            macs=205_058_048,
        ),
    },
)
def alexnet(
    image: Tensor,
    top: Head,
    *,
    widths: tuple[int, ...],
    stem: tuple[int, int, Padding],
    groups: int,
    normalized: bool,
) -> Tensor:
    def convolution(x: Tensor, layer: int, kernel: int, groups: int = 1) -> Tensor:
        name = f"conv{layer}"
        return conv(x, widths[layer - 1], kernel, groups=groups, initializer=HE, activation="relu", name=name)

    def normalize(x: Tensor, layer: int) -> Tensor:
        if not normalized:
            return x
        return local_response_norm(x, size=5, alpha=1e-4, beta=0.75, bias=2.0, name=f"lrn{layer}")

    kernel, stride, padding = stem
    x = conv(image, widths[0], kernel, stride, padding=padding, initializer=HE, activation="relu", name="conv1")
    x = pool(normalize(x, 1), "max", 3, 2, name="pool1")
    x = convolution(x, 2, 5, groups)
    x = pool(normalize(x, 2), "max", 3, 2, name="pool2")
    x = convolution(x, 3, 3)
    x = convolution(x, 4, 3, groups)
    x = convolution(x, 5, 3, groups)
    x = pool(x, "max", 3, 2, name="pool5")
    return top(x, two_hidden_layers)


def two_hidden_layers(features: Tensor) -> Tensor:
    """The dense layers of AlexNet, ZFNet and VGG: 4096 units twice, each with dropout. [n, h, w, c] -> [n, 4096]."""
    x = flatten(features)
    for layer in (6, 7):
        x = dense(x, 4096, activation="relu", initializer=HE, name=f"dense{layer}")
        x = dropout(x, 0.5, name=f"dropout{layer}")
    return x
