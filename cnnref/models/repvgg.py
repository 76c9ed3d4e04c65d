"""RepVGG: a VGG of 3x3 convolutions that has parallel branches while it is trained.

Ding, Zhang, Ma, Han, Ding, Sun: RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, table 2.

    image 224x224x3 -> stem 112x112x48 -> stage1 56x56x48 -> stage2 28x28x96 -> stage3 14x14x192 -> stage4 7x7x1280
          -> mean -> 1280 -> classes

A block is a 3x3, a 1x1 and, where the shape stays the same, the identity, each with normalization, then the sum and
ReLU. With `folded` it is the single 3x3 that this becomes, see `fold_branches`. No deviation.
"""

from __future__ import annotations

from .blocks import Head, Tensor, global_average_pool, name_stage
from .registry import Variant, register
from .reparameterized import branched_conv


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Ding et al., RepVGG, CVPR 2021 (arXiv 2101.03697)",
    year=2021,
    variants={
        "repvgg_a0": Variant(
            blocks=(2, 4, 14, 1),
            widths=(48, 96, 192, 1280),
            trainable_params=9_108_968,
            params=9_132_616,
            macs=1_512_581_120,
            published={"imagenet": 72.41},  # table 4
        ),
    },
)
def repvgg(
    image: Tensor, top: Head, *, blocks: tuple[int, ...], widths: tuple[int, ...], folded: bool = False
) -> Tensor:
    x = branched_conv(image, min(64, widths[0]), 3, 2, folded=folded, name="stem")
    for stage, (count, filters) in enumerate(zip(blocks, widths, strict=True), start=1):
        for number in range(1, count + 1):
            stride = 2 if number == 1 else 1
            x = branched_conv(x, filters, 3, stride, folded=folded, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return top(x, global_average_pool)
