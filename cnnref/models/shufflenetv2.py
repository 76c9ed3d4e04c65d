"""ShuffleNet v2: half of the channels pass unchanged, the other half is convolved, and the two are shuffled.

Ma, Zhang, Zheng, Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018, table 5.

    shufflenet_v2_x1_0        image 224x224x3 -> stem 112x112x24 -> 56x56 -> stage1 28x28x116 -> stage2 14x14x232
                              -> stage3 7x7x464 -> end 7x7x1024 -> mean -> 1024 -> classes
    shufflenet_v2_x0_5, x1_5, x2_0  the same with other widths of the stages, and in x2_0 an end of 2048 channels
    shufflenet_v2_x1_0_cifar  image 32x32x3 -> stem 32x32x24 -> stage1 16x16x116 -> stage2 8x8x232 -> stage3 4x4x464
                              -> end 4x4x1024 -> mean -> 1024 -> classes

The stages are the paper's 2, 3 and 4. `_cifar` has a stem of stride 1 without pooling. No deviation.
"""

from __future__ import annotations

from .blocks import (
    Head,
    Tensor,
    channel_shuffle,
    concatenate,
    conv_bn,
    depthwise_bn,
    global_average_pool,
    name_stage,
    pool,
    set_name,
)
from .registry import TORCHVISION, Variant, register


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Ma et al., ShuffleNet V2, ECCV 2018 (arXiv 1807.11164)",
    year=2018,
    phone=True,
    variants={
        "shufflenet_v2_x1_0": Variant(
            widths=(116, 232, 464),
            end=1024,
            small_image=False,
            trainable_params=2_278_604,
            params=2_294_784,
            macs=144_907_992,
            published={"imagenet": 69.4},  # table 8: 30.6 % error
        ),
        "shufflenet_v2_x0_5": Variant(
            widths=(48, 96, 192),
            end=1024,
            small_image=False,
            trainable_params=1_366_792,
            params=1_374_744,
            macs=40_476_448,
            published={"imagenet": 60.55},
            source=TORCHVISION,
        ),
        "shufflenet_v2_x1_5": Variant(
            widths=(176, 352, 704),
            end=1024,
            small_image=False,
            trainable_params=3_503_624,
            params=3_527_064,
            macs=295_759_392,
            published={"imagenet": 73.0},
            source=TORCHVISION,
        ),
        "shufflenet_v2_x2_0": Variant(
            widths=(244, 488, 976),
            end=2048,
            small_image=False,
            trainable_params=7_393_996,
            params=7_427_712,
            macs=583_253_464,
            published={"imagenet": 76.23},
            source=TORCHVISION,
        ),
        "shufflenet_v2_x1_0_cifar": Variant(
            widths=(116, 232, 464),
            end=1024,
            small_image=True,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=1_263_854,
            params=1_280_034,
            macs=45_002_112,
        ),
    },
)
def shufflenet_v2(image: Tensor, top: Head, *, widths: tuple[int, ...], end: int, small_image: bool) -> Tensor:
    x = conv_bn(image, 24, 3, 1 if small_image else 2, name="stem")
    if not small_image:
        x = pool(x, "max", 3, 2, padding=1, name="stem_pool")
    for stage, (filters, count) in enumerate(zip(widths, (4, 8, 4), strict=True), start=1):
        x = downsampling_unit(x, filters, name=f"stage{stage}_block1")
        for number in range(2, count + 1):
            x = unit(x, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    x = conv_bn(x, end, 1, name="end")
    return top(x, global_average_pool)


def unit(x: Tensor, name: str) -> Tensor:
    """The first half of the channels unchanged, the second half convolved. Same shape."""
    half = x.shape[-1] // 2
    kept = set_name(x[..., :half], f"{name}_kept")
    branch = right_branch(set_name(x[..., half:], f"{name}_split"), half, 1, name)
    return channel_shuffle(concatenate([kept, branch], f"{name}_concat"), 2, f"{name}_shuffle")


def downsampling_unit(x: Tensor, filters: int, name: str) -> Tensor:
    """Both branches read all channels and halve the size. [n, h, w, c] -> [n, h/2, w/2, filters]."""
    left = depthwise_bn(x, 3, 2, name=f"{name}_left_depthwise")
    left = conv_bn(left, filters // 2, 1, name=f"{name}_left_conv")
    right = right_branch(x, filters // 2, 2, name)
    return channel_shuffle(concatenate([left, right], f"{name}_concat"), 2, f"{name}_shuffle")


def right_branch(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """1x1, depthwise 3x3, 1x1. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    x = conv_bn(x, filters, 1, name=f"{name}_conv1")
    x = depthwise_bn(x, 3, stride, name=f"{name}_depthwise")
    return conv_bn(x, filters, 1, name=f"{name}_conv2")
