"""Network in Network: after each convolution two 1x1 convolutions, and at the end one feature map per class.

Lin, Chen, Yan: Network In Network, ICLR 2014 (arXiv 1312.4400), section 4.2 and the authors' CIFAR-10 definition.

    image 32x32x3 -> 32x32x192, 160, 96 -> 16x16 -> 16x16x192, 192, 192 -> 8x8 -> 8x8x192, 192, classes -> classes

The widths come from the definition file that the authors published; the paper does not print them. The first pooling
takes the maximum and the second the average, with 3x3 windows, stride 2 and a partial last window. The last
convolution has a ReLU, so the logits are not negative. Deviation: initial weights are those of He et al., 2015.
"""

from __future__ import annotations

from .blocks import HE, Head, Tensor, conv, dropout, pool
from .registry import Variant, register


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="Lin et al., Network In Network, ICLR 2014 (arXiv 1312.4400)",
    year=2013,
    variants={
        "nin_cifar": Variant(
            trainable_params=966_986,
            macs=222_486_528,
            published={"cifar10": 91.19},  # table 1: 8.81 % error with translation and flipping
        )
    },
)
def nin(image: Tensor, top: Head) -> Tensor:
    x = mlpconv(image, (192, 160, 96), 5, name="block1")
    x = dropout(pool(x, "max", 3, 2, padding="ceil", name="pool1"), 0.5, name="dropout1")
    x = mlpconv(x, (192, 192, 192), 5, name="block2")
    x = dropout(pool(x, "average", 3, 2, padding="ceil", name="pool2"), 0.5, name="dropout2")
    x = mlpconv(x, (192, 192), 3, name="block3")
    return top.from_class_maps(x)


def mlpconv(x: Tensor, widths: tuple[int, ...], kernel: int, name: str) -> Tensor:
    """A convolution and, at every pixel, a small perceptron of 1x1 convolutions. [n, h, w, c] -> [n, h, w, last]."""
    for layer, filters in enumerate(widths, start=1):
        size = kernel if layer == 1 else 1
        x = conv(x, filters, size, initializer=HE, activation="relu", name=f"{name}_conv{layer}")
    return x
