"""MobileOne: depthwise and 1x1 convolutions with many parallel branches in training and one each afterwards.

Vasu, Gabriel, Zhu, Tuzel, Ranjan: MobileOne: An Improved One millisecond Mobile Backbone, CVPR 2023, table 2.

    image 224x224x3 -> stem 112x112x48 -> stage1 56x56x48 -> stage2 28x28x128 -> stage3 14x14x256 -> stage4 7x7x1024
          -> mean -> 1024 -> classes

A block is a branched depthwise 3x3 and a branched 1x1; in S0 each window has four branches. With `folded` they are the
single convolutions that these become, see `fold_branches`. No deviation.
"""

from __future__ import annotations

from .blocks import Head, Tensor, global_average_pool, name_stage
from .registry import Variant, register
from .reparameterized import branched_conv, branched_depthwise


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Vasu et al., MobileOne, CVPR 2023 (arXiv 2206.04040)",
    year=2022,
    phone=True,
    variants={
        "mobileone_s0": Variant(
            blocks=(2, 8, 10, 1),
            widths=(48, 128, 256, 1024),
            copies=4,
            trainable_params=5_293_272,
            params=5_381_464,
            macs=1_050_404_864,
            published={"imagenet": 71.4},  # table 9
        ),
    },
)
def mobileone(
    image: Tensor,
    top: Head,
    *,
    blocks: tuple[int, ...],
    widths: tuple[int, ...],
    copies: int,
    folded: bool = False,
) -> Tensor:
    x = branched_conv(image, min(64, widths[0]), 3, 2, folded=folded, name="stem")
    for stage, (count, filters) in enumerate(zip(blocks, widths, strict=True), start=1):
        for number in range(1, count + 1):
            name, stride = f"stage{stage}_block{number}", 2 if number == 1 else 1
            x = branched_depthwise(x, 3, stride, copies=copies, folded=folded, name=f"{name}_dw")
            x = branched_conv(x, filters, 1, 1, copies=copies, folded=folded, name=f"{name}_pw")
        x = name_stage(x, stage)
    return top(x, global_average_pool)
