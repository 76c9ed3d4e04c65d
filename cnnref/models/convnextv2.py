"""ConvNeXt V2: ConvNeXt with global response normalization, in which channels compete, instead of a scale per channel.

Woo, Debnath, Hu, Chen, Liu, Kweon, Xie: ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders,
CVPR 2023, section 3.2 and appendix A.

    convnext_v2_atto   image 224x224x3 -> stem 56x56x40 -> stage1 56x56x40 -> stage2 28x28x80 -> stage3 14x14x160
                       -> stage4 7x7x320 -> mean -> layer normalization -> 320 -> classes
    femto ... huge     the same with more channels and blocks

The normalization follows GELU: x times the norm of its channel relative to the mean norm of all channels, with a
trainable scale and offset, plus x. Both start at 0; they are a depthwise 1x1 convolution here. No deviation.
"""

from __future__ import annotations

from typing import Any

from ..environment import layers, ops
from .blocks import Head, Tensor, add, conv, depthwise_conv, drop_path, global_average_pool, set_name
from .convnext import layer_norm, stages
from .registry import Variant, register

EPSILON = 1e-6


def _variant(blocks: tuple[int, ...], filters: int, top1: float, **facts: Any) -> Variant:
    """A row of the table: blocks in each stage, channels of the first, and top-1 after fine-tuning on ImageNet-1k."""
    return Variant(blocks=blocks, filters=filters, published={"imagenet": top1}, **facts)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Woo et al., ConvNeXt V2, CVPR 2023 (arXiv 2301.00808)",
    year=2023,
    variants={
        "convnext_v2_atto": _variant((2, 2, 6, 2), 40, 76.7, trainable_params=3_708_400, macs=547_332_480),
        "convnext_v2_femto": _variant((2, 2, 6, 2), 48, 78.5, trainable_params=5_233_240, macs=779_629_824),
        "convnext_v2_pico": _variant((2, 2, 6, 2), 64, 80.3, trainable_params=9_066_280, macs=1_367_055_360),
        "convnext_v2_nano": _variant((2, 2, 8, 2), 80, 81.9, trainable_params=15_623_800, macs=2_445_528_320),
        "convnext_v2_tiny": _variant((3, 3, 9, 3), 96, 83.0, trainable_params=28_635_496, macs=4_455_531_264),
        "convnext_v2_base": _variant((3, 3, 27, 3), 128, 84.9, trainable_params=88_717_800, macs=15_354_729_472),
        "convnext_v2_large": _variant((3, 3, 27, 3), 192, 85.8, trainable_params=197_956_840, macs=34_361_433_600),
        "convnext_v2_huge": _variant((3, 3, 27, 3), 352, 86.3, trainable_params=660_289_640, macs=114_922_100_480),
    },
)
def convnext_v2(
    image: Tensor, top: Head, *, blocks: tuple[int, ...], filters: int, width: float = 1.0, drop: float = 0.1
) -> Tensor:
    x = stages(image, blocks, int(width * filters), 4, block, drop)
    return top(x, lambda x: layer_norm(global_average_pool(x), name="end"))


def block(x: Tensor, rate: float, name: str) -> Tensor:
    """Depthwise convolution, two 1x1 convolutions around the normalization, and the sum with x. Same shape."""
    channels = x.shape[-1]
    branch = layer_norm(depthwise_conv(x, 7, use_bias=True, name=f"{name}_depthwise"), name=f"{name}_depthwise")
    branch = conv(branch, 4 * channels, 1, activation="gelu", name=f"{name}_conv1")
    branch = response_norm(branch, name=f"{name}_grn")
    branch = conv(branch, channels, 1, name=f"{name}_conv2")
    return add([x, drop_path(branch, rate, f"{name}_drop_path")], f"{name}_add")


def response_norm(x: Tensor, name: str) -> Tensor:
    """Global response normalization. Same shape.

    The root of the mean square takes the place of the norm: the number of pixels cancels in the relation, except for
    epsilon, which is divided by its root.
    """
    height, width = x.shape[1:3]
    squares = set_name(ops.square(x), f"{name}_square")
    means = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_means")(squares)
    norms = set_name(ops.power(means, 0.5), f"{name}_norms")
    usual = set_name(ops.mean(norms, axis=-1, keepdims=True), f"{name}_usual")
    usual = set_name(ops.add(usual, EPSILON / (height * width) ** 0.5), f"{name}_epsilon")
    relative = set_name(ops.multiply(x, set_name(ops.divide(norms, usual), f"{name}_relative")), f"{name}_scaled")
    # Scale and offset start at 0, so that a new block has no response normalization.
    trained = layers.DepthwiseConv2D(1, depthwise_initializer="zeros", name=name)(relative)
    return add([x, trained], f"{name}_add")
