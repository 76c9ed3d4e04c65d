"""GhostNet: half of each layer's maps are computed by a cheap depthwise convolution of the other half ("ghosts").

Han, Wang, Tian, Guo, Xu, Xu: GhostNet: More Features from Cheap Operations, CVPR 2020, table 1.

    image 224x224x3 -> stem 112x112x16 -> block1 112x112x16 -> block3 56x56x24 -> block5 28x28x40 -> block9 14x14x80
          -> block11 14x14x112 -> block16 7x7x160 -> end 7x7x960 -> mean -> 960 -> 1280 -> classes

A ghost module computes half of its filters with a 1x1 convolution and the others with a depthwise 3x3 of these.
Squeeze-and-excitation reduces to a quarter of the expanded channels and has a hard sigmoid. The shortcut of a block
that changes the shape is a depthwise convolution and a 1x1. No deviation.
"""

from __future__ import annotations

from typing import NamedTuple

from .blocks import (
    Head,
    Tensor,
    add,
    concatenate,
    conv_bn,
    dense,
    depthwise_bn,
    dropout,
    global_average_pool,
    squeeze_excite,
)
from .registry import Variant, register


class Row(NamedTuple):
    """A row of the paper's table 1."""

    kernel: int
    expanded: int
    filters: int
    squeezed: bool = False
    stride: int = 1


ROWS = (
    Row(3, 16, 16),
    Row(3, 48, 24, stride=2),
    Row(3, 72, 24),
    Row(5, 72, 40, squeezed=True, stride=2),
    Row(5, 120, 40, squeezed=True),
    Row(3, 240, 80, stride=2),
    Row(3, 200, 80),
    Row(3, 184, 80),
    Row(3, 184, 80),
    Row(3, 480, 112, squeezed=True),
    Row(3, 672, 112, squeezed=True),
    Row(5, 672, 160, squeezed=True, stride=2),
    Row(5, 960, 160),
    Row(5, 960, 160, squeezed=True),
    Row(5, 960, 160),
    Row(5, 960, 160, squeezed=True),
)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Han et al., GhostNet, CVPR 2020 (arXiv 1911.11907)",
    year=2019,
    phone=True,
    variants={
        "ghostnet_1_0": Variant(
            rows=ROWS,
            trainable_params=5_182_508,
            params=5_204_476,
            macs=141_150_512,
            published={"imagenet": 73.9},  # table 7: 1.0x
        ),
    },
)
def ghostnet(image: Tensor, top: Head, *, rows: tuple[Row, ...]) -> Tensor:
    x = conv_bn(image, 16, 3, 2, name="stem")
    for number, row in enumerate(rows, start=1):
        x = bottleneck(x, row, name=f"block{number}")
    x = conv_bn(x, 960, 1, name="end")
    return top(x, to_vector)


def to_vector(x: Tensor) -> Tensor:
    """The mean of each map, and a dense layer. [n, h, w, 960] -> [n, 1280]."""
    return dropout(dense(global_average_pool(x), 1280, activation="relu", name="dense"), 0.2)


def bottleneck(x: Tensor, row: Row, name: str) -> Tensor:
    """Ghost module, depthwise convolution where the stride is 2, squeeze-and-excitation, ghost module; a shortcut."""
    branch = ghost_module(x, row.expanded, "relu", f"{name}_ghost1")
    if row.stride > 1:
        branch = depthwise_bn(branch, row.kernel, row.stride, name=f"{name}_depthwise")
    if row.squeezed:
        reduced = (row.expanded // 4 + 2) // 4 * 4  # the nearest multiple of 4
        branch = squeeze_excite(branch, reduced, gate="hard_sigmoid", name=f"{name}_se")
    branch = ghost_module(branch, row.filters, None, f"{name}_ghost2")
    return add([shortcut(x, row, f"{name}_shortcut"), branch], name)


def ghost_module(x: Tensor, filters: int, activation: str | None, name: str) -> Tensor:
    """Half of the filters from a 1x1, the others from a depthwise 3x3 of these. [n, h, w, c] -> [n, h, w, filters]."""
    primary = conv_bn(x, filters // 2, 1, activation=activation, name=f"{name}_primary")
    ghosts = depthwise_bn(primary, 3, activation=activation, name=f"{name}_cheap")
    return concatenate([primary, ghosts], name)


def shortcut(x: Tensor, row: Row, name: str) -> Tensor:
    """x itself, or a depthwise convolution and a 1x1 where the shape changes."""
    if row.stride == 1 and x.shape[-1] == row.filters:
        return x
    x = depthwise_bn(x, row.kernel, row.stride, name=f"{name}1")
    return conv_bn(x, row.filters, 1, activation=None, name=f"{name}2")
