"""Wide ResNet: pre-activation residual blocks, fewer and several times as wide as in ResNet.

Zagoruyko, Komodakis: Wide Residual Networks, BMVC 2016, table 1.

    wrn_28_10   image 32x32x3 -> stem 32x32x16 -> stage1 32x32x160 -> stage2 16x16x320 -> stage3 8x8x640 -> classes
    wrn_16_8    ... 128, 256, 512 channels

WRN-d-k has depth d = 6n + 4 (n blocks a stage) and k times the 16, 32, 64 filters. Shortcuts are 1x1 convolutions
where the shape changes, which start after the block's first normalization and ReLU. `drop` is the paper's dropout
between the two convolutions of a block, 0 by default. No deviation.
"""

from __future__ import annotations

from .blocks import Head, Tensor, global_average_pool
from .preact_resnet import BASIC, convolution, residual_stages
from .registry import TORCHVISION, Variant, register
from .resnet import Blocks, stem
from .resnext import stages


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016 (arXiv 1605.07146)",
    year=2016,
    variants={
        # The paper's errors without dropout: 4.27 and 4.00 %.
        "wrn_16_8": Variant(
            depth=16,
            width=8,
            trainable_params=10_961_370,
            params=10_968_570,
            macs=1_548_145_664,
            published={"cifar10": 95.73},
        ),
        "wrn_28_10": Variant(
            depth=28,
            width=10,
            trainable_params=36_479_194,
            params=36_497_146,
            macs=5_243_328_768,
            published={"cifar10": 96.0},
        ),
    },
)
def wide_resnet(image: Tensor, top: Head, *, depth: int, width: int, drop: float = 0) -> Tensor:
    blocks = (depth - 4) // 6
    x = convolution(image, 16, 3, 1, "stem")
    x = residual_stages(x, BASIC, (16 * width, 32 * width, 64 * width), (blocks,) * 3, option="B", drop=drop)
    return top(x, global_average_pool)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016 (arXiv 1605.07146)",
    year=2016,
    variants={
        "wide_resnet50_2": Variant(
            blocks=(3, 4, 6, 3),
            width=2,
            trainable_params=68_883_240,
            params=68_951_464,
            macs=11_398_021_120,
            published={"imagenet": 78.47},
            source=TORCHVISION,
        ),
        "wide_resnet101_2": Variant(
            blocks=(3, 4, 23, 3),
            width=2,
            trainable_params=126_886_696,
            params=127_024_552,
            macs=22_753_050_624,
            published={"imagenet": 78.85},
            source=TORCHVISION,
        ),
    },
)
def wide_bottleneck_resnet(image: Tensor, top: Head, *, blocks: Blocks, width: int) -> Tensor:
    """ResNet for ImageNet whose 3x3 convolutions are `width` times as wide.

    Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016, section 3 (WRN-50-2-bottleneck).

        image 224x224x3 -> stem 112x112x64 -> 56x56 -> stage1 56x56x256 -> stage2 28x28x512 -> stage3 14x14x1024
              -> stage4 7x7x2048 -> mean -> 2048 -> classes

    The stride is on the 3x3, as in torchvision. No deviation.
    """
    return top(stages(stem(image, small_image=False), blocks, groups=1, width=64 * width), global_average_pool)
