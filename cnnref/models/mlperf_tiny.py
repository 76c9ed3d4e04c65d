"""ResNet-8 of MLPerf Tiny: three residual blocks, small enough for a microcontroller.

Banbury et al.: MLPerf Tiny Benchmark, NeurIPS 2021 (arXiv 2106.07597), image classification, reference model.

    image 32x32x3 -> stem 32x32x16 -> stage1 32x32x16 -> stage2 16x16x32 -> stage3 8x8x64 -> mean -> 64 -> classes

Deviations from He et al. are those of the reference model: convolutions have a bias beside the batch normalization
(epsilon 1e-3), shortcuts are 1x1 convolutions with a bias and without normalization, padding is TensorFlow's.
"""

from __future__ import annotations

from .blocks import HE, Head, Tensor, batch_norm, conv, global_average_pool, stage_end
from .registry import Variant, register
from .resnet import joined


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
    x = convolution(image, 16, 3, 1, "relu", "stem")
    for stage, (filters, stride) in enumerate(((16, 1), (32, 2), (64, 2)), start=1):
        name = f"stage{stage}_block1"
        branch = convolution(x, filters, 3, stride, "relu", f"{name}_conv1")
        branch = convolution(branch, filters, 3, 1, None, f"{name}_conv2")
        if stride > 1:
            x = conv(x, filters, 1, stride, padding="tensorflow", initializer=HE, name=f"{name}_shortcut")
        x = stage_end(joined(branch, x, name), stage)
    return top(x, global_average_pool)


def convolution(x: Tensor, filters: int, kernel: int, stride: int, activation: str | None, name: str) -> Tensor:
    """A convolution with bias, batch normalization, activation. [n, h, w, c] -> [n, h/stride, w/stride, filters]."""
    x = conv(x, filters, kernel, stride, padding="tensorflow", initializer=HE, name=name)
    return batch_norm(x, epsilon=1e-3, activation=activation, name=name)
