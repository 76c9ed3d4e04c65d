"""MobileNet v4, the convolutional networks: blocks in which each of two depthwise convolutions may be left out.

Qin et al.: MobileNetV4: Universal Models for the Mobile Ecosystem, ECCV 2024, tables 11 and 12.

    mobilenet_v4_conv_small   image 224x224x3 -> stem 112x112x32 -> stage1 56x56x32 -> stage2 28x28x64
                              -> stage3 14x14x96 -> stage4 7x7x128 -> end 7x7x960 -> mean -> 960 -> 1280 -> classes
    mobilenet_v4_conv_medium  image 256x256x3 -> stem 128x128x32 -> stage1 64x64x48 -> stage2 32x32x80
                              -> stage3 16x16x160 -> stage4 8x8x256 -> end 8x8x960 -> mean -> 960 -> 1280 -> classes

A block ("universal inverted bottleneck") is a depthwise convolution, a 1x1 that expands, a depthwise convolution and a
1x1 that projects; 0 in the table leaves a depthwise convolution out. The stride is on the second one. The paper's small
network begins with plain convolutions, the medium one with a fused block. No deviation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..environment import layers
from .blocks import (
    Head,
    Tensor,
    add,
    conv_bn,
    depthwise_bn,
    dropout,
    flatten,
    name_stage,
)
from .efficientnet import Blocks, Stage, fused_residual
from .registry import Variant, register

PAPER = "table 5 of the paper"


class Block(NamedTuple):
    """A row of the paper's tables: windows of the depthwise convolutions before and after the expansion, or 0."""

    before: int
    after: int
    expansion: float
    filters: int
    stride: int = 1


class Plain(NamedTuple):
    """A convolution with normalization and ReLU."""

    kernel: int
    filters: int
    stride: int


Row = Block | Plain | Stage

SMALL: tuple[tuple[Row, ...], ...] = (
    (Plain(3, 32, 2), Plain(1, 32, 1)),
    (Plain(3, 96, 2), Plain(1, 64, 1)),
    (Block(5, 5, 3, 96, 2), *[Block(0, 3, 2, 96)] * 4, Block(3, 0, 4, 96)),
    (
        Block(3, 3, 6, 128, 2),
        Block(5, 5, 4, 128),
        Block(0, 5, 4, 128),
        Block(0, 5, 3, 128),
        *[Block(0, 3, 4, 128)] * 2,
    ),
)
MEDIUM: tuple[tuple[Row, ...], ...] = (
    (Stage(4, 3, 48, 1, 2, fused=True),),
    (Block(3, 5, 4, 80, 2), Block(3, 3, 2, 80)),
    (
        Block(3, 5, 6, 160, 2),
        *[Block(3, 3, 4, 160)] * 2,
        Block(3, 5, 4, 160),
        Block(3, 3, 4, 160),
        Block(3, 0, 4, 160),
        Block(0, 0, 2, 160),
        Block(3, 0, 4, 160),
    ),
    (
        Block(5, 5, 6, 256, 2),
        Block(5, 5, 4, 256),
        *[Block(3, 5, 4, 256)] * 2,
        Block(0, 0, 4, 256),
        Block(3, 0, 4, 256),
        Block(3, 5, 2, 256),
        Block(5, 5, 4, 256),
        *[Block(0, 0, 4, 256)] * 2,
        Block(5, 0, 2, 256),
    ),
)


def _variant(stages: tuple[tuple[Row, ...], ...], size: int, top1: float, **facts: Any) -> Variant:
    return Variant(stages=stages, input_shape=(size, size, 3), published={"imagenet": top1}, source=PAPER, **facts)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Qin et al., MobileNetV4, ECCV 2024 (arXiv 2404.10518)",
    year=2024,
    phone=True,
    variants={
        "mobilenet_v4_conv_small": _variant(
            SMALL, 224, 73.8, trainable_params=3_774_024, params=3_799_112, macs=186_005_568
        ),
        "mobilenet_v4_conv_medium": _variant(
            MEDIUM, 256, 79.9, trainable_params=9_715_512, params=9_783_416, macs=1_080_244_224
        ),
    },
)
def mobilenet_v4(image: Tensor, top: Head, *, stages: tuple[tuple[Row, ...], ...]) -> Tensor:
    x = conv_bn(image, 32, 3, 2, name="stem")
    for place, rows in enumerate(stages, start=1):
        for number, row in enumerate(rows, start=1):
            name = f"stage{place}_block{number}"
            if isinstance(row, Plain):
                x = conv_bn(x, row.filters, row.kernel, row.stride, name=f"{name}_conv")
            elif isinstance(row, Stage):
                x = fused_residual(x, row, Blocks("relu", False, "same", survival=1.0), 0, name)
            else:
                x = universal_block(x, row, name)
        x = name_stage(x, place)
    x = conv_bn(x, 960, 1, name="end")
    return top(x, to_vector)


def to_vector(x: Tensor) -> Tensor:
    """The mean of each map, and a 1x1 convolution of these means. [n, h, w, 960] -> [n, 1280]."""
    means = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    return dropout(flatten(conv_bn(means, 1280, 1, name="head")), 0.2)


def universal_block(x: Tensor, row: Block, name: str) -> Tensor:
    """A universal inverted bottleneck; plus x where the shape is the same. [n, h, w, c] -> [n, h', w', filters]."""
    branch, channels = x, x.shape[-1]
    if row.before:
        stride = 1 if row.after else row.stride
        branch = depthwise_bn(branch, row.before, stride, name=f"{name}_before")
    branch = conv_bn(branch, int(row.expansion * channels), 1, name=f"{name}_expand")
    if row.after:
        branch = depthwise_bn(branch, row.after, row.stride, activation="relu", name=f"{name}_depthwise")
    branch = conv_bn(branch, row.filters, 1, activation=None, name=f"{name}_project")
    return add([x, branch], f"{name}_add") if row.stride == 1 and channels == row.filters else branch
