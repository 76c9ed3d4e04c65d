"""What is done between two volumes, in the few words that fit over an arrow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...arithmetic import wording as words

if TYPE_CHECKING:
    from ...arithmetic import LayerRow
    from .folding import Volume

#: More layers than this are counted, not told one by one.
TOLD = 2
STEMS = {
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    "Conv2DTranspose": "conv up",
    "MaxPooling2D": "max",
    "AveragePooling2D": "mean",
    "GlobalAveragePooling2D": "global mean",
    "GlobalMaxPooling2D": "global max",
    "Concatenate": "concat",
}
#: What an activation is called in a layer's name, and on paper; a layer of the class Activation tells no other way.
CURVES = {
    "relu": "ReLU", "relu6": "ReLU6", "tanh": "tanh", "sigmoid": "sigmoid", "softmax": "softmax", "gelu": "GELU",
    "swish": "swish", "silu": "swish", "elu": "ELU", "selu": "SELU", "leaky": "leaky ReLU", "leakyrelu": "leaky ReLU",
    "hardswish": "hard swish", "hardsilu": "hard swish", "hardsigmoid": "hard sigmoid",
}  # fmt: skip


def between(volume: Volume) -> tuple[str, ...]:
    """Lines of a few letters each: ("conv 5x5", "tanh"), or ("3 blocks", "10 conv")."""
    told = [row for row in volume.rows if words.sort_of(row) in (words.CONVOLUTION, words.POOLING, words.DENSE)]
    if not told:
        return tuple(row.kind.lower() for row in volume.rows[:1])
    if len(told) <= TOLD and not volume.blocks:
        return (*(line for row in told for line in _step(row)), *_curve(volume.rows))
    lines = [f"{volume.blocks} block{'s' * (volume.blocks > 1)}"] if volume.blocks else []
    for sort, word in ((words.CONVOLUTION, "conv"), (words.DENSE, "dense")):
        if count := sum(words.sort_of(row) == sort for row in told):
            lines.append(f"{count} {word}")
    if words.sort_of(told[-1]) == words.POOLING:
        lines.extend(_step(told[-1]))
    return tuple(lines)


def _step(row: LayerRow) -> tuple[str, ...]:
    sort = words.sort_of(row)
    name = STEMS.get(row.kind, {words.CONVOLUTION: "conv", words.DENSE: "dense"}.get(sort, row.kind.lower()))
    if row.kernel is None:
        return tuple(name.split())
    stride = f" /{max(row.strides)}" if row.strides and max(row.strides) > 1 else ""
    return (f"{name} {words.by(row.kernel)}{stride}",)


def _curve(rows: Sequence[LayerRow]) -> tuple[str, ...]:
    """The last activation, where its class or its name says which."""
    for row in reversed(rows):
        if words.sort_of(row) == words.ACTIVATION:
            parts = [row.kind.lower(), *re.split(r"[_/]", row.name.lower().replace("hard_", "hard"))[::-1]]
            return next(((CURVES[part],) for part in parts if part in CURVES), ())
    return ()
