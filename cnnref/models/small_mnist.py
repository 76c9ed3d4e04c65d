"""A small CNN for MNIST as one would build it today: three stages of two 3x3 convolutions with batch normalization.

    image 28x28x1 -> stage1 28x28x32 -> stage2 14x14x64 -> stage3 7x7x128 -> mean -> 128 -> classes

2x2 max pooling between the stages, ReLU behind each normalization, no dense layer but the classifier. `widths` are the
filters of the stages. It has no paper to deviate from: the convolutions are VGG's, normalization and initial weights
those of ResNet.
"""

from __future__ import annotations

from ..errors import InputError
from .blocks import Head, Tensor, conv_bn, global_average_pool, pool, stage_end
from .registry import Variant, register


@register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="none: VGG's stages with the normalization of ResNet",
    year=2015,
    variants={"mnist_cnn": Variant(trainable_params=288_170, params=289_066, macs=29_128_448)},
)
def mnist_cnn(image: Tensor, top: Head, *, widths: tuple[int, int, int] = (32, 64, 128)) -> Tensor:
    if len(widths) != 3 or min(widths) < 1:
        raise InputError(f"widths is {widths}; give the filters of the three stages, each at least 1.")
    x = image
    for stage, filters in enumerate(widths, start=1):
        if stage > 1:
            x = pool(x, "max", name=f"stage{stage}_pool")
        for layer in (1, 2):
            x = conv_bn(x, filters, 3, name=f"stage{stage}_conv{layer}")
        x = stage_end(x, stage)
    return top(x, global_average_pool)
