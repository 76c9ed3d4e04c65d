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

from .alexnet import two_hidden_layers
from .blocks import HE, Tensor, activate, batch_norm, conv, flatten, pool, stage_end
from .head import Head
from .registry import Variant, register

A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
PLAIN = {"batch_norms": False, "hidden": True}
NORMALIZED = {"batch_norms": True, "hidden": True, "source": "torchvision, weights IMAGENET1K_V1"}
CIFAR = {"batch_norms": True, "hidden": False, "input_shape": (32, 32, 3), "classes": 10}


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv 1409.1556)",
    year=2014,
    variants={
        # Table 3, one scale at test time; D and E trained with scale jitter.
        "vgg11": Variant(convs=A, **PLAIN, trainable_params=132_863_336, macs=0, published={"imagenet": 70.4}),
        "vgg13": Variant(convs=B, **PLAIN, trainable_params=133_047_848, macs=0, published={"imagenet": 71.3}),
        "vgg16": Variant(convs=D, **PLAIN, trainable_params=138_357_544, macs=0, published={"imagenet": 74.4}),
        "vgg19": Variant(convs=E, **PLAIN, trainable_params=143_667_240, macs=0, published={"imagenet": 74.5}),
        "vgg11_bn": Variant(convs=A, **NORMALIZED, trainable_params=132_868_840, params=0, macs=0, published={"imagenet": 70.37}),
        "vgg13_bn": Variant(convs=B, **NORMALIZED, trainable_params=133_053_736, params=0, macs=0, published={"imagenet": 71.59}),
        "vgg16_bn": Variant(convs=D, **NORMALIZED, trainable_params=138_365_992, params=0, macs=0, published={"imagenet": 73.36}),
        "vgg19_bn": Variant(convs=E, **NORMALIZED, trainable_params=143_678_248, params=0, macs=0, published={"imagenet": 74.22}),
        "vgg11_bn_cifar": Variant(convs=A, **CIFAR, trainable_params=0, params=0, macs=0),
        "vgg13_bn_cifar": Variant(convs=B, **CIFAR, trainable_params=0, params=0, macs=0),
        "vgg16_bn_cifar": Variant(convs=D, **CIFAR, trainable_params=0, params=0, macs=0),
        "vgg19_bn_cifar": Variant(convs=E, **CIFAR, trainable_params=0, params=0, macs=0),
    },
)
def vgg(image: Tensor, top: Head, *, convs: tuple[int, ...], batch_norms: bool, hidden: bool) -> Tensor:
    x = image
    for stage, (layers, filters) in enumerate(zip(convs, (64, 128, 256, 512, 512), strict=True), start=1):
        for layer in range(1, layers + 1):
            name = f"stage{stage}_conv{layer}"
            x = conv(x, filters, 3, initializer=HE, name=name)
            x = batch_norm(x, activation="relu", name=name) if batch_norms else activate(x, "relu", name)
        x = stage_end(pool(x, "max", name=f"stage{stage}_pool"), stage)
    return top(x, two_hidden_layers if hidden else flatten)
