"""ZFNet: AlexNet with a finer first layer, which was found by visualizing its feature maps.

Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014, figure 3.

    image 224x224x3 -> conv1 110x110x96 -> pool 55x55 -> conv2 26x26x256 -> pool 13x13 -> conv3 13x13x384
          -> conv4 13x13x384 -> conv5 13x13x256 -> pool 6x6x256 -> 9216 -> 4096 -> 4096 -> classes
    zfnet_cifar   image 32x32x3 -> 32x32x96 -> 16x16 -> 12x12x256 -> 6x6 -> 6x6x384 -> 6x6x384 -> 6x6x256 -> 2x2x256

The figure gives the sizes of the maps but no padding. 110 follows from one pixel of padding in conv1,
floor((224 + 2 - 7)/2) + 1, and 26 from none in conv2; pool1 and pool2 keep their last, partial window (110 -> 55,
26 -> 13), pool5 does not (13 -> 6). With two pixels in conv1 the maps would be 111, 28, 14 and 7, and the
parameters 75.5 million instead of 62.4. Local response normalization is AlexNet's; the figure shows it after both
poolings.
`zfnet_cifar` has stride 1 in both first convolutions, and 3x3 kernels with padding in conv1.
Deviation: initial weights are those of He et al., 2015.
"""

from __future__ import annotations

from .alexnets import two_hidden_layers
from .blocks import HE, Head, Padding, Tensor, conv, local_response_norm, pool
from .registry import Variant, register


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (arXiv 1311.2901)",
    year=2013,
    variants={
        "zfnet": Variant(
            stem=(7, 2, 1),
            stride=2,
            trainable_params=62_357_608,
            macs=1_168_032_896,
            published={"imagenet": 61.6},
            source="table 2: one network as in figure 3, ten views",
        ),
        "zfnet_cifar": Variant(
            stem=(3, 1, "same"),
            stride=1,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=24_735_626,
            macs=223_617_024,
        ),
    },
)
def zfnet(image: Tensor, top: Head, *, stem: tuple[int, int, Padding], stride: int) -> Tensor:
    def convolution(x: Tensor, layer: int, filters: int, kernel: int, stride: int, padding: Padding) -> Tensor:
        name = f"conv{layer}"
        return conv(x, filters, kernel, stride, padding=padding, initializer=HE, activation="relu", name=name)

    def pool_and_normalize(x: Tensor, layer: int) -> Tensor:
        x = pool(x, "max", 3, 2, padding="ceil", name=f"pool{layer}")
        return local_response_norm(x, size=5, alpha=1e-4, beta=0.75, bias=2.0, name=f"lrn{layer}")

    x = convolution(image, 1, 96, *stem)
    x = pool_and_normalize(x, 1)
    x = convolution(x, 2, 256, 5, stride, "valid")
    x = pool_and_normalize(x, 2)
    for layer, filters in ((3, 384), (4, 384), (5, 256)):
        x = convolution(x, layer, filters, 3, 1, "same")
    x = pool(x, "max", 3, 2, name="pool5")
    return top(x, two_hidden_layers)
