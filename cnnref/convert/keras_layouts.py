"""keras.applications' names for our layers, and how its weights are prepared for the conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..models import inception_resnetv2, inceptionv3
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

EFFICIENTNET_V2 = {**EFFICIENTNET, "stage{s}_block{b}_depthwise": "block{s}{b:a}_dwconv2"}

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


RESNET_V2 = {
    "stem": "conv1_conv",
    "stage{s}_block{b}_preact_bn": "conv{s+1}_block{b}_preact_bn",
    "stage{s}_block{b}_conv{c}": "conv{s+1}_block{b}_{c}_conv",
    "stage{s}_block{b}_conv{c}_bn": "conv{s+1}_block{b}_{c}_bn",
    "stage{s}_block{b}_shortcut": "conv{s+1}_block{b}_0_conv",
    "end_bn": "post_bn",
    "logits": "predictions",
}

#: Keras gives the shortcuts no names, so they are counted; see `numbered`.
XCEPTION = {
    "block1_conv{c}": "block1_conv{c}",
    "block1_conv{c}_bn": "block1_conv{c}_bn",
    "block{b}_sepconv{c}_depthwise": "block{b}_sepconv{c}_depthwise",
    "block{b}_sepconv{c}": "block{b}_sepconv{c}",
    "block{b}_sepconv{c}_bn": "block{b}_sepconv{c}_bn",
    **{
        f"block{block}_shortcut{ours}": f"{theirs}#{number}"
        for number, block in enumerate((2, 3, 4, 13))
        for ours, theirs in (("", "conv2d"), ("_bn", "batch_normalization"))
    },
    "logits": "predictions",
}


def inception_v3(_: list[str]) -> dict[str, str]:
    """The convolutions and normalizations of Inception v3, which Keras only counts, in the order of our tables."""
    return numbered(inceptionv3.convolution_order()) | {"logits": "predictions"}


def inception_resnet_v2(layers: list[str]) -> dict[str, str]:
    """Those of Inception-ResNet v2; the last convolution of each block, and that of the network, have names."""
    rules = {"block{k}_{b}_up": "block{k}_{b}_conv", "end": "conv_7b", "end_bn": "conv_7b_bn", "logits": "predictions"}
    return numbered(inception_resnetv2.convolution_order()) | table(rules)(layers)


NASNET = {
    "stem": "stem_conv1",
    "stem_bn": "stem_bn1",
    **{
        rule: name
        for ours, theirs, kind in (
            ("stem{i}", "stem_{i}", "reduction"),
            ("reduce{i}", "reduce_{i}", "reduction"),
            ("cell{i}", "{i}", "normal"),
        )
        for rule, name in {
            f"{ours}_squeeze": f"{kind}_conv_1_{theirs}",
            f"{ours}_squeeze_bn": f"{kind}_bn_1_{theirs}",
            f"{ours}_adjust": f"adjust_conv_projection_{theirs}",
            f"{ours}_adjust_bn": f"adjust_bn_{theirs}",
            f"{ours}_adjust{{n}}": f"adjust_conv_{{n}}_{theirs}",
            f"{ours}_{{side}}_sep{{n}}_depthwise": f"separable_conv_{{n}}_{kind}_{{side}}_{theirs}_depthwise",
            f"{ours}_{{side}}_sep{{n}}": f"separable_conv_{{n}}_{kind}_{{side}}_{theirs}",
            f"{ours}_{{side}}_sep{{n}}_bn": f"separable_conv_{{n}}_bn_{kind}_{{side}}_{theirs}",
        }.items()
    },
    "logits": "predictions",
}


def numbered(convolutions: Sequence[str]) -> dict[str, str]:
    """The names for convolutions and their normalizations to which Keras gave numbers in this order.

    The numbers that Keras gives go on from one network to the next, so `keras_applications` counts them anew from 0.
    """
    return {name: f"conv2d#{number}" for number, name in enumerate(convolutions)} | {
        f"{name}_bn": f"batch_normalization#{number}" for number, name in enumerate(convolutions)
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


def separated(tensors: Tensors) -> Tensors:
    """Keras' separable convolutions as two layers each, `NAME_depthwise` and `NAME`."""
    renamed = {}
    for name, value in tensors.items():
        name = name.replace(".depthwise_kernel", "_depthwise.kernel")
        renamed[name.replace(".pointwise_kernel", ".kernel")] = value
    return renamed


def with_scales(tensors: Tensors) -> Tensors:
    """A scale of 1 for every normalization, of which these networks have none."""
    means = [name for name in tensors if name.endswith(".moving_mean")]
    return tensors | {name.replace(".moving_mean", ".gamma"): np.ones_like(tensors[name]) for name in means}


@dataclass(frozen=True)
class Layout:
    """The names of one family, and how its weights are prepared before they are matched with ours."""

    names: Names
    prepare: Callable[[Tensors], Tensors] = unchanged


LAYOUTS = {
    "vgg": Layout(table(VGG)),
    "resnet": Layout(table(RESNET), without_biases),
    "keras_resnet_v2": Layout(table(RESNET_V2)),
    "inception_v3": Layout(inception_v3, with_scales),
    "inception_resnet_v2": Layout(inception_resnet_v2, with_scales),
    "xception": Layout(table(XCEPTION), separated),
    "nasnet": Layout(table(NASNET), separated),
    "densenet": Layout(table(DENSENET)),
    "mobilenet_v1": Layout(table(MOBILENET_V1)),
    "mobilenet_v2": Layout(table(MOBILENET_V2)),
    "mobilenet_v3": Layout(table(MOBILENET_V3)),
    "efficientnet": Layout(table(EFFICIENTNET)),
    "efficientnet_v2": Layout(table(EFFICIENTNET_V2)),
    "convnext": Layout(table(CONVNEXT)),
}
