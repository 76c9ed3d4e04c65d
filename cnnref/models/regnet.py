"""RegNet: residual networks whose widths and depths follow a linear rule, X without and Y with squeeze-and-excitation.

Radosavovic, Kosaraju, Girshick, He, Dollár: Designing Network Design Spaces, CVPR 2020, tables 2 and 3.

    regnet_x_400mf  image 224x224x3 -> stem 112x112x32 -> stage1 56x56x32 -> stage2 28x28x64 -> stage3 14x14x160
                    -> stage4 7x7x400 -> mean -> 400 -> classes
    regnet_y_400mf  the same sizes with 48, 104, 208 and 440 channels and squeeze-and-excitation

A block is a 1x1, a 3x3 in groups of a fixed width, and a 1x1, none of which is narrower than its output. In Y the
weights of the channels come from a quarter of the block's input channels, between the 3x3 and the last 1x1. The rows
have the numbers of blocks, the channels and the width of a group, as torchvision computes them from the paper's rule.
No deviation.
"""

from __future__ import annotations

from typing import Any

from .blocks import Head, Tensor, conv_bn, global_average_pool, name_stage, squeeze_excite
from .registry import TORCHVISION, Variant, register
from .resnet import Blocks, add_relu, shortcut

#: No weights of the largest network were trained on ImageNet alone.
SWAG = "torchvision, weights IMAGENET1K_SWAG_LINEAR_V1"

Widths = tuple[int, int, int, int]


def _x(blocks: Blocks, widths: Widths, group: int, top1: float, **facts: Any) -> Variant:
    """A row of the paper's table 2."""
    return Variant(
        blocks=blocks,
        widths=widths,
        group=group,
        squeeze=False,
        published={"imagenet": top1},
        source=TORCHVISION,
        **facts,
    )


def _y(blocks: Blocks, widths: Widths, group: int, top1: float, source: str = TORCHVISION, **facts: Any) -> Variant:
    """A row of the paper's table 3."""
    return Variant(
        blocks=blocks, widths=widths, group=group, squeeze=True, published={"imagenet": top1}, source=source, **facts
    )


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Radosavovic et al., Designing Network Design Spaces, CVPR 2020 (arXiv 2003.13678)",
    year=2020,
    variants={
        "regnet_x_400mf": _x(
            (1, 2, 7, 12), (32, 64, 160, 400), 16, 72.83, trainable_params=5_495_976, params=5_533_832, macs=413_812_608
        ),
        "regnet_x_800mf": _x(
            (1, 3, 7, 5), (64, 128, 288, 672), 16, 75.21, trainable_params=7_259_656, params=7_296_968, macs=799_699_712
        ),
        "regnet_x_1_6gf": _x(
            (2, 4, 10, 2),
            (72, 168, 408, 912),
            24,
            77.04,
            trainable_params=9_190_136,
            params=9_233_640,
            macs=1_602_849_792,
        ),
        "regnet_x_3_2gf": _x(
            (2, 6, 15, 2),
            (96, 192, 432, 1008),
            48,
            78.36,
            trainable_params=15_296_552,
            params=15_359_112,
            macs=3_176_621_952,
        ),
        "regnet_x_8gf": _x(
            (2, 5, 15, 1),
            (80, 240, 720, 1920),
            120,
            79.34,
            trainable_params=39_572_648,
            params=39_663_112,
            macs=7_995_132_416,
        ),
        "regnet_x_16gf": _x(
            (2, 6, 13, 1),
            (256, 512, 896, 2048),
            128,
            80.06,
            trainable_params=54_278_536,
            params=54_389_704,
            macs=15_940_755_456,
        ),
        "regnet_x_32gf": _x(
            (2, 7, 13, 1),
            (336, 672, 1344, 2520),
            168,
            80.62,
            trainable_params=107_811_560,
            params=107_973_576,
            macs=31_735_929_792,
        ),
        "regnet_y_400mf": _y(
            (1, 3, 6, 6), (48, 104, 208, 440), 8, 74.05, trainable_params=4_344_144, params=4_371_296, macs=401_842_848
        ),
        "regnet_y_800mf": _y(
            (1, 3, 8, 2), (64, 144, 320, 784), 16, 76.42, trainable_params=6_432_512, params=6_462_944, macs=833_856_256
        ),
        "regnet_y_1_6gf": _y(
            (2, 6, 17, 2),
            (48, 120, 336, 888),
            24,
            77.95,
            trainable_params=11_202_430,
            params=11_255_102,
            macs=1_612_076_160,
        ),
        "regnet_y_3_2gf": _y(
            (2, 5, 13, 1),
            (72, 216, 576, 1512),
            24,
            78.95,
            trainable_params=19_436_338,
            params=19_502_498,
            macs=3_176_482_752,
        ),
        "regnet_y_8gf": _y(
            (2, 4, 10, 1),
            (224, 448, 896, 2016),
            56,
            80.03,
            trainable_params=39_381_472,
            params=39_468_000,
            macs=8_473_070_592,
        ),
        "regnet_y_16gf": _y(
            (2, 4, 11, 1),
            (224, 448, 1232, 3024),
            112,
            80.42,
            trainable_params=83_590_140,
            params=83_712_956,
            macs=15_911_510_272,
        ),
        "regnet_y_32gf": _y(
            (2, 5, 12, 1),
            (232, 696, 1392, 3712),
            232,
            80.88,
            trainable_params=145_046_770,
            params=145_205_058,
            macs=32_279_552_832,
        ),
        "regnet_y_128gf": _y(
            (2, 7, 17, 1),
            (528, 1056, 2904, 7392),
            264,
            86.07,
            SWAG,
            trainable_params=644_812_894,
            params=645_227_966,
            macs=127_517_815_680,
        ),
    },
)
def regnet(image: Tensor, top: Head, *, blocks: Blocks, widths: Widths, group: int, squeeze: bool) -> Tensor:
    x = conv_bn(image, 32, 3, 2, name="stem")
    for stage, (count, filters) in enumerate(zip(blocks, widths, strict=True), start=1):
        for number in range(1, count + 1):
            x = block(x, filters, 2 if number == 1 else 1, group, squeeze, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return top(x, global_average_pool)


def block(x: Tensor, filters: int, stride: int, group: int, squeeze: bool, name: str) -> Tensor:
    """1x1, 3x3 in groups of `group` channels (at most all), 1x1; a shortcut. [n, h, w, c] -> [n, h', w', filters]."""
    branch = conv_bn(x, filters, 1, name=f"{name}_conv1")
    branch = conv_bn(branch, filters, 3, stride, groups=filters // min(group, filters), name=f"{name}_conv2")
    if squeeze:
        branch = squeeze_excite(branch, round(x.shape[-1] / 4), name=f"{name}_se")
    branch = conv_bn(branch, filters, 1, activation=None, name=f"{name}_conv3")
    return add_relu(branch, shortcut(x, filters, stride, name), name)
