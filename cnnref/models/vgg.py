"""VGG: 3x3 convolutions only, in five stages; each stage ends in 2x2 max pooling and the next has twice the filters.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, table 1.

    image 224x224x3 -> stage1 112x112x64 -> stage2 56x56x128 -> stage3 28x28x256 -> stage4 14x14x512
          -> stage5 7x7x512 -> 25088 -> 4096 -> 4096 -> classes
    vgg16_bn_cifar  image 32x32x3 -> 16x16x64 -> 8x8x128 -> 4x4x256 -> 2x2x512 -> 1x1x512 -> classes

vgg11, 13, 16, 19 are the paper's columns A, B, D, E. `_bn` puts batch normalization behind every convolution (after
the paper, as torchvision does it; the convolutions keep their bias). `_bn_cifar` are the networks that CIFAR
experiments call VGG: the same convolutions with batch normalization and one dense layer. Deviation: weights start
as He et al. say; the paper had to train the deep ones from the shallow one.
"""

from __future__ import annotations

from .alexnets import two_hidden_layers
from .blocks import HE, Head, Tensor, activate, batch_norm, conv, flatten, pool, stage_end
from .registry import Variant, register

Convs = tuple[int, int, int, int, int]

#: Convolutions in each stage: the columns of table 1.
A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


def plain(convs: Convs, params: int, macs: int, top1: float) -> Variant:
    """A row of the paper's: all parameters are trainable. Accuracy: table 3, one scale at test time."""
    return Variant(
        convs=convs,
        batch_norms=False,
        hidden=True,
        trainable_params=params,
        macs=macs,
        published={"imagenet": top1},
        source="table 3: one scale",
    )


def normalized(convs: Convs, trainable: int, params: int, macs: int, top1: float) -> Variant:
    """A row with batch normalization."""
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


def cifar(convs: Convs, trainable: int, params: int, macs: int) -> Variant:
    """A row for 32x32 images and ten classes."""
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
        "vgg11": plain(A, 132_863_336, 7_609_090_048, 70.4),
        "vgg13": plain(B, 133_047_848, 11_308_466_176, 71.3),
        "vgg16": plain(D, 138_357_544, 15_470_264_320, 74.4),
        "vgg19": plain(E, 143_667_240, 19_632_062_464, 74.5),
        "vgg11_bn": normalized(A, 132_868_840, 132_874_344, 7_609_090_048, 70.37),
        "vgg13_bn": normalized(B, 133_053_736, 133_059_624, 11_308_466_176, 71.59),
        "vgg16_bn": normalized(D, 138_365_992, 138_374_440, 15_470_264_320, 73.36),
        "vgg19_bn": normalized(E, 143_678_248, 143_689_256, 19_632_062_464, 74.22),
        "vgg11_bn_cifar": cifar(A, 9_231_114, 9_236_618, 152_769_536),
        "vgg13_bn_cifar": cifar(B, 9_416_010, 9_421_898, 228_267_008),
        "vgg16_bn_cifar": cifar(D, 14_728_266, 14_736_714, 313_201_664),
        "vgg19_bn_cifar": cifar(E, 20_040_522, 20_051_530, 398_136_320),
    },
)
def vgg(image: Tensor, top: Head, *, convs: Convs, batch_norms: bool, hidden: bool) -> Tensor:
    x = image
    for stage, (layers, filters) in enumerate(zip(convs, (64, 128, 256, 512, 512), strict=True), start=1):
        for layer in range(1, layers + 1):
            name = f"stage{stage}_conv{layer}"
            x = conv(x, filters, 3, initializer=HE, name=name)
            x = batch_norm(x, activation="relu", name=name) if batch_norms else activate(x, "relu", name)
        x = stage_end(pool(x, "max", name=f"stage{stage}_pool"), stage)
    return top(x, two_hidden_layers if hidden else flatten)
