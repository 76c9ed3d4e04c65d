"""DenseNet: every layer of a block reads the feature maps of all layers before it.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, CVPR 2017, table 1 and section 3.

    densenet121         image 224x224x3 -> stem 112x112x64 -> 56x56 -> block1 56x56x256 -> 28x28x128
                        -> block2 28x28x512 -> 14x14x256 -> block3 14x14x1024 -> 7x7x512 -> block4 7x7x1024 -> classes
    densenet161, 169, 201  the same with more layers in blocks 3 and 4, and in 161 a growth rate of 48
    densenet_bc_100_12  image 32x32x3 -> stem 32x32x24 -> block1 32x32x216 -> 16x16x108 -> block2 16x16x300
                        -> 8x8x150 -> block3 8x8x342 -> classes
    densenet121_cifar   image 32x32x3 -> stem 32x32x64 -> ... -> block4 4x4x1024 -> classes

A layer is normalization, ReLU, 1x1 to four times the growth rate, normalization, ReLU, 3x3 to the growth rate
("B"); between blocks a 1x1 convolution halves the channels ("C") and 2x2 average pooling the size. `drop` is the
paper's dropout after each convolution of a block, 0 by default. No deviation.
"""

from __future__ import annotations

from .blocks import (
    HE,
    Head,
    Tensor,
    batch_norm,
    concatenate,
    conv,
    conv_bn,
    dropout,
    global_average_pool,
    name_stage,
    pool,
)
from .registry import TORCHVISION, Variant, register


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Huang et al., Densely Connected Convolutional Networks, CVPR 2017 (arXiv 1608.06993)",
    year=2016,
    variants={
        "densenet121": Variant(
            blocks=(6, 12, 24, 16),
            growth=32,
            stem="imagenet",
            trainable_params=7_978_856,
            params=8_062_504,
            macs=2_834_161_664,
            published={"imagenet": 74.98},  # table 3: 25.02 % error
        ),
        "densenet161": Variant(
            blocks=(6, 12, 36, 24),
            growth=48,
            stem="imagenet",
            trainable_params=28_681_000,
            params=28_900_936,
            macs=7_727_907_072,
            published={"imagenet": 77.14},
            source=TORCHVISION,
        ),
        "densenet169": Variant(
            blocks=(6, 12, 32, 32),
            growth=32,
            stem="imagenet",
            trainable_params=14_149_480,
            params=14_307_880,
            macs=3_359_843_328,
            published={"imagenet": 75.6},
            source=TORCHVISION,
        ),
        "densenet201": Variant(
            blocks=(6, 12, 48, 32),
            growth=32,
            stem="imagenet",
            trainable_params=20_013_928,
            params=20_242_984,
            macs=4_291_365_888,
            published={"imagenet": 76.9},
            source=TORCHVISION,
        ),
        "densenet121_cifar": Variant(
            blocks=(6, 12, 24, 16),
            growth=32,
            stem="cifar",
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=6_956_426,
            params=7_040_074,
            macs=888_350_720,
        ),
        "densenet_bc_100_12": Variant(
            blocks=(16, 16, 16),
            growth=12,
            stem="plain",
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=769_162,
            params=793_150,
            macs=287_929_692,
            published={"cifar10": 95.49},  # table 2: 4.51 % error with mirroring and shifting
        ),
    },
)
def densenet(image: Tensor, top: Head, *, blocks: tuple[int, ...], growth: int, stem: str, drop: float = 0) -> Tensor:
    if stem == "imagenet":
        x = conv_bn(image, 2 * growth, 7, 2, name="stem")
        x = pool(x, "max", 3, 2, padding=1, name="stem_pool")
    elif stem == "cifar":
        x = conv_bn(image, 2 * growth, 3, name="stem")
    else:
        x = convolution(image, 2 * growth, 3, name="stem")
    for block, count in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            x = dense_layer(x, growth, drop, name=f"block{block}_layer{number}")
        x = name_stage(x, block)
        if block < len(blocks):
            x = transition(x, drop, name=f"transition{block}")
    return top(batch_norm(x, activation="relu", name="end"), global_average_pool)


def dense_layer(x: Tensor, growth: int, drop: float, name: str) -> Tensor:
    """Concatenate `growth` new feature maps to x. [n, h, w, c] -> [n, h, w, c + growth]."""
    new = batch_norm(x, activation="relu", name=f"{name}_preact")
    new = optional_dropout(convolution(new, 4 * growth, 1, name=f"{name}_conv1"), drop, f"{name}_dropout1")
    new = batch_norm(new, activation="relu", name=f"{name}_conv1")
    new = optional_dropout(convolution(new, growth, 3, name=f"{name}_conv2"), drop, f"{name}_dropout2")
    return concatenate([x, new], name=f"{name}_concat")


def transition(x: Tensor, drop: float, name: str) -> Tensor:
    """Halve the number of channels and the size. [n, h, w, c] -> [n, h/2, w/2, c/2]."""
    x = batch_norm(x, activation="relu", name=f"{name}_preact")
    x = optional_dropout(convolution(x, x.shape[-1] // 2, 1, name=f"{name}_conv"), drop, f"{name}_dropout")
    return pool(x, "average", name=f"{name}_pool")


def convolution(x: Tensor, filters: int, kernel: int, name: str) -> Tensor:
    """A convolution without bias. [n, h, w, c] -> [n, h, w, filters]."""
    return conv(x, filters, kernel, use_bias=False, initializer=HE, name=name)


def optional_dropout(x: Tensor, rate: float, name: str) -> Tensor:
    """Dropout; no layer where the rate is 0."""
    return dropout(x, rate, name) if rate else x
