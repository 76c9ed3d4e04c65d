"""MobileNet v1: depthwise separable convolutions, a depthwise 3x3 and then a 1x1.

Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017, table 1.

    mobilenet_v1        image 224x224x3 -> stem 112x112x32 -> 112x112x64 -> 56x56x128 (2) -> 28x28x256 (2)
                        -> 14x14x512 (6) -> 7x7x1024 (2) -> mean -> 1024 -> classes
    mobilenet_v1_cifar  image 32x32x3 -> the same with stride 1 in the first two strided layers -> 4x4x1024 -> classes

`width` is the paper's multiplier alpha. `padding` is "tensorflow", as the authors' network and keras.applications have
it, or "same", which adds the same on both sides. ReLU6 and batch normalization's epsilon of 1e-3 come from the authors'
code. The last stride of 2 in the table is 1 there, which fits the output size in the table. No other deviation.
"""

from __future__ import annotations

from functools import partial

from .blocks import Head, Padding, Tensor, conv_bn, depthwise_bn, dropout, global_average_pool, strides_for_small_images
from .registry import Variant, register

#: Output channels and stride of the separable convolutions.
SEPARABLE = (
    (64, 1),
    (128, 2), (128, 1),
    (256, 2), (256, 1),
    (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
EPSILON = 1e-3


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Howard et al., MobileNets, arXiv 1704.04861, 2017",
    year=2017,
    phone=True,
    variants={
        "mobilenet_v1": Variant(
            small_image=False,
            trainable_params=4_231_976,
            params=4_253_864,
            macs=568_740_352,
            published={"imagenet": 70.6},  # table 4
        ),
        "mobilenet_v1_cifar": Variant(
            small_image=True,
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=3_217_226,
            params=3_239_114,
            macs=175_556_608,
        ),
    },
)
def mobilenet_v1(
    image: Tensor, top: Head, *, small_image: bool, width: float = 1.0, padding: Padding = "tensorflow"
) -> Tensor:
    strides = [2, *(stride for _, stride in SEPARABLE)]
    strides = strides_for_small_images(strides) if small_image else strides
    full = partial(conv_bn, padding=padding, epsilon=EPSILON, activation="relu6")
    depthwise = partial(depthwise_bn, padding=padding, epsilon=EPSILON, activation="relu6")
    x = full(image, int(32 * width), 3, strides[0], name="stem")
    for number, ((filters, _), stride) in enumerate(zip(SEPARABLE, strides[1:], strict=True), start=1):
        x = depthwise(x, 3, stride, name=f"block{number}_depthwise")
        x = full(x, int(filters * width), 1, name=f"block{number}_pointwise")
    return top(x, lambda x: dropout(global_average_pool(x), 1e-3))
