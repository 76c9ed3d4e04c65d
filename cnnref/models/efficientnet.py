"""EfficientNet-B0: inverted residuals with squeeze-and-excitation and swish, found by architecture search.

Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, table 1.

    efficientnet_b0        image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x24
                           -> stage3 28x28x40 -> stage4 14x14x80 -> stage5 14x14x112 -> stage6 7x7x192
                           -> stage7 7x7x320 -> end 7x7x1280 -> mean -> 1280 -> classes
    efficientnet_b0_cifar  image 32x32x3 -> the same with stride 1 in stem and stage2 -> 4x4x1280 -> classes

Squeeze-and-excitation reduces to a quarter of the block's input channels. The rate of stochastic depth grows over the
blocks up to 1 - `survival`. `padding` is "same", as torchvision has it, or "tensorflow", as the authors' network and
keras.applications have it. Batch normalization has torchvision's epsilon 1e-5. No other deviation.
"""

from __future__ import annotations

from collections.abc import Sequence

from .blocks import (
    Head,
    Padding,
    Tensor,
    add,
    conv_bn,
    depthwise_bn,
    drop_path,
    dropout,
    global_average_pool,
    name_stage,
    squeeze_excite,
    strides_for_small_images,
)
from .registry import Variant, register

#: Expansion, kernel, output channels, blocks, and stride of the first block.
Stage = tuple[int, int, int, int, int]

STAGES: tuple[Stage, ...] = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Tan and Le, EfficientNet, ICML 2019 (arXiv 1905.11946)",
    year=2019,
    variants={
        "efficientnet_b0": Variant(
            small_image=False,
            trainable_params=5_288_548,
            params=5_330_564,
            macs=385_814_752,
            published={"imagenet": 77.1},  # table 2
        ),
        "efficientnet_b0_cifar": Variant(
            small_image=True,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=4_020_358,
            params=4_062_374,
            macs=116_167_168,
        ),
    },
)
def efficientnet(
    image: Tensor, top: Head, *, small_image: bool, padding: Padding = "same", survival: float = 0.8
) -> Tensor:
    strides = [2, *(stride for *_, stride in STAGES)]
    strides = strides_for_small_images(strides) if small_image else strides
    stages = [(*stage[:-1], stride) for stage, stride in zip(STAGES, strides[1:], strict=True)]
    x = conv_bn(image, 32, 3, strides[0], padding=padding, activation="swish", name="stem")
    x = inverted_stages(x, stages, activation="swish", squeeze=True, padding=padding, survival=survival)
    x = conv_bn(x, 1280, 1, activation="swish", name="end")
    return top(x, lambda x: dropout(global_average_pool(x), 0.2))


def inverted_stages(
    x: Tensor, stages: Sequence[Stage], *, activation: str, squeeze: bool, padding: Padding, survival: float
) -> Tensor:
    """The stages between stem and end, also those of EfficientNet-Lite. [n, h, w, c] -> [n, h', w', last filters].

    `squeeze` says whether the blocks have squeeze-and-excitation.
    """
    blocks = sum(count for _, _, _, count, _ in stages)
    done = 0
    for stage, (expansion, kernel, filters, count, stride) in enumerate(stages, start=1):
        for number in range(1, count + 1):
            x = inverted_residual(
                x,
                (expansion, kernel, filters, stride if number == 1 else 1),
                activation=activation,
                squeeze=squeeze,
                padding=padding,
                drop=(1 - survival) * done / blocks,
                name=f"stage{stage}_block{number}",
            )
            done += 1
        x = name_stage(x, stage)
    return x


def inverted_residual(
    x: Tensor,
    shape: tuple[int, int, int, int],
    *,
    activation: str,
    squeeze: bool,
    padding: Padding,
    drop: float,
    name: str,
) -> Tensor:
    """Expand, depthwise convolution, squeeze-and-excitation, project; the sum with x if the shape is the same.

    `shape` is expansion, kernel, output channels and stride. [n, h, w, c] -> [n, h', w', filters].
    """
    expansion, kernel, filters, stride = shape
    branch, channels = x, x.shape[-1]
    if expansion > 1:
        branch = conv_bn(x, expansion * channels, 1, activation=activation, name=f"{name}_expand")
    branch = depthwise_bn(branch, kernel, stride, padding=padding, activation=activation, name=f"{name}_depthwise")
    if squeeze:
        branch = squeeze_excite(branch, channels // 4, activation=activation, name=f"{name}_se")
    branch = conv_bn(branch, filters, 1, activation=None, name=f"{name}_project")
    if stride > 1 or channels != filters:
        return branch
    return add([x, drop_path(branch, drop, f"{name}_drop_path")], f"{name}_add")
