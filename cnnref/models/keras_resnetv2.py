"""ResNet v2 as keras.applications has it: pre-activation bottlenecks with strides in the last block of a stage.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, ECCV 2016.

    image 224x224x3 -> stem 112x112x64 -> 56x56 -> stage1 28x28x256 -> stage2 14x14x512 -> stage3 7x7x1024
          -> stage4 7x7x2048 -> mean -> 2048 -> classes

Deviations from the paper, all of which keras.applications has: the last block of stages 1 to 3 has the stride, with
every other pixel of every other row as its shortcut; stem, shortcuts and the last convolution of a block have biases;
the max pooling of the stem is padded with zeros. `resnet50_v2` is the network of the paper.
"""

from __future__ import annotations

from typing import Any

from .blocks import HE, Head, Tensor, add, batch_norm, conv, global_average_pool, name_stage, pool, set_name
from .preact_resnet import convolution
from .registry import KERAS, Variant, register
from .resnet import Blocks


def _variant(blocks: Blocks, top1: float, **facts: Any) -> Variant:
    """A row of the table: the numbers of blocks, and keras.applications' top-1."""
    return Variant(blocks=blocks, published={"imagenet": top1}, source=KERAS, **facts)


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="He et al., Identity Mappings in Deep Residual Networks, ECCV 2016 (arXiv 1603.05027)",
    year=2016,
    variants={
        "resnet50_v2_keras": _variant(
            (3, 4, 6, 3), 76.0, trainable_params=25_568_360, params=25_613_800, macs=3_482_255_360
        ),
        "resnet101_v2_keras": _variant(
            (3, 4, 23, 3), 77.2, trainable_params=44_577_896, params=44_675_560, macs=7_194_476_544
        ),
        "resnet152_v2_keras": _variant(
            (3, 8, 36, 3), 78.0, trainable_params=60_236_904, params=60_380_648, macs=10_906_697_728
        ),
    },
)
def keras_resnet_v2(image: Tensor, top: Head, *, blocks: Blocks) -> Tensor:
    x = conv(image, 64, 7, 2, initializer=HE, name="stem")
    x = pool(x, "max", 3, 2, padding=1, name="stem_pool")
    for stage, (count, filters) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True), start=1):
        for number in range(1, count + 1):
            stride = 2 if number == count and stage < 4 else 1
            x = block(x, filters, stride, first=number == 1, name=f"stage{stage}_block{number}")
        x = name_stage(x, stage)
    return top(batch_norm(x, activation="relu", name="end"), global_average_pool)


def block(x: Tensor, filters: int, stride: int, *, first: bool, name: str) -> Tensor:
    """A pre-activation bottleneck; a stage's first has a 1x1 shortcut. [n, h, w, c] -> [n, h', w', 4 * filters]."""
    active = batch_norm(x, activation="relu", name=f"{name}_preact")
    if first:
        shortcut = conv(active, 4 * filters, 1, stride, initializer=HE, name=f"{name}_shortcut")
    else:
        shortcut = set_name(x[:, ::stride, ::stride], f"{name}_shortcut") if stride > 1 else x
    branch = convolution(active, filters, 1, 1, f"{name}_conv1")
    branch = batch_norm(branch, activation="relu", name=f"{name}_conv1")
    branch = convolution(branch, filters, 3, stride, f"{name}_conv2")
    branch = batch_norm(branch, activation="relu", name=f"{name}_conv2")
    branch = conv(branch, 4 * filters, 1, initializer=HE, name=f"{name}_conv3")
    return add([shortcut, branch], name)
