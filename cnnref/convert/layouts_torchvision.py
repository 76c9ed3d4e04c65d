"""torchvision's names for our layers; timm has the same names for several families."""

from __future__ import annotations

import re

from .rules import HALF, Layout, Names, conv_and_norm, merged, table

#: torchvision's and timm's residual networks have the stride of a bottleneck on its 3x3 convolution.
STRIDE_ON_3X3 = {
    "*_v1": "they belong to a network with its strides on the 3x3 convolutions, which is called the same without '_v1'"
}

ALEXNET = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "dense6": "classifier.1",
    "dense7": "classifier.4",
    "logits": "classifier.6",
}

VGG = {
    "dense6": "classifier.0",
    "dense7": "classifier.3",
    "logits": "classifier.6",
}

RESNET = {
    "stem": "conv1",
    "stem_bn": "bn1",
    "stage{s}_block{b}_conv{c}": "layer{s}.{b-1}.conv{c}",
    "stage{s}_block{b}_conv{c}_bn": "layer{s}.{b-1}.bn{c}",
    "stage{s}_block{b}_shortcut": "layer{s}.{b-1}.downsample.0",
    "stage{s}_block{b}_shortcut_bn": "layer{s}.{b-1}.downsample.1",
    "logits": "fc",
}

DENSENET = {
    "stem": "features.conv0",
    "stem_bn": "features.norm0",
    "block{b}_layer{i}_preact_bn": "features.denseblock{b}.denselayer{i}.norm1",
    "block{b}_layer{i}_conv1_bn": "features.denseblock{b}.denselayer{i}.norm2",
    "block{b}_layer{i}_conv{c}": "features.denseblock{b}.denselayer{i}.conv{c}",
    "transition{t}_preact_bn": "features.transition{t}.norm",
    "transition{t}_conv": "features.transition{t}.conv",
    "end_bn": "features.norm5",
    "logits": "classifier",
}

#: The published files have a dot in these names that later versions of torchvision removed.
DENSENET_FILES = {
    ours: re.sub(r"(norm|conv)(\d|\{c\})$", r"\1.\2", theirs) if "denselayer" in theirs else theirs
    for ours, theirs in DENSENET.items()
}

GOOGLENET = conv_and_norm(
    {
        "conv1": "conv1",
        "conv2_reduce": "conv2",
        "conv2": "conv3",
        "inception{module}_1x1": "inception{module}.branch1",
        "inception{module}_3x3_reduce": "inception{module}.branch2.0",
        "inception{module}_3x3": "inception{module}.branch2.1",
        "inception{module}_5x5_reduce": "inception{module}.branch3.0",
        "inception{module}_5x5": "inception{module}.branch3.1",
        "inception{module}_pool_project": "inception{module}.branch4.1",
    },
    ".conv",
    ".bn",
) | {"logits": "fc"}

INCEPTION_V3 = conv_and_norm(
    {
        "conv1": "Conv2d_1a_3x3",
        "conv2": "Conv2d_2a_3x3",
        "conv3": "Conv2d_2b_3x3",
        "conv4": "Conv2d_3b_1x1",
        "conv5": "Conv2d_4a_3x3",
        "mixed{module}_pool_project": "Mixed_{module}.branch_pool",
        "mixed{module}_{branch}": "Mixed_{module}.branch{branch}",
        "mixed{module}_{branch}_{place}": "Mixed_{module}.branch{branch}_{place}",
    },
    ".conv",
    ".bn",
) | {"logits": "fc"}

SQUEEZENET = {
    "conv1": "features.0",
    "class_maps": "classifier.1",
}

MOBILENET_V2 = conv_and_norm(
    {
        "stem": "features.0",
        "stage{s}_block{b}_expand": "features.{n}.conv.{p}",
        "stage{s}_block{b}_depthwise": "features.{n}.conv.{p}",
        "end": "features.{blocks+1}",
    },
    ".0",
    ".1",
) | {
    "stage{s}_block{b}_project": "features.{n}.conv.{p}",
    "stage{s}_block{b}_project_bn": "features.{n}.conv.{p+1}",
    "logits": "classifier.1",
}

MOBILENET_V3 = conv_and_norm(
    {
        "stem": "features.0",
        "block{b}_{part}": "features.{b}.block.{p}",
        "end": "features.{blocks+1}",
    },
    ".0",
    ".1",
) | {
    "block{b}_se_reduce": "features.{b}.block.{p}.fc1",
    "block{b}_se_expand": "features.{b}.block.{p}.fc2",
    "dense": "classifier.0",
    "logits": "classifier.3",
}

EFFICIENTNET = conv_and_norm(
    {
        "stem": "features.0",
        "stage{s}_block{b}_{part}": "features.{s}.{b-1}.block.{p}",
        "end": "features.8",
    },
    ".0",
    ".1",
) | {
    "stage{s}_block{b}_se_reduce": "features.{s}.{b-1}.block.{p}.fc1",
    "stage{s}_block{b}_se_expand": "features.{s}.{b-1}.block.{p}.fc2",
    "logits": "classifier.1",
}

MNASNET = {
    "stem": "layers.0",
    "stem_bn": "layers.1",
    "stage1_block1_depthwise": "layers.3",
    "stage1_block1_depthwise_bn": "layers.4",
    "stage1_block1_project": "layers.6",
    "stage1_block1_project_bn": "layers.7",
    "stage{s}_block{b}_expand": "layers.{s+6}.{b-1}.layers.0",
    "stage{s}_block{b}_expand_bn": "layers.{s+6}.{b-1}.layers.1",
    "stage{s}_block{b}_depthwise": "layers.{s+6}.{b-1}.layers.3",
    "stage{s}_block{b}_depthwise_bn": "layers.{s+6}.{b-1}.layers.4",
    "stage{s}_block{b}_project": "layers.{s+6}.{b-1}.layers.6",
    "stage{s}_block{b}_project_bn": "layers.{s+6}.{b-1}.layers.7",
    "end": "layers.14",
    "end_bn": "layers.15",
    "logits": "classifier.1",
}

REGNET = conv_and_norm(
    {
        "stem": "stem",
        "stage{s}_block{b}_conv{c}": "trunk_output.block{s}.block{s}-{b-1}.f.{c:a}",
        "stage{s}_block{b}_shortcut": "trunk_output.block{s}.block{s}-{b-1}.proj",
    },
    ".0",
    ".1",
) | {
    "stage{s}_block{b}_se_reduce": "trunk_output.block{s}.block{s}-{b-1}.f.se.fc1",
    "stage{s}_block{b}_se_expand": "trunk_output.block{s}.block{s}-{b-1}.f.se.fc2",
    "logits": "fc",
}

SHUFFLENET_V2 = {
    "stem": "conv1.0",
    "stem_bn": "conv1.1",
    "stage{s}_block{b}_left_depthwise": "stage{s+1}.{b-1}.branch1.0",
    "stage{s}_block{b}_left_depthwise_bn": "stage{s+1}.{b-1}.branch1.1",
    "stage{s}_block{b}_left_conv": "stage{s+1}.{b-1}.branch1.2",
    "stage{s}_block{b}_left_conv_bn": "stage{s+1}.{b-1}.branch1.3",
    "stage{s}_block{b}_conv1": "stage{s+1}.{b-1}.branch2.0",
    "stage{s}_block{b}_conv1_bn": "stage{s+1}.{b-1}.branch2.1",
    "stage{s}_block{b}_depthwise": "stage{s+1}.{b-1}.branch2.3",
    "stage{s}_block{b}_depthwise_bn": "stage{s+1}.{b-1}.branch2.4",
    "stage{s}_block{b}_conv2": "stage{s+1}.{b-1}.branch2.5",
    "stage{s}_block{b}_conv2_bn": "stage{s+1}.{b-1}.branch2.6",
    "end": "conv5.0",
    "end_bn": "conv5.1",
    "logits": "fc",
}

CONVNEXT = {
    "stem": "features.0.0",
    "stem_ln": "features.0.1",
    "stage{s}_downsample_ln": "features.{2s-2}.0",
    "stage{s}_downsample": "features.{2s-2}.1",
    "stage{s}_block{b}_depthwise": "features.{2s-1}.{b-1}.block.0",
    "stage{s}_block{b}_depthwise_ln": "features.{2s-1}.{b-1}.block.2",
    "stage{s}_block{b}_conv1": "features.{2s-1}.{b-1}.block.3",
    "stage{s}_block{b}_conv2": "features.{2s-1}.{b-1}.block.5",
    "stage{s}_block{b}_scale": "features.{2s-1}.{b-1}.layer_scale",
    "end_ln": "classifier.0",
    "logits": "classifier.2",
}


def vgg_features(layers: list[str]) -> dict[str, str]:
    """VGG's layers have consecutive numbers: convolution, normalization if any, ReLU, and the pooling of each stage."""
    found = {}
    number, stage = 0, "stage1"
    for layer in sorted(name for name in layers if re.fullmatch(r"stage\d_conv\d", name)):
        if not layer.startswith(stage):
            number, stage = number + 1, layer.partition("_")[0]
        for with_weights in (layer, f"{layer}_bn"):
            if with_weights in layers:
                found[with_weights] = f"features.{number}"
                number += 1
        number += 1
    return found


def efficientnet_v2(layers: list[str]) -> dict[str, str]:
    """The names of EfficientNet, with the last convolution behind six or seven stages."""
    end = 8 if "stage7_block1_project" in layers else 7
    rules = {ours: theirs.replace("features.8", f"features.{end}") for ours, theirs in EFFICIENTNET.items()}
    return table(rules)(layers)


def squeezenet_features(layers: list[str]) -> dict[str, str]:
    """SqueezeNet's fire modules and poolings have consecutive numbers, after conv1 and its ReLU."""
    found = {}
    number = 2
    for fire in range(2, 10):
        number += f"pool{fire - 1}" in layers
        for part in ("squeeze", "expand1x1", "expand3x3"):
            found[f"fire{fire}_{part}"] = f"features.{number}.{part}"
        number += 1
    return found


def _layout(names: Names, classifier: str, epsilon: float = 1e-5, *, of: str = "torchvision") -> Layout:
    return Layout(of, names, (classifier,), {"same": epsilon})


RESNETS = Layout("torchvision and timm", table(RESNET), ("fc.",), excluded=STRIDE_ON_3X3)

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "alexnet": (_layout(table(ALEXNET), "classifier."),),
    "vgg": (_layout(merged(vgg_features, table(VGG)), "classifier."),),
    "resnet": (RESNETS,),
    "resnext": (RESNETS,),
    "wide_bottleneck_resnet": (RESNETS,),
    "regnet": (_layout(table(REGNET), "fc."),),
    "mnasnet": (_layout(table(MNASNET), "classifier."),),
    "densenet": (
        _layout(table(DENSENET), "classifier.", of="torchvision and timm"),
        _layout(table(DENSENET_FILES), "classifier.", of="torchvision's published files"),
    ),
    "googlenet": (
        # torchvision's own code converts ImageNet's normalization to this one.
        Layout(
            "torchvision", table(GOOGLENET), ("fc.",), {"same": 1e-3}, ignored=("aux1.", "aux2."), normalization=HALF
        ),
    ),
    "inception_v3": (
        Layout(
            "torchvision and timm",
            table(INCEPTION_V3),
            ("fc.",),
            {"same": 1e-3},
            ignored=("AuxLogits.",),
            normalization=HALF,
        ),
    ),
    "squeezenet": (_layout(merged(squeezenet_features, table(SQUEEZENET)), "classifier."),),
    "mobilenet_v2": (_layout(table(MOBILENET_V2), "classifier."),),
    "mobilenet_v3": (_layout(table(MOBILENET_V3), "classifier.", 1e-3),),
    "efficientnet": (
        Layout(
            "torchvision",
            table(EFFICIENTNET),
            ("classifier.",),
            other_epsilons=dict.fromkeys(("efficientnet_b5", "efficientnet_b6", "efficientnet_b7"), 1e-3),
        ),
    ),
    # The weights of L take pixels normalized with HALF, which the catalogue of weights says.
    "efficientnet_v2": (_layout(efficientnet_v2, "classifier.", 1e-3),),
    "shufflenet_v2": (_layout(table(SHUFFLENET_V2), "fc."),),
    "convnext": (_layout(table(CONVNEXT), "classifier."),),
}  # fmt: skip
