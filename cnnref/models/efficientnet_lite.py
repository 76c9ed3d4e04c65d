"""EfficientNet-Lite: EfficientNet for phones, without squeeze-and-excitation and with ReLU6, for integer arithmetic.

Liu, Tan and others: EfficientNet-Lite, 2020, https://github.com/tensorflow/tpu (models/official/efficientnet/lite); the
stages are those of Tan, Le: EfficientNet, ICML 2019, table 1.

    efficientnet_lite0  image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x24 -> stage3 28x28x40
                        -> stage4 14x14x80 -> stage5 14x14x112 -> stage6 7x7x192 -> stage7 7x7x320 -> end 7x7x1280
                        -> mean -> 1280 -> classes
    efficientnet_lite1  image 240x240x3, `depth` 1.1
    efficientnet_lite2  image 260x260x3, `width` 1.1, `depth` 1.2
    efficientnet_lite3  image 280x280x3, `width` 1.2, `depth` 1.4
    efficientnet_lite4  image 300x300x3, `width` 1.4, `depth` 1.8

`width` multiplies the channels of the stages and `depth` their blocks, but stem and end stay as they are, and so do the
numbers of blocks in the first and the last stage. `padding` is "tensorflow", as the authors use it, or "same", as timm
uses it where it trained these networks itself. Batch normalization has epsilon 1e-5 instead of 1e-3, to which converted
weights are adjusted. There is no other deviation. (The authors' table says 407 million multiply-accumulates for lite0;
its convolutions and dense layer have 385 million.)
"""

from __future__ import annotations

from typing import Any

from .blocks import Head, Padding, Tensor, conv_bn, dropout, global_average_pool
from .efficientnet import STAGES, Blocks, inverted_stages, scaled
from .registry import Variant, register

SOURCE = "tensorflow/tpu, models/official/efficientnet/lite/README.md"


def _variant(size: int, width: float, depth: float, dropout_rate: float, top1: float, **facts: Any) -> Variant:
    return Variant(
        width=width,
        depth=depth,
        dropout_rate=dropout_rate,
        input_shape=(size, size, 3),
        published={"imagenet": top1},
        source=SOURCE,
        **facts,
    )


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Liu, Tan et al., EfficientNet-Lite, 2020 (tensorflow/tpu)",
    year=2020,
    phone=True,
    variants={
        "efficientnet_lite0": _variant(
            224, 1.0, 1.0, 0.2, 75.1, trainable_params=4_652_008, params=4_694_024, macs=385_187_552
        ),
        "efficientnet_lite1": _variant(
            240, 1.0, 1.1, 0.2, 76.7, trainable_params=5_416_680, params=5_470_344, macs=600_185_232
        ),
        "efficientnet_lite2": _variant(
            260, 1.1, 1.2, 0.3, 77.6, trainable_params=6_092_072, params=6_150_168, macs=859_736_272
        ),
        "efficientnet_lite3": _variant(
            280, 1.2, 1.4, 0.3, 79.8, trainable_params=8_197_096, params=8_273_768, macs=1_383_321_872
        ),
        "efficientnet_lite4": _variant(
            300, 1.4, 1.8, 0.3, 81.5, trainable_params=13_006_568, params=13_118_936, macs=2_553_034_336
        ),
    },
)
def efficientnet_lite(
    image: Tensor,
    top: Head,
    *,
    width: float,
    depth: float,
    dropout_rate: float,
    padding: Padding = "tensorflow",
    survival: float = 0.8,
) -> Tensor:
    x = conv_bn(image, 32, 3, 2, padding=padding, activation="relu6", name="stem")
    stages = scaled(STAGES, width, depth, fixed=(0, len(STAGES) - 1))
    x = inverted_stages(x, stages, Blocks("relu6", False, padding, survival))
    x = conv_bn(x, 1280, 1, activation="relu6", name="end")
    return top(x, lambda x: dropout(global_average_pool(x), dropout_rate))
