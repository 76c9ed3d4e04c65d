"""EfficientNet-B0 to B7: inverted residuals with squeeze-and-excitation and swish, found by architecture search.

Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, table 1.

    efficientnet_b0        image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x24
                           -> stage3 28x28x40 -> stage4 14x14x80 -> stage5 14x14x112 -> stage6 7x7x192
                           -> stage7 7x7x320 -> end 7x7x1280 -> mean -> 1280 -> classes
    efficientnet_b1 ... 7  the same with all channels times `width` and all blocks times `depth`
    efficientnet_b0_cifar  image 32x32x3 -> the same with stride 1 in stem and stage2 -> 4x4x1280 -> classes

Squeeze-and-excitation reduces to a quarter of the block's input channels. The rate of stochastic depth grows over the
blocks up to 1 - `survival`. `padding` is "same", as torchvision has it, or "tensorflow", as the authors' network and
keras.applications have it. Batch normalization has the epsilon 1e-5 that torchvision has up to B4. (For B2 torchvision
evaluates with images of 288x288; the authors and keras.applications have 260x260.) No other deviation.

The stages and blocks are also those of EfficientNet-Lite, EfficientNetV2 and MNASNet, in their files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .blocks import (
    Head,
    Padding,
    Tensor,
    add,
    conv_bn,
    depthwise_bn,
    drop_path,
    dropout,
    global_average_pool,
    multiple_of_eight,
    name_stage,
    squeeze_excite,
    strides_for_small_images,
)
from .registry import TORCHVISION, Variant, register


class Stage(NamedTuple):
    """A row of the papers' tables.

    `stride` is that of the first block. `fused` blocks have a full convolution instead of the 1x1 expansion and the
    depthwise convolution, and no squeeze-and-excitation.
    """

    expansion: int
    kernel: int
    filters: int
    blocks: int
    stride: int
    fused: bool = False


class Blocks(NamedTuple):
    """What all blocks of a network have in common: `squeeze` says whether they have squeeze-and-excitation."""

    activation: str
    squeeze: bool
    padding: Padding
    survival: float


STAGES = (
    Stage(1, 3, 16, 1, 1),
    Stage(6, 3, 24, 2, 2),
    Stage(6, 5, 40, 2, 2),
    Stage(6, 3, 80, 3, 2),
    Stage(6, 5, 112, 3, 1),
    Stage(6, 5, 192, 4, 2),
    Stage(6, 3, 320, 1, 1),
)


def _variant(size: int, width: float, depth: float, drop: float, top1: float, **facts: Any) -> Variant:
    """A row of the table: image size, the two multipliers, the rate of dropout, and torchvision's top-1."""
    return Variant(
        small_image=False,
        width=width,
        depth=depth,
        dropout_rate=drop,
        input_shape=(size, size, 3),
        published={"imagenet": top1},
        source=TORCHVISION,
        **facts,
    )


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Tan and Le, EfficientNet, ICML 2019 (arXiv 1905.11946)",
    year=2019,
    variants={
        "efficientnet_b0": Variant(
            small_image=False,
            width=1.0,
            depth=1.0,
            dropout_rate=0.2,
            trainable_params=5_288_548,
            params=5_330_564,
            macs=385_814_752,
            published={"imagenet": 77.1},  # table 2
        ),
        "efficientnet_b1": _variant(
            240, 1.0, 1.1, 0.2, 78.64, trainable_params=7_794_184, params=7_856_232, macs=686_802_832
        ),
        "efficientnet_b2": _variant(
            288, 1.1, 1.2, 0.3, 80.61, trainable_params=9_109_994, params=9_177_562, macs=1_087_529_456
        ),
        "efficientnet_b3": _variant(
            300, 1.2, 1.4, 0.3, 82.01, trainable_params=12_233_232, params=12_320_528, macs=1_827_141_392
        ),
        "efficientnet_b4": _variant(
            380, 1.4, 1.8, 0.4, 83.38, trainable_params=19_341_616, params=19_466_816, macs=4_393_771_024
        ),
        "efficientnet_b5": _variant(
            456, 1.6, 2.2, 0.4, 83.44, trainable_params=30_389_784, params=30_562_520, macs=10_266_384_752
        ),
        "efficientnet_b6": _variant(
            528, 1.8, 2.6, 0.5, 84.01, trainable_params=43_040_704, params=43_265_136, macs=19_067_593_536
        ),
        "efficientnet_b7": _variant(
            600, 2.0, 3.1, 0.5, 84.12, trainable_params=66_347_960, params=66_658_680, macs=37_745_884_192
        ),
        "efficientnet_b0_cifar": Variant(
            small_image=True,
            width=1.0,
            depth=1.0,
            dropout_rate=0.2,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=4_020_358,
            params=4_062_374,
            macs=116_167_168,
        ),
    },
)
def efficientnet(
    image: Tensor,
    top: Head,
    *,
    small_image: bool,
    width: float,
    depth: float,
    dropout_rate: float,
    padding: Padding = "same",
    survival: float = 0.8,
) -> Tensor:
    stages = scaled(STAGES, width, depth)
    strides = [2, *(stage.stride for stage in stages)]
    strides = strides_for_small_images(strides) if small_image else strides
    stages = [stage._replace(stride=stride) for stage, stride in zip(stages, strides[1:], strict=True)]
    x = conv_bn(image, multiple_of_eight(32 * width), 3, strides[0], padding=padding, activation="swish", name="stem")
    x = inverted_stages(x, stages, Blocks("swish", True, padding, survival))
    x = conv_bn(x, multiple_of_eight(1280 * width), 1, activation="swish", name="end")
    return top(x, lambda x: dropout(global_average_pool(x), dropout_rate))


def scaled(
    stages: Sequence[Stage], width: float, depth: float, *, least: float = 0.9, fixed: Sequence[int] = ()
) -> list[Stage]:
    """The stages with more channels and blocks; the stages at the places `fixed` keep their number of blocks.

    `least` is that of `multiple_of_eight`.
    """
    return [
        stage._replace(
            filters=multiple_of_eight(stage.filters * width, least),
            blocks=stage.blocks if place in fixed else math.ceil(stage.blocks * depth),
        )
        for place, stage in enumerate(stages)
    ]


def inverted_stages(x: Tensor, stages: Sequence[Stage], like: Blocks) -> Tensor:
    """The stages between stem and end. [n, h, w, c] -> [n, h', w', last filters]."""
    blocks = sum(stage.blocks for stage in stages)
    done = 0
    for place, stage in enumerate(stages, start=1):
        for number in range(1, stage.blocks + 1):
            block = fused_residual if stage.fused else inverted_residual
            drop = (1 - like.survival) * done / blocks
            x = block(
                x, stage._replace(stride=stage.stride if number == 1 else 1), like, drop, f"stage{place}_block{number}"
            )
            done += 1
        x = name_stage(x, place)
    return x


def inverted_residual(x: Tensor, stage: Stage, like: Blocks, drop: float, name: str) -> Tensor:
    """Expand, depthwise convolution, squeeze-and-excitation, project; the sum with x if the shape is the same.

    [n, h, w, c] -> [n, h', w', filters].
    """
    branch, channels = x, x.shape[-1]
    if stage.expansion > 1:
        branch = conv_bn(x, stage.expansion * channels, 1, activation=like.activation, name=f"{name}_expand")
    branch = depthwise_bn(
        branch,
        stage.kernel,
        stage.stride,
        padding=like.padding,
        activation=like.activation,
        name=f"{name}_depthwise",
    )
    if like.squeeze:
        branch = squeeze_excite(branch, channels // 4, activation=like.activation, name=f"{name}_se")
    branch = conv_bn(branch, stage.filters, 1, activation=None, name=f"{name}_project")
    return _sum(x, branch, stage, drop, name)


def fused_residual(x: Tensor, stage: Stage, like: Blocks, drop: float, name: str) -> Tensor:
    """A convolution that expands, and a 1x1 that projects; without expansion one convolution with an activation.

    The sum with x if the shape is the same. [n, h, w, c] -> [n, h', w', filters].
    """
    kernel, stride, activation = stage.kernel, stage.stride, like.activation
    if stage.expansion > 1:
        expanded = stage.expansion * x.shape[-1]
        branch = conv_bn(
            x, expanded, kernel, stride, padding=like.padding, activation=activation, name=f"{name}_expand"
        )
        branch = conv_bn(branch, stage.filters, 1, activation=None, name=f"{name}_project")
    else:
        branch = conv_bn(
            x, stage.filters, kernel, stride, padding=like.padding, activation=activation, name=f"{name}_project"
        )
    return _sum(x, branch, stage, drop, name)


def _sum(x: Tensor, branch: Tensor, stage: Stage, drop: float, name: str) -> Tensor:
    if stage.stride > 1 or x.shape[-1] != stage.filters:
        return branch
    return add([x, drop_path(branch, drop, f"{name}_drop_path")], f"{name}_add")
