"""The names of our layers in lukemelas/EfficientNet-PyTorch, and in EfficientNet-Lite-PyTorch, which is based on it.

Both have TensorFlow's padding and epsilon 1e-3, as the authors' networks. EfficientNet takes pixels with ImageNet's
normalization, and EfficientNet-Lite takes (pixel - 127) / 128, as its authors do.
"""

from __future__ import annotations

from ..models.normalization import Normalization
from .rules import Layout, table

LITE: Normalization = ((127 / 255,) * 3, (128 / 255,) * 3)

STAGES = {
    "stem": "_conv_stem",
    "stem_bn": "_bn0",
    "stage{s}_block{b}_expand": "_blocks.{n-1}._expand_conv",
    "stage{s}_block{b}_expand_bn": "_blocks.{n-1}._bn0",
    "stage{s}_block{b}_depthwise": "_blocks.{n-1}._depthwise_conv",
    "stage{s}_block{b}_depthwise_bn": "_blocks.{n-1}._bn1",
    "stage{s}_block{b}_se_{part}": "_blocks.{n-1}._se_{part}",
    "stage{s}_block{b}_project": "_blocks.{n-1}._project_conv",
    "stage{s}_block{b}_project_bn": "_blocks.{n-1}._bn2",
    "end": "_conv_head",
    "end_bn": "_bn1",
    "logits": "_fc",
}

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "efficientnet": (Layout("EfficientNet-PyTorch", table(STAGES), ("_fc.",), {"tensorflow": 1e-3}),),
    "efficientnet_lite": (
        Layout("EfficientNet-Lite-PyTorch", table(STAGES), ("_fc.",), {"tensorflow": 1e-3}, normalization=LITE),
    ),
}
