"""keras.applications' names for our layers, and how its weights are prepared for the conversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .rules import Names, conv_and_norm, table

Tensors = dict[str, np.ndarray]

VGG = {
    "stage{s}_conv{c}": "block{s}_conv{c}",
    "dense6": "fc1",
    "dense7": "fc2",
    "logits": "predictions",
}

RESNET = conv_and_norm(
    {
        "stem": "conv1",
        "stage{s}_block{b}_conv{c}": "conv{s+1}_block{b}_{c}",
        "stage{s}_block{b}_shortcut": "conv{s+1}_block{b}_0",
    },
    "_conv",
    "_bn",
) | {"logits": "predictions"}

DENSENET = {
    "stem": "conv1_conv",
    "stem_bn": "conv1_bn",
    "block{b}_layer{i}_preact_bn": "conv{b+1}_block{i}_0_bn",
    "block{b}_layer{i}_conv{c}": "conv{b+1}_block{i}_{c}_conv",
    "block{b}_layer{i}_conv{c}_bn": "conv{b+1}_block{i}_{c}_bn",
    "transition{t}_preact_bn": "pool{t+1}_bn",
    "transition{t}_conv": "pool{t+1}_conv",
    "end_bn": "bn",
    "logits": "predictions",
}

MOBILENET_V1 = conv_and_norm(
    {
        "stem": "conv1",
        "block{b}_depthwise": "conv_dw_{b}",
        "block{b}_pointwise": "conv_pw_{b}",
    },
    "",
    "_bn",
) | {"logits": "conv_preds"}

MOBILENET_V2 = {
    "stem": "Conv1",
    "stem_bn": "bn_Conv1",
    **conv_and_norm(
        {
            "stage1_block1_{part}": "expanded_conv_{part}",
            "stage{s}_block{b}_{part}": "block_{n-1}_{part}",
        },
        "",
        "_BN",
    ),
    "end": "Conv_1",
    "end_bn": "Conv_1_bn",
    "logits": "predictions",
}

MOBILENET_V3 = {
    **conv_and_norm(
        {
            "stem": "conv",
            "block1_{part}": "expanded_conv_{part}",
            "block{b}_{part}": "expanded_conv_{b-1}_{part}",
            "end": "conv_1",
        },
        "",
        "_bn",
    ),
    "block1_se_reduce": "expanded_conv_squeeze_excite_conv",
    "block1_se_expand": "expanded_conv_squeeze_excite_conv_1",
    "block{b}_se_reduce": "expanded_conv_{b-1}_squeeze_excite_conv",
    "block{b}_se_expand": "expanded_conv_{b-1}_squeeze_excite_conv_1",
    "dense": "conv_2",
    "logits": "logits",
}

EFFICIENTNET = conv_and_norm(
    {
        "stem": "stem",
        "stage{s}_block{b}_expand": "block{s}{b:a}_expand",
        "stage{s}_block{b}_project": "block{s}{b:a}_project",
        "end": "top",
    },
    "_conv",
    "_bn",
) | {
    "stage{s}_block{b}_depthwise": "block{s}{b:a}_dwconv",
    "stage{s}_block{b}_depthwise_bn": "block{s}{b:a}_bn",
    "stage{s}_block{b}_se_{part}": "block{s}{b:a}_se_{part}",
    "logits": "predictions",
}

CONVNEXT = {
    "stem": "stem_conv",
    "stem_ln": "stem_layernorm",
    "stage{s}_downsample_ln": "downsampling_layernorm_{s-2}",
    "stage{s}_downsample": "downsampling_conv_{s-2}",
    "stage{s}_block{b}_depthwise": "stage_{s-1}_block_{b-1}_depthwise_conv",
    "stage{s}_block{b}_depthwise_ln": "stage_{s-1}_block_{b-1}_layernorm",
    "stage{s}_block{b}_conv{c}": "stage_{s-1}_block_{b-1}_pointwise_conv_{c}",
    "stage{s}_block{b}_scale": "stage_{s-1}_block_{b-1}_layer_scale",
    "end_ln": "head_layernorm",
    "logits": "head_dense",
}


def unchanged(tensors: Tensors) -> Tensors:
    """The tensors as they are."""
    return tensors


def without_biases(tensors: Tensors) -> Tensors:
    """Subtract the biases of convolutions from the mean of the batch normalization after them, an equivalent."""
    kept = {name: value for name, value in tensors.items() if not name.endswith("_conv.bias")}
    for name in tensors.keys() - kept.keys():
        mean = name.replace("_conv.bias", "_bn.moving_mean")
        if mean in kept:
            kept[mean] = kept[mean] - tensors[name]
        else:
            kept[name] = tensors[name]
    return kept


@dataclass(frozen=True)
class Layout:
    """The names of one family, and how its weights are prepared before they are matched with ours."""

    names: Names
    prepare: Callable[[Tensors], Tensors] = unchanged


LAYOUTS = {
    "vgg": Layout(table(VGG)),
    "resnet": Layout(table(RESNET), without_biases),
    "densenet": Layout(table(DENSENET)),
    "mobilenet_v1": Layout(table(MOBILENET_V1)),
    "mobilenet_v2": Layout(table(MOBILENET_V2)),
    "mobilenet_v3": Layout(table(MOBILENET_V3)),
    "efficientnet": Layout(table(EFFICIENTNET)),
    "convnext": Layout(table(CONVNEXT)),
}
