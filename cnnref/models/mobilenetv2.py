"""MobileNet v2: inverted residual blocks of a 1x1 expansion, a depthwise 3x3 and a linear 1x1 projection.

Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, table 2.

    mobilenet_v2        image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x24 -> stage3 28x28x32
                        -> stage4 14x14x64 -> stage5 14x14x96 -> stage6 7x7x160 -> stage7 7x7x320 -> end 7x7x1280
                        -> mean -> 1280 -> classes
    mobilenet_v2_cifar  image 32x32x3 -> the same with stride 1 in stem and stage2 -> 4x4x1280 -> classes

`width` is the paper's multiplier. `padding` is "same", as torchvision has it, or "tensorflow", as the authors' network
and keras.applications have it. Batch normalization has torchvision's epsilon 1e-5. No other deviation.
"""

from __future__ import annotations

from .blocks import (
    Head,
    Padding,
    Tensor,
    add,
    conv_bn,
    depthwise_bn,
    dropout,
    global_average_pool,
    multiple_of_eight,
    name_stage,
    strides_for_small_images,
)
from .registry import Variant, register

#: Expansion, output channels, blocks, and stride of the first block (table 2's t, c, n, s).
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Sandler et al., MobileNetV2, CVPR 2018 (arXiv 1801.04381)",
    year=2018,
    phone=True,
    variants={
        "mobilenet_v2": Variant(
            small_image=False,
            trainable_params=3_504_872,
            params=3_538_984,
            macs=300_774_272,
            published={"imagenet": 72.0},  # table 4
        ),
        "mobilenet_v2_cifar": Variant(
            small_image=True,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=2_236_682,
            params=2_270_794,
            macs=87_976_448,
        ),
    },
)
def mobilenet_v2(
    image: Tensor, top: Head, *, small_image: bool, width: float = 1.0, padding: Padding = "same"
) -> Tensor:
    strides = [2, *(stride for _, _, _, stride in STAGES)]
    strides = strides_for_small_images(strides) if small_image else strides
    x = conv_bn(image, multiple_of_eight(32 * width), 3, strides[0], padding=padding, activation="relu6", name="stem")
    for stage, ((expansion, channels, count, _), stride) in enumerate(zip(STAGES, strides[1:], strict=True), start=1):
        for number in range(1, count + 1):
            step = stride if number == 1 else 1
            filters = multiple_of_eight(channels * width)
            x = inverted_residual(x, expansion, filters, step, padding, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    x = conv_bn(x, multiple_of_eight(1280 * max(1.0, width)), 1, activation="relu6", name="end")
    return top(x, lambda x: dropout(global_average_pool(x), 0.2))


def inverted_residual(x: Tensor, expansion: int, filters: int, stride: int, padding: Padding, name: str) -> Tensor:
    """Expand, depthwise, project; plus x where the shape is the same. [n, h, w, c] -> [n, h', w', filters]."""
    branch = x
    if expansion > 1:
        branch = conv_bn(x, expansion * x.shape[-1], 1, activation="relu6", name=f"{name}_expand")
    branch = depthwise_bn(branch, 3, stride, padding=padding, activation="relu6", name=f"{name}_depthwise")
    branch = conv_bn(branch, filters, 1, activation=None, name=f"{name}_project")
    return add([x, branch], f"{name}_add") if stride == 1 and x.shape[-1] == filters else branch
