"""ResNet for ImageNet: a 7x7 stem, four stages of residual blocks, global pooling, one dense layer.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, table 1.

    resnet18, 34    image 224x224x3 -> stem 112x112x64 -> 56x56 -> stage1 56x56x64 -> stage2 28x28x128
                    -> stage3 14x14x256 -> stage4 7x7x512 -> mean -> 512 -> classes
    resnet50 ...    the same sizes with 256, 512, 1024 and 2048 channels -> 2048 -> classes
    resnet18_cifar  image 32x32x3 -> stem 32x32x64 -> stage1 32x32x64 -> ... -> stage4 4x4x512 -> 512 -> classes

Shortcuts are the paper's option B: a 1x1 convolution where the shape changes. resnet50, 101 and 152 are the
version called v1.5, as in torchvision: the stride is on the 3x3 convolution of a bottleneck. In the paper it is on the
first 1x1; that is `_v1`, with the same parameters and 6 % fewer multiply-accumulates at depth 50. `_cifar` has a 3x3
stem of stride 1 without pooling, as is usual in the CIFAR literature. No other deviation.
"""

from __future__ import annotations

from collections.abc import Callable

from .blocks import Head, Tensor, activate, add, conv_bn, global_average_pool, name_stage, pool, squeeze_excite
from .registry import TORCHVISION, Variant, register

Block = Callable[..., Tensor]
Blocks = tuple[int, int, int, int]


def basic_block(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Two 3x3 convolutions and a shortcut. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    branch = conv_bn(x, filters, 3, stride, name=f"{name}_conv1")
    branch = conv_bn(branch, filters, 3, activation=None, name=f"{name}_conv2")
    return add_relu(branch, shortcut(x, filters, stride, name), name)


def bottleneck(
    x: Tensor,
    filters: int,
    stride: int,
    name: str,
    *,
    stride_first: bool = False,
    groups: int = 1,
    width: float = 1,
    squeeze: int = 0,
) -> Tensor:
    """1x1 to `width * filters`, 3x3, 1x1 to 4 * filters, and a shortcut. [n, h, w, c] -> [n, h/s, w/s, 4 * filters].

    With `squeeze`, squeeze-and-excitation follows that reduces the channels by this factor.
    """
    inner = int(width * filters)
    first, second = (stride, 1) if stride_first else (1, stride)
    branch = conv_bn(x, inner, 1, first, name=f"{name}_conv1")
    branch = conv_bn(branch, inner, 3, second, groups=groups, name=f"{name}_conv2")
    branch = conv_bn(branch, 4 * filters, 1, activation=None, name=f"{name}_conv3")
    if squeeze:
        branch = squeeze_excite(branch, 4 * filters // squeeze, name=f"{name}_se")
    return add_relu(branch, shortcut(x, 4 * filters, stride, name), name)


def bottleneck_v1(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """The paper's bottleneck: the stride is on the first 1x1 convolution."""
    return bottleneck(x, filters, stride, name, stride_first=True)


def shortcut(x: Tensor, channels: int, stride: int, name: str) -> Tensor:
    """x itself, or a 1x1 convolution where the shape changes."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    return conv_bn(x, channels, 1, stride, activation=None, name=f"{name}_shortcut")


def add_relu(branch: Tensor, shortcut: Tensor, name: str) -> Tensor:
    """The ReLU of the sum of two tensors of the same shape."""
    return activate(add([branch, shortcut], f"{name}_add"), "relu", name)


def stem(image: Tensor, small_image: bool) -> Tensor:
    """The stem for ImageNet, which quarters height and width; for small images a 3x3 convolution without pooling."""
    if small_image:
        return conv_bn(image, 64, 3, name="stem")
    x = conv_bn(image, 64, 7, 2, name="stem")
    return pool(x, "max", 3, 2, padding=1, name="stem_pool")


AUTHORS = "the authors' repository KaimingHe/deep-residual-networks, one view"


def imagenet(
    block: Block, blocks: Blocks, trainable: int, params: int, macs: int, top1: float, source: str = TORCHVISION
) -> Variant:
    """A row of the table for 224x224 images and 1,000 classes."""
    return Variant(
        block=block,
        blocks=blocks,
        small_image=False,
        trainable_params=trainable,
        params=params,
        macs=macs,
        published={"imagenet": top1},
        source=source,
    )


def cifar(block: Block, blocks: Blocks, trainable: int, params: int, macs: int) -> Variant:
    """A row of the table for 32x32 images and ten classes."""
    return Variant(
        block=block,
        blocks=blocks,
        small_image=True,
        input_shape=(32, 32, 3),
        classes=10,
        trainable_params=trainable,
        params=params,
        macs=macs,
    )


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385)",
    year=2015,
    variants={
        "resnet18": imagenet(basic_block, (2, 2, 2, 2), 11_689_512, 11_699_112, 1_814_073_344, 69.76),
        "resnet34": imagenet(basic_block, (3, 4, 6, 3), 21_797_672, 21_814_696, 3_663_761_408, 73.31),
        "resnet50": imagenet(bottleneck, (3, 4, 6, 3), 25_557_032, 25_610_152, 4_089_184_256, 76.13),
        "resnet101": imagenet(bottleneck, (3, 4, 23, 3), 44_549_160, 44_654_504, 7_801_405_440, 77.37),
        "resnet152": imagenet(bottleneck, (3, 8, 36, 3), 60_192_808, 60_344_232, 11_513_626_624, 78.31),
        "resnet50_v1": imagenet(bottleneck_v1, (3, 4, 6, 3), 25_557_032, 25_610_152, 3_857_973_248, 75.3, AUTHORS),
        "resnet101_v1": imagenet(bottleneck_v1, (3, 4, 23, 3), 44_549_160, 44_654_504, 7_570_194_432, 76.4, AUTHORS),
        "resnet152_v1": imagenet(bottleneck_v1, (3, 8, 36, 3), 60_192_808, 60_344_232, 11_282_415_616, 77.0, AUTHORS),
        "resnet18_cifar": cifar(basic_block, (2, 2, 2, 2), 11_173_962, 11_183_562, 555_422_720),
        "resnet34_cifar": cifar(basic_block, (3, 4, 6, 3), 21_282_122, 21_299_146, 1_159_402_496),
        "resnet50_cifar": cifar(bottleneck, (3, 4, 6, 3), 23_520_842, 23_573_962, 1_297_829_888),
    },
)
def resnet(image: Tensor, top: Head, *, block: Block, blocks: Blocks, small_image: bool) -> Tensor:
    x = stem(image, small_image)
    for stage, (count, filters) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True), start=1):
        for number in range(1, count + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = block(x, filters, stride, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return top(x, global_average_pool)
