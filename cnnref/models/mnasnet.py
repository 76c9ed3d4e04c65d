"""MNASNet: inverted residuals found by a search that measured each candidate's latency on a phone.

Tan et al.: MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019, section 5 (MnasNet-B1).

    image 224x224x3 -> stem 112x112x32 -> stage1 112x112x16 -> stage2 56x56x24 -> stage3 28x28x40 -> stage4 14x14x80
          -> stage5 14x14x96 -> stage6 7x7x192 -> stage7 7x7x320 -> end 7x7x1280 -> mean -> 1280 -> classes

The network is the one without squeeze-and-excitation, as in torchvision; `mnasnet0_5` to `mnasnet1_3` multiply the
channels of stem and stages. No deviation.
"""

from __future__ import annotations

from typing import Any

from .blocks import Head, Tensor, conv_bn, dropout, global_average_pool, multiple_of_eight
from .efficientnet import Blocks, Stage, inverted_stages, scaled
from .registry import TORCHVISION, Variant, register

STAGES = (
    Stage(1, 3, 16, 1, 1),
    Stage(3, 3, 24, 3, 2),
    Stage(3, 5, 40, 3, 2),
    Stage(6, 5, 80, 3, 2),
    Stage(6, 3, 96, 2, 1),
    Stage(6, 5, 192, 4, 2),
    Stage(6, 3, 320, 1, 1),
)


def _variant(width: float, top1: float, **facts: Any) -> Variant:
    """A row of the table: the multiplier of the channels, and torchvision's top-1."""
    return Variant(width=width, published={"imagenet": top1}, source=TORCHVISION, **facts)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Tan et al., MnasNet, CVPR 2019 (arXiv 1807.11626)",
    year=2018,
    phone=True,
    variants={
        "mnasnet0_5": _variant(0.5, 67.73, trainable_params=2_218_512, params=2_239_136, macs=104_455_968),
        "mnasnet0_75": _variant(0.75, 71.18, trainable_params=3_170_208, params=3_200_016, macs=215_493_104),
        "mnasnet1_0": _variant(1.0, 73.46, trainable_params=4_383_312, params=4_421_232, macs=314_415_872),
        "mnasnet1_3": _variant(1.3, 76.51, trainable_params=6_282_256, params=6_331_072, macs=526_362_432),
    },
)
def mnasnet(image: Tensor, top: Head, *, width: float) -> Tensor:
    x = conv_bn(image, multiple_of_eight(32 * width), 3, 2, name="stem")
    x = inverted_stages(x, scaled(STAGES, width, 1.0), Blocks("relu", False, "same", survival=1.0))
    x = conv_bn(x, 1280, 1, name="end")
    return top(x, lambda x: dropout(global_average_pool(x), 0.2))
