"""CIFAR residual networks: a 3x3 stem, three stages of n blocks, global pooling, one dense layer.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.

    image 32x32x3 -> stem 32x32x16 -> stage1 32x32x16 -> stage2 16x16x32 -> stage3 8x8x64 -> mean -> 64 -> classes

Depth 6n + 2. Shortcuts are the paper's option A: where the shape changes, every second pixel, and zeros for the new
channels, half of them on each side; no weight sits on a shortcut. No deviation.
"""

from __future__ import annotations

from ..environment import ops
from .blocks import Head, Tensor, conv_bn, global_average_pool, named, stage_end
from .registry import Variant, register
from .resnet import joined


def residual_block(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Two 3x3 convolutions and a shortcut. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    branch = conv_bn(x, filters, 3, stride, name=f"{name}_conv1")
    branch = conv_bn(branch, filters, 3, activation=None, name=f"{name}_conv2")
    return joined(branch, subsample_and_pad(x, filters, stride, name), name)


def subsample_and_pad(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Option A: keep every `stride`-th pixel, and put zeros in front of and behind the channels."""
    if stride > 1:
        x = named(x[:, ::stride, ::stride], f"{name}_subsample")
    missing = filters - x.shape[-1]
    if missing == 0:
        return x
    sides = [(0, 0), (0, 0), (0, 0), (missing // 2, missing - missing // 2)]
    return named(ops.pad(x, sides), f"{name}_pad_channels")


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385)",
    year=2015,
    variants={
        # Table 6.
        "resnet20": Variant(
            blocks=3, trainable_params=269_722, params=271_098, macs=40_551_040, published={"cifar10": 91.25}
        ),
        "resnet32": Variant(
            blocks=5, trainable_params=464_154, params=466_426, macs=68_862_592, published={"cifar10": 92.49}
        ),
        "resnet44": Variant(
            blocks=7, trainable_params=658_586, params=661_754, macs=97_174_144, published={"cifar10": 92.83}
        ),
        "resnet56": Variant(
            blocks=9, trainable_params=853_018, params=857_082, macs=125_485_696, published={"cifar10": 93.03}
        ),
        "resnet110": Variant(
            blocks=18, trainable_params=1_727_962, params=1_736_058, macs=252_887_680, published={"cifar10": 93.57}
        ),
    },
)
def cifar_resnet(image: Tensor, top: Head, *, blocks: int) -> Tensor:
    x = conv_bn(image, 16, 3, name="stem")
    for stage, filters in enumerate((16, 32, 64), start=1):
        for number in range(1, blocks + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = residual_block(x, filters, stride, name=f"stage{stage}_block{number}")
        x = stage_end(x, stage)
    return top(x, global_average_pool)
