"""ConvNeXt: a ResNet modernized with the design choices of vision transformers.

Liu, Mao, Wu, Feichtenhofer, Darrell, Xie: A ConvNet for the 2020s, CVPR 2022, table 9.

    convnext_tiny        image 224x224x3 -> stem 56x56x96 -> stage1 56x56x96 -> stage2 28x28x192 -> stage3 14x14x384
                         -> stage4 7x7x768 -> mean -> layer normalization -> 768 -> classes
    convnext_small, base, large, xlarge  27 blocks in stage3; 96, 128, 192, 256 channels in stage1
    convnext_tiny_cifar  image 32x32x3 -> stem 16x16x96 -> stage1 16x16x96 -> ... -> stage4 2x2x768 -> classes

A block is a depthwise 7x7, layer normalization (epsilon 1e-6), 1x1 to four times the channels, GELU, 1x1 back, and a
trainable scale per channel that starts at 1e-6 (Keras has no layer for it, so it is a depthwise 1x1 convolution). The
rate of stochastic depth grows over the blocks up to `drop`; the paper trains T, S, B and L with 0.1, 0.4, 0.5, 0.5. The
stem of `_cifar` has 2x2 patches. `width` multiplies all channels, for networks smaller than the paper's smallest; with
`width` 1 there is no deviation.
"""

from __future__ import annotations

from collections.abc import Callable

from ..environment import keras, layers
from .blocks import Head, Tensor, add, conv, depthwise_conv, drop_path, global_average_pool, name_stage
from .registry import KERAS, TORCHVISION, Variant, register

TINY, DEEPER = (3, 3, 9, 3), (3, 3, 27, 3)
INITIAL_SCALE = 1e-6


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Liu et al., A ConvNet for the 2020s, CVPR 2022 (arXiv 2201.03545)",
    year=2022,
    variants={
        "convnext_tiny": Variant(
            blocks=TINY,
            filters=96,
            patch=4,
            trainable_params=28_589_128,
            macs=4_455_531_264,
            published={"imagenet": 82.1},  # table 1
        ),
        "convnext_small": Variant(
            blocks=DEEPER,
            filters=96,
            patch=4,
            trainable_params=50_223_688,
            macs=8_683_712_256,
            published={"imagenet": 83.62},
            source=TORCHVISION,
        ),
        "convnext_base": Variant(
            blocks=DEEPER,
            filters=128,
            patch=4,
            trainable_params=88_591_464,
            macs=15_354_729_472,
            published={"imagenet": 84.06},
            source=TORCHVISION,
        ),
        "convnext_large": Variant(
            blocks=DEEPER,
            filters=192,
            patch=4,
            trainable_params=197_767_336,
            macs=34_361_433_600,
            published={"imagenet": 84.41},
            source=TORCHVISION,
        ),
        "convnext_xlarge": Variant(
            blocks=DEEPER,
            filters=256,
            patch=4,
            trainable_params=350_196_968,
            macs=60_921_030_656,
            published={"imagenet": 86.7},
            source=f"{KERAS}, trained on ImageNet-22k before",
        ),
        "convnext_tiny_cifar": Variant(
            blocks=TINY,
            filters=96,
            patch=2,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=27_824_362,
            macs=362_777_088,
        ),
    },
)
def convnext(
    image: Tensor,
    top: Head,
    *,
    blocks: tuple[int, ...],
    filters: int,
    patch: int,
    width: float = 1.0,
    drop: float = 0.1,
) -> Tensor:
    x = stages(image, blocks, int(width * filters), patch, block, drop)
    return top(x, lambda x: layer_norm(global_average_pool(x), name="end"))


def stages(
    image: Tensor, blocks: tuple[int, ...], filters: int, patch: int, block: Callable[..., Tensor], drop: float
) -> Tensor:
    """Stem and stages, also those of ConvNeXt V2: each stage halves the size and doubles the channels.

    `block` is block(x, rate=, name=), and the rate of stochastic depth grows over the blocks up to `drop`.
    """
    widths = [filters * 2**stage for stage in range(len(blocks))]
    x = layer_norm(conv(image, widths[0], patch, patch, padding="valid", name="stem"), name="stem")
    done = 0
    for stage, (count, channels) in enumerate(zip(blocks, widths, strict=True), start=1):
        if stage > 1:
            x = layer_norm(x, name=f"stage{stage}_downsample")
            x = conv(x, channels, 2, 2, padding="valid", name=f"stage{stage}_downsample")
        for number in range(1, count + 1):
            x = block(x, rate=drop * done / (sum(blocks) - 1), name=f"stage{stage}_block{number}")
            done += 1
        x = name_stage(x, stage)
    return x


def block(x: Tensor, rate: float, name: str) -> Tensor:
    """Depthwise convolution, two 1x1 convolutions, layer scale, and the sum with x. Same shape."""
    channels = x.shape[-1]
    branch = layer_norm(depthwise_conv(x, 7, use_bias=True, name=f"{name}_depthwise"), name=f"{name}_depthwise")
    branch = conv(branch, 4 * channels, 1, activation="gelu", name=f"{name}_conv1")
    branch = conv(branch, channels, 1, name=f"{name}_conv2")
    branch = layer_scale(branch, name=f"{name}_scale")
    return add([x, drop_path(branch, rate, f"{name}_drop_path")], f"{name}_add")


def layer_norm(x: Tensor, name: str) -> Tensor:
    """Layer normalization over the channels of each pixel. Same shape."""
    return layers.LayerNormalization(epsilon=1e-6, name=f"{name}_ln")(x)


def layer_scale(x: Tensor, name: str) -> Tensor:
    """One trainable factor per channel. Same shape."""
    start = keras.initializers.Constant(INITIAL_SCALE)
    return layers.DepthwiseConv2D(1, use_bias=False, depthwise_initializer=start, name=name)(x)
