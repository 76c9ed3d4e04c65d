"""MobileNet v3: inverted residuals found by architecture search, with squeeze-and-excitation and hard-swish.

Howard et al.: Searching for MobileNetV3, ICCV 2019, tables 1 (large) and 2 (small).

    mobilenet_v3_large        image 224x224x3 -> stem 112x112x16 -> 15 blocks: 112x112x16, 56x56x24, 28x28x40,
                              14x14x80, 14x14x112, 7x7x160 -> end 7x7x960 -> mean -> 960 -> 1280 -> classes
    mobilenet_v3_small        image 224x224x3 -> stem 112x112x16 -> 11 blocks: 56x56x16, 28x28x24, 14x14x40,
                              14x14x48, 7x7x96 -> end 7x7x576 -> mean -> 576 -> 1024 -> classes
    mobilenet_v3_large_cifar  image 32x32x3 -> the same with stride 1 in the first two strided layers -> 4x4x960 -> ...
    mobilenet_v3_small_cifar  image 32x32x3 -> the same with stride 1 in the first two strided layers -> 4x4x576 -> ...

Squeeze-and-excitation reduces to a quarter of the expanded channels, and its gate is a hard sigmoid. `padding` is
"same", as torchvision has it, or "tensorflow", as the authors' network and keras.applications have it. Batch
normalization has epsilon 1e-3 in all of them. No other deviation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .blocks import (
    Head,
    Padding,
    Tensor,
    add,
    conv_bn,
    dense,
    depthwise_bn,
    dropout,
    global_average_pool,
    multiple_of_eight,
    squeeze_excite,
    strides_for_small_images,
)
from .registry import Variant, register

EPSILON = 1e-3


class Row(NamedTuple):
    """A row of the paper's tables. `squeezed` says whether the block has squeeze-and-excitation."""

    kernel: int
    expanded: int
    filters: int
    squeezed: bool
    activation: str
    stride: int


RE, HS = "relu", "hard_swish"
LARGE = (
    Row(3, 16, 16, False, RE, 1),
    Row(3, 64, 24, False, RE, 2),
    Row(3, 72, 24, False, RE, 1),
    Row(5, 72, 40, True, RE, 2),
    Row(5, 120, 40, True, RE, 1),
    Row(5, 120, 40, True, RE, 1),
    Row(3, 240, 80, False, HS, 2),
    Row(3, 200, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 480, 112, True, HS, 1),
    Row(3, 672, 112, True, HS, 1),
    Row(5, 672, 160, True, HS, 2),
    Row(5, 960, 160, True, HS, 1),
    Row(5, 960, 160, True, HS, 1),
)
SMALL = (
    Row(3, 16, 16, True, RE, 2),
    Row(3, 72, 24, False, RE, 2),
    Row(3, 88, 24, False, RE, 1),
    Row(5, 96, 40, True, HS, 2),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 120, 48, True, HS, 1),
    Row(5, 144, 48, True, HS, 1),
    Row(5, 288, 96, True, HS, 2),
    Row(5, 576, 96, True, HS, 1),
    Row(5, 576, 96, True, HS, 1),
)
CIFAR: dict[str, Any] = {"small_image": True, "input_shape": (32, 32, 3), "classes": 10}


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Howard et al., Searching for MobileNetV3, ICCV 2019 (arXiv 1905.02244)",
    year=2019,
    phone=True,
    variants={
        # Table 3.
        "mobilenet_v3_large": Variant(
            rows=LARGE,
            units=1280,
            small_image=False,
            trainable_params=5_483_032,
            params=5_507_432,
            macs=216_589_760,
            published={"imagenet": 75.2},
        ),
        "mobilenet_v3_small": Variant(
            rows=SMALL,
            units=1024,
            small_image=False,
            trainable_params=2_542_856,
            params=2_554_968,
            macs=56_510_400,
            published={"imagenet": 67.4},
        ),
        "mobilenet_v3_large_cifar": Variant(
            rows=LARGE, units=1280, **CIFAR, trainable_params=4_214_842, params=4_239_242, macs=66_459_008
        ),
        "mobilenet_v3_small_cifar": Variant(
            rows=SMALL, units=1024, **CIFAR, trainable_params=1_528_106, params=1_540_218, macs=17_507_328
        ),
    },
)
def mobilenet_v3(
    image: Tensor, top: Head, *, rows: tuple[Row, ...], units: int, small_image: bool, padding: Padding = "same"
) -> Tensor:
    strides = [2, *(row.stride for row in rows)]
    strides = strides_for_small_images(strides) if small_image else strides
    x = conv_bn(image, 16, 3, strides[0], padding=padding, epsilon=EPSILON, activation=HS, name="stem")
    for number, (row, stride) in enumerate(zip(rows, strides[1:], strict=True), start=1):
        x = inverted_residual(x, row, stride, padding, name=f"block{number}")
    x = conv_bn(x, 6 * x.shape[-1], 1, epsilon=EPSILON, activation=HS, name="end")
    return top(x, lambda x: dropout(dense(global_average_pool(x), units, activation=HS, name="dense"), 0.2))


def inverted_residual(x: Tensor, row: Row, stride: int, padding: Padding, name: str) -> Tensor:
    """Expand, depthwise convolution, squeeze-and-excitation, project; the sum with x if the shape is the same."""
    branch = x
    if row.expanded != x.shape[-1]:
        branch = conv_bn(x, row.expanded, 1, epsilon=EPSILON, activation=row.activation, name=f"{name}_expand")
    branch = depthwise_bn(
        branch,
        row.kernel,
        stride,
        padding=padding,
        epsilon=EPSILON,
        activation=row.activation,
        name=f"{name}_depthwise",
    )
    if row.squeezed:
        reduced = multiple_of_eight(row.expanded / 4)
        branch = squeeze_excite(branch, reduced, gate="hard_sigmoid", name=f"{name}_se")
    branch = conv_bn(branch, row.filters, 1, epsilon=EPSILON, activation=None, name=f"{name}_project")
    return add([x, branch], f"{name}_add") if stride == row.stride == 1 and x.shape[-1] == row.filters else branch
