"""CIFAR residual networks: those of He et al., and the smaller ResNet-8 of MLPerf Tiny for microcontrollers."""

from __future__ import annotations

from ..environment import ops
from .blocks import HE, Head, Tensor, batch_norm, conv, conv_bn, global_average_pool, name_stage, set_name
from .registry import Variant, register
from .resnet import add_relu


def residual_block(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Two 3x3 convolutions and a shortcut. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    branch = conv_bn(x, filters, 3, stride, name=f"{name}_conv1")
    branch = conv_bn(branch, filters, 3, activation=None, name=f"{name}_conv2")
    return add_relu(branch, subsample_and_pad(x, filters, stride, name), name)


def subsample_and_pad(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Option A: keep every `stride`-th pixel, and add channels of zeros before and after the channels of x."""
    if stride > 1:
        x = set_name(x[:, ::stride, ::stride], f"{name}_subsample")
    missing = filters - x.shape[-1]
    if missing == 0:
        return x
    sides = [(0, 0), (0, 0), (0, 0), (missing // 2, missing - missing // 2)]
    return set_name(ops.pad(x, sides), f"{name}_pad_channels")


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
    """CIFAR residual networks: a 3x3 stem, three stages of n blocks, global pooling, one dense layer.

    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.

        image 32x32x3 -> stem 32x32x16 -> stage1 32x32x16 -> stage2 16x16x32 -> stage3 8x8x64 -> mean -> 64 -> classes

    The depth is 6n + 2. Shortcuts are the paper's option A: where the shape changes, they keep every second pixel and
    add zeros for the new channels, half of them on each side, so shortcuts have no weights. No deviation.
    """
    x = conv_bn(image, 16, 3, name="stem")
    for stage, filters in enumerate((16, 32, 64), start=1):
        for number in range(1, blocks + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = residual_block(x, filters, stride, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return top(x, global_average_pool)


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="Banbury et al., MLPerf Tiny Benchmark, NeurIPS 2021 (arXiv 2106.07597)",
    year=2021,
    variants={
        "resnet8": Variant(
            trainable_params=78_186,
            params=78_666,
            macs=12_501_632,
            published={"cifar10": 87.2},
            source="the MLPerf Tiny reference model, float32",
        )
    },
)
def resnet8(image: Tensor, top: Head) -> Tensor:
    """ResNet-8 of MLPerf Tiny: three residual blocks, small enough for a microcontroller.

    Banbury et al.: MLPerf Tiny Benchmark, NeurIPS 2021 (arXiv 2106.07597), image classification, reference model.

        image 32x32x3 -> stem 32x32x16 -> stage1 32x32x16 -> stage2 16x16x32 -> stage3 8x8x64 -> mean -> 64 -> classes

    Deviations from He et al. are those of the reference model: convolutions have a bias in addition to the batch
    normalization (epsilon 1e-3), shortcuts are 1x1 convolutions with a bias and without normalization, and padding is
    TensorFlow's.
    """
    x = biased_conv_bn(image, 16, 3, 1, "relu", "stem")
    for stage, (filters, stride) in enumerate(((16, 1), (32, 2), (64, 2)), start=1):
        name = f"stage{stage}_block1"
        branch = biased_conv_bn(x, filters, 3, stride, "relu", f"{name}_conv1")
        branch = biased_conv_bn(branch, filters, 3, 1, None, f"{name}_conv2")
        if stride > 1:
            x = conv(x, filters, 1, stride, padding="tensorflow", initializer=HE, name=f"{name}_shortcut")
        x = name_stage(add_relu(branch, x, name), stage)
    return top(x, global_average_pool)


def biased_conv_bn(x: Tensor, filters: int, kernel: int, stride: int, activation: str | None, name: str) -> Tensor:
    """Convolution with bias, batch normalization, activation. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    x = conv(x, filters, kernel, stride, padding="tensorflow", initializer=HE, name=name)
    return batch_norm(x, epsilon=1e-3, activation=activation, name=name)
