"""VGG: 3x3 convolutions only, in five stages; each stage ends in 2x2 max pooling and the next has twice the filters.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, table 1.

    image 224x224x3 -> stage1 112x112x64 -> stage2 56x56x128 -> stage3 28x28x256 -> stage4 14x14x512
          -> stage5 7x7x512 -> 25088 -> 4096 -> 4096 -> classes
    vgg16_bn_cifar  image 32x32x3 -> 16x16x64 -> 8x8x128 -> 4x4x256 -> 2x2x512 -> 1x1x512 -> classes

vgg11, 13, 16, 19 are the paper's columns A, B, D, E. `_bn` has batch normalization after every convolution (added
after the paper, as in torchvision; the convolutions keep their bias). `_bn_cifar` are the networks that CIFAR
experiments call VGG: the same convolutions with batch normalization and one dense layer. Deviation: initial
weights are those of He et al., 2015; the paper initializes the deep networks with layers of the trained shallow one.
"""

from __future__ import annotations

from .alexnets import two_hidden_layers
from .blocks import HE, Head, Tensor, activate, batch_norm, conv, flatten, name_stage, pool
from .registry import Variant, register

Convs = tuple[int, int, int, int, int]

#: Convolutions in each stage: the columns of table 1.
A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


def paper_row(convs: Convs, params: int, macs: int, top1: float) -> Variant:
    """A row of the table for a network of the paper, with the accuracy of table 3 for one scale at test time."""
    return Variant(
        convs=convs,
        batch_norms=False,
        hidden=True,
        trainable_params=params,
        macs=macs,
        published={"imagenet": top1},
        source="table 3: one scale",
    )


def torchvision_row(convs: Convs, trainable: int, params: int, macs: int, top1: float) -> Variant:
    """A row of the table for a network with batch normalization and torchvision's accuracy."""
    return Variant(
        convs=convs,
        batch_norms=True,
        hidden=True,
        trainable_params=trainable,
        params=params,
        macs=macs,
        published={"imagenet": top1},
        source="torchvision, weights IMAGENET1K_V1",
    )


def cifar_row(convs: Convs, trainable: int, params: int, macs: int) -> Variant:
    """A row of the table for 32x32 images and ten classes."""
    return Variant(
        convs=convs,
        batch_norms=True,
        hidden=False,
        input_shape=(32, 32, 3),
        classes=10,
        trainable_params=trainable,
        params=params,
        macs=macs,
    )


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv 1409.1556)",
    year=2014,
    variants={
        "vgg11": paper_row(A, 132_863_336, 7_609_090_048, 70.4),
        "vgg13": paper_row(B, 133_047_848, 11_308_466_176, 71.3),
        "vgg16": paper_row(D, 138_357_544, 15_470_264_320, 74.4),
        "vgg19": paper_row(E, 143_667_240, 19_632_062_464, 74.5),
        "vgg11_bn": torchvision_row(A, 132_868_840, 132_874_344, 7_609_090_048, 70.37),
        "vgg13_bn": torchvision_row(B, 133_053_736, 133_059_624, 11_308_466_176, 71.59),
        "vgg16_bn": torchvision_row(D, 138_365_992, 138_374_440, 15_470_264_320, 73.36),
        "vgg19_bn": torchvision_row(E, 143_678_248, 143_689_256, 19_632_062_464, 74.22),
        "vgg11_bn_cifar": cifar_row(A, 9_231_114, 9_236_618, 152_769_536),
        "vgg13_bn_cifar": cifar_row(B, 9_416_010, 9_421_898, 228_267_008),
        "vgg16_bn_cifar": cifar_row(D, 14_728_266, 14_736_714, 313_201_664),
        "vgg19_bn_cifar": cifar_row(E, 20_040_522, 20_051_530, 398_136_320),
    },
)
def vgg(image: Tensor, top: Head, *, convs: Convs, batch_norms: bool, hidden: bool) -> Tensor:
    x = image
    for stage, (layers, filters) in enumerate(zip(convs, (64, 128, 256, 512, 512), strict=True), start=1):
        for layer in range(1, layers + 1):
            name = f"stage{stage}_conv{layer}"
            x = conv(x, filters, 3, initializer=HE, name=name)
            x = batch_norm(x, activation="relu", name=name) if batch_norms else activate(x, "relu", name)
        x = name_stage(pool(x, "max", name=f"stage{stage}_pool"), stage)
    return top(x, two_hidden_layers if hidden else flatten)
