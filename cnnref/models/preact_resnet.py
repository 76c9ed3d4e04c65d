"""Pre-activation ResNet: normalization and ReLU come before each convolution, and the sum of a block has no activation.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, ECCV 2016, figure 1b and section 5.

    preact_resnet110   image 32x32x3 -> stem 32x32x16 -> stage1 32x32x16 -> stage2 16x16x32 -> stage3 8x8x64 -> classes
    preact_resnet164   the same with bottlenecks: stages of 64, 128 and 256 channels
    resnet50_v2        image 224x224x3 -> stem 112x112x64 -> 56x56 -> stages of ResNet-50 -> 7x7x2048 -> classes
    resnet50_v2_cifar  image 32x32x3 -> stem 32x32x64 -> stages of ResNet-50 -> 4x4x2048 -> classes

Where the shape changes, the shortcut starts after the block's first normalization and ReLU. It is the CIFAR ResNet's
option A in preact_resnet110 and a 1x1 convolution elsewhere. The stem has neither normalization nor ReLU; a last
normalization and ReLU end the network. resnet50_v2 has its strides on the 3x3 convolutions. (keras.applications'
ResNet50V2 is a different network, with strides in the last block of a stage, and 19,008 biases.) No deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .blocks import (
    HE,
    Head,
    Tensor,
    add,
    batch_norm,
    conv,
    dropout,
    global_average_pool,
    max_pool_repeating_edges,
    name_stage,
)
from .cifar_resnet import subsample_and_pad
from .registry import Variant, register

#: Filters (as a multiple of the stage's) and kernel of each convolution of a block.
BASIC = ((1, 3), (1, 3))
BOTTLENECK = ((1, 1), (1, 3), (4, 1))

CIFAR: dict[str, Any] = {
    "input_shape": (32, 32, 3),
    "classes": 10,
    "stem": "cifar",
    "widths": (16, 32, 64),
    "blocks": (18, 18, 18),
}
RESNET50: dict[str, Any] = {"plan": BOTTLENECK, "widths": (64, 128, 256, 512), "blocks": (3, 4, 6, 3), "option": "B"}


def residual_block(
    x: Tensor, plan: Sequence[tuple[int, int]], filters: int, stride: int, *, option: str, drop: float = 0, name: str
) -> Tensor:
    """A pre-activation block; its first 3x3 convolution has the stride. [n, h, w, c] -> [n, h/stride, w/stride, c']."""
    active = branch = batch_norm(x, activation="relu", name=f"{name}_preact")
    steps = {next(place for place, (_, kernel) in enumerate(plan) if kernel == 3): stride}
    for place, (times, kernel) in enumerate(plan):
        if place:
            branch = batch_norm(branch, activation="relu", name=f"{name}_conv{place}")
            branch = dropout(branch, drop, name=f"{name}_dropout{place}") if drop else branch
        branch = convolution(branch, times * filters, kernel, steps.get(place, 1), f"{name}_conv{place + 1}")
    return add([branch, shortcut(x, active, branch.shape[-1], stride, option, name)], name)


def shortcut(x: Tensor, active: Tensor, channels: int, stride: int, option: str, name: str) -> Tensor:
    """x itself; where the shape changes, a projection of `active`: x after the block's normalization and ReLU."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    if option == "A":
        return subsample_and_pad(active, channels, stride, name)
    return convolution(active, channels, 1, stride, f"{name}_shortcut")


def convolution(x: Tensor, filters: int, kernel: int, stride: int, name: str) -> Tensor:
    """A convolution without bias. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    return conv(x, filters, kernel, stride, use_bias=False, initializer=HE, name=name)


def residual_stages(
    x: Tensor,
    plan: Sequence[tuple[int, int]],
    widths: Sequence[int],
    blocks: Sequence[int],
    *,
    option: str,
    drop: float = 0,
) -> Tensor:
    """All stages, followed by the normalization and ReLU that end the network."""
    for stage, (filters, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        for number in range(1, count + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name = f"stage{stage}_block{number}"
            x = residual_block(x, plan, filters, stride, option=option, drop=drop, name=name)
        x = name_stage(x, stage)
    return batch_norm(x, activation="relu", name="end")


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="He et al., Identity Mappings in Deep Residual Networks, ECCV 2016 (arXiv 1603.05027)",
    year=2016,
    variants={
        "preact_resnet110": Variant(
            plan=BASIC,
            option="A",
            **CIFAR,
            trainable_params=1_727_962,
            params=1_736_058,
            macs=252_887_680,
            published={"cifar10": 93.63},  # table 3: 6.37 % error
        ),
        "preact_resnet164": Variant(
            plan=BOTTLENECK,
            option="B",
            **CIFAR,
            trainable_params=1_703_258,
            params=1_727_482,
            macs=247_646_720,
            published={"cifar10": 94.54},  # table 3: 5.46 % error
        ),
        "resnet50_v2": Variant(
            **RESNET50, stem="imagenet", trainable_params=25_549_352, params=25_594_792, macs=4_089_184_256
        ),
        "resnet50_v2_cifar": Variant(
            **RESNET50,
            stem="cifar",
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=23_513_162,
            params=23_558_602,
            macs=1_297_829_888,
        ),
    },
)
def preact_resnet(
    image: Tensor,
    top: Head,
    *,
    plan: Sequence[tuple[int, int]],
    widths: Sequence[int],
    blocks: Sequence[int],
    stem: str,
    option: str,
) -> Tensor:
    if stem == "cifar":
        x = convolution(image, widths[0], 3, 1, "stem")
    else:
        x = convolution(image, widths[0], 7, 2, "stem")
        x = max_pool_repeating_edges(x, 3, 2, margin=1, name="stem_pool")
    return top(residual_stages(x, plan, widths, blocks, option=option), global_average_pool)
