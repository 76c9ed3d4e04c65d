"""ResNeXt: ResNet whose 3x3 convolutions are split into parallel groups ("cardinality").

Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017, tables 1 and 7.

    resnext50_32x4d        as ResNet-50, with the 3x3 twice as wide and in 32 groups
    resnext101_32x8d       as ResNet-101, with the 3x3 four times as wide and in 32 groups
    resnext101_64x4d       as ResNet-101, with the 3x3 four times as wide and in 64 groups
    resnext29_8x64d        image 32x32x3 -> stem 32x32x64 -> stage1 32x32x256 -> stage2 16x16x512 -> stage3 8x8x1024
                           -> mean -> 1024 -> classes
    resnext50_32x4d_cifar  image 32x32x3 -> stem 32x32x64 -> stage1 32x32x256 -> ... -> stage4 4x4x2048 -> classes

"8x64d": 8 groups, each 64 channels wide in the first stage and twice that in each following one. The stride is on
the 3x3. Shortcuts are 1x1 convolutions where the shape changes. No deviation.
"""

from __future__ import annotations

from functools import partial

from .blocks import Head, Tensor, global_average_pool, name_stage
from .registry import TORCHVISION, Variant, register
from .resnet import bottleneck
from .resnet import stem as resnet_stem


def stages(x: Tensor, blocks: tuple[int, ...], groups: int, width: int) -> Tensor:
    """Stages of bottlenecks in `groups` groups; a group is `width` channels wide in the first stage."""
    block = partial(bottleneck, groups=groups, width=groups * width / 64)
    for stage, count in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = block(x, 32 * 2**stage, stride, f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return x


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Xie et al., Aggregated Residual Transformations, CVPR 2017 (arXiv 1611.05431)",
    year=2016,
    variants={
        "resnext50_32x4d": Variant(
            stem="imagenet",
            blocks=(3, 4, 6, 3),
            groups=32,
            width=4,
            trainable_params=25_028_904,
            params=25_097_128,
            macs=4_230_479_872,
            published={"imagenet": 77.8},  # table 3: 22.2 % error
        ),
        "resnext101_32x8d": Variant(
            stem="imagenet",
            blocks=(3, 4, 23, 3),
            groups=32,
            width=8,
            trainable_params=88_791_336,
            params=88_994_216,
            macs=16_414_015_488,
            published={"imagenet": 79.31},
            source=TORCHVISION,
        ),
        "resnext101_64x4d": Variant(
            stem="imagenet",
            blocks=(3, 4, 23, 3),
            groups=64,
            width=4,
            trainable_params=83_455_272,
            params=83_658_152,
            macs=15_460_270_080,
            published={"imagenet": 83.25},
            source=TORCHVISION,
        ),
        "resnext50_32x4d_cifar": Variant(
            stem="cifar",
            blocks=(3, 4, 6, 3),
            groups=32,
            width=4,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=22_992_714,
            params=23_060_938,
            macs=1_343_967_232,
        ),
        "resnext29_8x64d": Variant(
            stem="cifar",
            blocks=(3, 3, 3),
            groups=8,
            width=64,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=34_426_698,
            params=34_484_170,
            macs=5_387_266_048,
            published={"cifar10": 96.35},  # table 7: 3.65 % error
        ),
    },
)
def resnext(image: Tensor, top: Head, *, stem: str, blocks: tuple[int, ...], groups: int, width: int) -> Tensor:
    x = resnet_stem(image, small_image=stem == "cifar")
    return top(stages(x, blocks, groups, width), global_average_pool)
