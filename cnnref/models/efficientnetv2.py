"""EfficientNetV2: EfficientNet whose early stages have full convolutions ("fused" blocks), which train faster.

Tan, Le: EfficientNetV2: Smaller Models and Faster Training, ICML 2021, table 4; the stages of M, L and B0 are those of
the authors' repository google/automl (efficientnetv2/effnetv2_configs.py).

    efficientnet_v2_s        image 384x384x3 -> stem 192x192x24 -> stage1 192x192x24 -> stage2 96x96x48
                             -> stage3 48x48x64 -> stage4 24x24x128 -> stage5 24x24x160 -> stage6 12x12x256
                             -> end 12x12x1280 -> mean -> 1280 -> classes
    efficientnet_v2_m, l     image 480x480x3 -> the same with seven stages and more channels
    efficientnet_v2_b0       image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x32
                             -> stage3 28x28x48 -> stage4 14x14x96 -> stage5 14x14x112 -> stage6 7x7x192
                             -> end 7x7x1280 -> mean -> 1280 -> classes
    efficientnet_v2_b1 to 3  the same with all channels times `width` and all blocks times `depth`

`padding` is "same", as torchvision has it for S, M and L, or "tensorflow", as the authors and keras.applications have
it for all. The rate of stochastic depth grows over the blocks up to 1 - `survival`. Batch normalization has epsilon
1e-5 instead of 1e-3, which converted weights are shifted to. No other deviation.
"""

from __future__ import annotations

from typing import Any

from .blocks import Head, Padding, Tensor, conv_bn, dropout, global_average_pool, multiple_of_eight
from .efficientnet import Blocks, Stage, inverted_stages, scaled
from .registry import KERAS, TORCHVISION, Variant, register

SMALL = (
    Stage(1, 3, 24, 2, 1, fused=True),
    Stage(4, 3, 48, 4, 2, fused=True),
    Stage(4, 3, 64, 4, 2, fused=True),
    Stage(4, 3, 128, 6, 2),
    Stage(6, 3, 160, 9, 1),
    Stage(6, 3, 256, 15, 2),
)
MEDIUM = (
    Stage(1, 3, 24, 3, 1, fused=True),
    Stage(4, 3, 48, 5, 2, fused=True),
    Stage(4, 3, 80, 5, 2, fused=True),
    Stage(4, 3, 160, 7, 2),
    Stage(6, 3, 176, 14, 1),
    Stage(6, 3, 304, 18, 2),
    Stage(6, 3, 512, 5, 1),
)
LARGE = (
    Stage(1, 3, 32, 4, 1, fused=True),
    Stage(4, 3, 64, 7, 2, fused=True),
    Stage(4, 3, 96, 7, 2, fused=True),
    Stage(4, 3, 192, 10, 2),
    Stage(6, 3, 224, 19, 1),
    Stage(6, 3, 384, 25, 2),
    Stage(6, 3, 640, 7, 1),
)
BASE = (
    Stage(1, 3, 16, 1, 1, fused=True),
    Stage(4, 3, 32, 2, 2, fused=True),
    Stage(4, 3, 48, 2, 2, fused=True),
    Stage(4, 3, 96, 3, 2),
    Stage(6, 3, 112, 5, 1),
    Stage(6, 3, 192, 8, 2),
)


def _fixed(stages: tuple[Stage, ...], size: int, drop: float, top1: float, **facts: Any) -> Variant:
    """A row for S, M or L: its stages, image size, rate of dropout, and torchvision's top-1."""
    return Variant(
        stages=stages,
        stem=stages[0].filters,
        width=1.0,
        depth=1.0,
        dropout_rate=drop,
        input_shape=(size, size, 3),
        published={"imagenet": top1},
        source=TORCHVISION,
        **facts,
    )


def _base(size: int, width: float, depth: float, drop: float, top1: float, **facts: Any) -> Variant:
    """A row for B0 to B3: image size, multipliers, rate of dropout, and keras.applications' top-1."""
    return Variant(
        stages=BASE,
        stem=32,
        width=width,
        depth=depth,
        dropout_rate=drop,
        input_shape=(size, size, 3),
        published={"imagenet": top1},
        source=KERAS,
        **facts,
    )


@register(
    input_shape=(384, 384, 3),
    classes=1000,
    paper="Tan and Le, EfficientNetV2, ICML 2021 (arXiv 2104.00298)",
    year=2021,
    variants={
        "efficientnet_v2_s": _fixed(
            SMALL, 384, 0.2, 84.23, trainable_params=21_458_488, params=21_612_360, macs=8_365_617_152
        ),
        "efficientnet_v2_m": _fixed(
            MEDIUM, 480, 0.3, 85.11, trainable_params=54_139_356, params=54_431_388, macs=24_582_460_384
        ),
        "efficientnet_v2_l": _fixed(
            LARGE, 480, 0.4, 85.81, trainable_params=118_515_272, params=119_027_848, macs=56_079_699_008
        ),
        "efficientnet_v2_b0": _base(
            224, 1.0, 1.0, 0.2, 78.7, trainable_params=7_139_704, params=7_200_312, macs=718_086_176
        ),
        "efficientnet_v2_b1": _base(
            240, 1.0, 1.1, 0.2, 79.8, trainable_params=8_141_052, params=8_212_124, macs=1_196_819_360
        ),
        "efficientnet_v2_b2": _base(
            260, 1.1, 1.2, 0.3, 80.5, trainable_params=10_096_086, params=10_178_374, macs=1_697_542_832
        ),
        "efficientnet_v2_b3": _base(
            300, 1.2, 1.4, 0.3, 82.0, trainable_params=14_358_406, params=14_467_622, macs=3_011_458_816
        ),
    },
)
def efficientnet_v2(
    image: Tensor,
    top: Head,
    *,
    stages: tuple[Stage, ...],
    stem: int,
    width: float,
    depth: float,
    dropout_rate: float,
    padding: Padding = "same",
    survival: float = 0.8,
) -> Tensor:
    filters = multiple_of_eight(stem * width, least=0)
    x = conv_bn(image, filters, 3, 2, padding=padding, activation="swish", name="stem")
    x = inverted_stages(x, scaled(stages, width, depth, least=0), Blocks("swish", True, padding, survival))
    x = conv_bn(x, multiple_of_eight(1280 * width, least=0), 1, activation="swish", name="end")
    return top(x, lambda x: dropout(global_average_pool(x), dropout_rate))
