"""GoogLeNet: nine inception modules, each with four parallel branches (1x1, 3x3, 5x5, pooling).

Szegedy et al.: Going Deeper with Convolutions, CVPR 2015, table 1.

    image 224x224x3 -> conv1 112x112x64 -> pool1 56x56 -> conv2 56x56x192 -> pool2 28x28
          -> 3a 28x28x256, 3b 28x28x480 -> pool3 14x14 -> 4a x512, 4b x512, 4c x512, 4d 14x14x528, 4e x832
          -> pool4 7x7 -> 5a 7x7x832, 5b 7x7x1024 -> mean -> 1024 -> classes

`googlenet` is the paper's: biases, local response normalization in the stem, 5x5 kernels. The paper does not
state the constants of the normalization; these are of the published Caffe model (alpha 1e-4 / 5, beta 0.75, k 1).
`googlenet_tv` is what torchvision calls GoogLeNet: batch normalization (epsilon 1e-3) instead of both, a 3x3 kernel
in the "5x5" branch, a 2x2 window in pool4. `googlenet_cifar` is `googlenet_tv` with one 3x3 convolution as its stem.
Poolings keep their last, partial window. Deviation: the two auxiliary classifiers, which are used in training only, are
left out. (torchvision's pretrained weights expect pixels normalized with mean 0.5 and deviation 0.5.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .blocks import (
    HE,
    Head,
    Tensor,
    concatenate,
    conv,
    conv_bn,
    dropout,
    global_average_pool,
    local_response_norm,
    pool,
)
from .registry import Variant, register

Convolution = Callable[..., Tensor]

#: Filters of the 1x1; of the 1x1 before the 3x3 and of the 3x3; of the 1x1 before the 5x5 and of the 5x5; of the 1x1
#: after the pooling.
INCEPTIONS = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
TORCHVISION: dict[str, Any] = {"batch_norms": True, "large": 3, "last_pool": 2, "drop": 0.2}


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Szegedy et al., Going Deeper with Convolutions, CVPR 2015 (arXiv 1409.4842)",
    year=2014,
    variants={
        "googlenet": Variant(
            batch_norms=False,
            large=5,
            last_pool=3,
            drop=0.4,
            small_image=False,
            trainable_params=6_998_552,
            macs=1_582_671_872,
            published={"imagenet top-5": 89.93},
            source="table 3: one network, one view",
        ),
        "googlenet_tv": Variant(
            **TORCHVISION,
            small_image=False,
            trainable_params=6_624_904,
            params=6_639_464,
            macs=1_498_376_192,
            published={"imagenet": 69.78},
            source="torchvision, weights IMAGENET1K_V1",
        ),
        "googlenet_cifar": Variant(
            **TORCHVISION,
            small_image=True,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=5_490_986,
            params=5_505_290,
            macs=1_337_141_248,
        ),
    },
)
def googlenet(
    image: Tensor, top: Head, *, batch_norms: bool, large: int, last_pool: int, drop: float, small_image: bool
) -> Tensor:
    def convolution(x: Tensor, filters: int, kernel: int, stride: int = 1, *, name: str) -> Tensor:
        if batch_norms:
            return conv_bn(x, filters, kernel, stride, epsilon=1e-3, name=name)
        return conv(x, filters, kernel, stride, initializer=HE, activation="relu", name=name)

    def normalize(x: Tensor, name: str) -> Tensor:
        return x if batch_norms else local_response_norm(x, size=5, alpha=2e-5, beta=0.75, bias=1.0, name=name)

    if small_image:
        x = convolution(image, 192, 3, name="conv1")
    else:
        x = convolution(image, 64, 7, 2, name="conv1")
        x = normalize(pool(x, "max", 3, 2, padding="ceil", name="pool1"), "lrn1")
        x = convolution(x, 64, 1, name="conv2_reduce")
        x = normalize(convolution(x, 192, 3, name="conv2"), "lrn2")
        x = pool(x, "max", 3, 2, padding="ceil", name="pool2")
    for place, widths in INCEPTIONS.items():
        if place == "4a":
            x = pool(x, "max", 3, 2, padding="ceil", name="pool3")
        if place == "5a":
            x = pool(x, "max", last_pool, 2, padding="ceil", name="pool4")
        x = inception(x, convolution, *widths, large=large, name=f"inception{place}")
    return top(x, lambda x: dropout(global_average_pool(x), drop))


def inception(
    x: Tensor,
    convolution: Convolution,
    small: int,
    medium: tuple[int, int],
    wide: tuple[int, int],
    pooled: int,
    *,
    large: int,
    name: str,
) -> Tensor:
    """Four parallel branches, concatenated. [n, h, w, c] -> [n, h, w, sum of the branches' filters]."""
    one = convolution(x, small, 1, name=f"{name}_1x1")
    three = convolution(x, medium[0], 1, name=f"{name}_3x3_reduce")
    three = convolution(three, medium[1], 3, name=f"{name}_3x3")
    five = convolution(x, wide[0], 1, name=f"{name}_5x5_reduce")
    five = convolution(five, wide[1], large, name=f"{name}_5x5")
    pooled_branch = pool(x, "max", 3, 1, padding=1, name=f"{name}_pool")
    pooled_branch = convolution(pooled_branch, pooled, 1, name=f"{name}_pool_project")
    return concatenate([one, three, five, pooled_branch], name=name)
