"""timm's names for our layers, for the families where they differ from torchvision's."""

from __future__ import annotations

from .layouts_torchvision import RESNET, vgg_features
from .rules import HALF, Layout, conv_and_norm, merged, table

VGG = {
    "dense6": "pre_logits.fc1",
    "dense7": "pre_logits.fc2",
    "logits": "head.fc",
}

PREACT_RESNET = {
    "stem": "stem.conv",
    "stage{s}_block{b}_preact_bn": "stages.{s-1}.blocks.{b-1}.norm1",
    "stage{s}_block{b}_conv{c}_bn": "stages.{s-1}.blocks.{b-1}.norm{c+1}",
    "stage{s}_block{b}_conv{c}": "stages.{s-1}.blocks.{b-1}.conv{c}",
    "stage{s}_block{b}_shortcut": "stages.{s-1}.blocks.{b-1}.downsample.conv",
    "end_bn": "norm",
    "logits": "head.fc",
}

STEM = {"stem": "conv_stem", "stem_bn": "bn1"}
TOP = {"end": "conv_head", "end_bn": "bn2", "logits": "classifier"}


def separable(ours: str, theirs: str) -> dict[str, str]:
    """A block without expansion: depthwise, 1x1."""
    return {
        f"{ours}_depthwise": f"{theirs}.conv_dw",
        f"{ours}_depthwise_bn": f"{theirs}.bn1",
        f"{ours}_se_{{part}}": f"{theirs}.se.conv_{{part}}",
        f"{ours}_project": f"{theirs}.conv_pw",
        f"{ours}_project_bn": f"{theirs}.bn2",
    }


def inverted(ours: str, theirs: str) -> dict[str, str]:
    """A block with expansion: 1x1, depthwise, 1x1."""
    return {
        f"{ours}_expand": f"{theirs}.conv_pw",
        f"{ours}_expand_bn": f"{theirs}.bn1",
        f"{ours}_depthwise": f"{theirs}.conv_dw",
        f"{ours}_depthwise_bn": f"{theirs}.bn2",
        f"{ours}_se_{{part}}": f"{theirs}.se.conv_{{part}}",
        f"{ours}_project": f"{theirs}.conv_pwl",
        f"{ours}_project_bn": f"{theirs}.bn3",
    }


#: MobileNet v2 and EfficientNet: only the first stage has no expansion.
STAGED = {
    **STEM,
    **separable("stage1_block{b}", "blocks.0.{b-1}"),
    **inverted("stage{s}_block{b}", "blocks.{s-1}.{b-1}"),
    **TOP,
}

REGNET = conv_and_norm(
    {
        "stem": "stem",
        "stage{s}_block{b}_conv{c}": "s{s}.b{b}.conv{c}",
        "stage{s}_block{b}_shortcut": "s{s}.b{b}.downsample",
    },
    ".conv",
    ".bn",
) | {
    "stage{s}_block{b}_se_reduce": "s{s}.b{b}.se.fc1",
    "stage{s}_block{b}_se_expand": "s{s}.b{b}.se.fc2",
    "logits": "head.fc",
}

SE_RESNET = RESNET | {
    "stage{s}_block{b}_se_reduce": "layer{s}.{b-1}.se.fc1",
    "stage{s}_block{b}_se_expand": "layer{s}.{b-1}.se.fc2",
}


def fused(ours: str, theirs: str, *, expanded: bool) -> dict[str, str]:
    """A block of full convolutions: an expansion and a 1x1, or a single one."""
    if not expanded:
        return {f"{ours}_project": f"{theirs}.conv", f"{ours}_project_bn": f"{theirs}.bn1"}
    return {
        f"{ours}_expand": f"{theirs}.conv_exp",
        f"{ours}_expand_bn": f"{theirs}.bn1",
        f"{ours}_project": f"{theirs}.conv_pwl",
        f"{ours}_project_bn": f"{theirs}.bn2",
    }


def efficientnet_v2(layers: list[str]) -> dict[str, str]:
    """The names of stages that have fused blocks, or the blocks of EfficientNet."""
    rules = {**STEM, **TOP}
    for stage in range(1, 8):
        ours, theirs = f"stage{stage}_block{{b}}", f"blocks.{stage - 1}.{{b-1}}"
        if f"stage{stage}_block1_depthwise" in layers:
            rules |= inverted(ours, theirs)
        else:
            rules |= fused(ours, theirs, expanded=f"stage{stage}_block1_expand" in layers)
    return table(rules)(layers)


INCEPTION_RESNET_V2 = conv_and_norm(
    {
        "conv1": "conv2d_1a",
        "conv2": "conv2d_2a",
        "conv3": "conv2d_2b",
        "conv4": "conv2d_3b",
        "conv5": "conv2d_4a",
        "mixed5b_pool_project": "mixed_5b.branch3.1",
        "mixed{module}_branch{c}": "mixed_{module}.branch{c}",
        "mixed{module}_branch{c}_{i}": "mixed_{module}.branch{c}.{i-1}",
        "block35_{b}_branch{c}": "repeat.{b-1}.branch{c}",
        "block35_{b}_branch{c}_{i}": "repeat.{b-1}.branch{c}.{i-1}",
        "block17_{b}_branch{c}": "repeat_1.{b-1}.branch{c}",
        "block17_{b}_branch{c}_{i}": "repeat_1.{b-1}.branch{c}.{i-1}",
        "block8_10_branch{c}": "block8.branch{c}",
        "block8_10_branch{c}_{i}": "block8.branch{c}.{i-1}",
        "block8_{b}_branch{c}": "repeat_2.{b-1}.branch{c}",
        "block8_{b}_branch{c}_{i}": "repeat_2.{b-1}.branch{c}.{i-1}",
        "end": "conv2d_7b",
    },
    ".conv",
    ".bn",
) | {
    "block35_{b}_up": "repeat.{b-1}.conv2d",
    "block17_{b}_up": "repeat_1.{b-1}.conv2d",
    "block8_10_up": "block8.conv2d",
    "block8_{b}_up": "repeat_2.{b-1}.conv2d",
    "logits": "classif",
}


def xception(layers: list[str]) -> dict[str, str]:
    """The names of blocks of ReLUs, separable convolutions and normalizations, which have consecutive numbers."""
    rules = {"logits": "fc"}
    rules |= {"block1_conv{c}": "conv{c}", "block1_conv{c}_bn": "bn{c}"}
    rules |= {
        "block14_sepconv{c}_depthwise": "conv{c+2}.conv1",
        "block14_sepconv{c}": "conv{c+2}.pointwise",
        "block14_sepconv{c}_bn": "bn{c+2}",
        "block{b}_shortcut": "block{b-1}.skip",
        "block{b}_shortcut_bn": "block{b-1}.skipbn",
        # The first of these blocks has no ReLU before its first convolution.
        "block2_sepconv{c}_depthwise": "block1.rep.{3c-3}.conv1",
        "block2_sepconv{c}": "block1.rep.{3c-3}.pointwise",
        "block2_sepconv{c}_bn": "block1.rep.{3c-2}",
        "block{b}_sepconv{c}_depthwise": "block{b-1}.rep.{3c-2}.conv1",
        "block{b}_sepconv{c}": "block{b-1}.rep.{3c-2}.pointwise",
        "block{b}_sepconv{c}_bn": "block{b-1}.rep.{3c-1}",
    }
    return table(rules)(layers)


GHOSTNET_BLOCKS = (1, 1, 1, 1, 1, 1, 5, 1, 4)


def ghostnet(layers: list[str]) -> dict[str, str]:
    """The names for sixteen blocks of two ghost modules each."""
    rules = {**STEM, "end": "blocks.9.0.conv", "end_bn": "blocks.9.0.bn1", "dense": "conv_head", "logits": "classifier"}
    for number, module in enumerate(block_modules(GHOSTNET_BLOCKS), start=1):
        rules |= {
            f"block{number}_depthwise": f"{module}.conv_dw",
            f"block{number}_depthwise_bn": f"{module}.bn_dw",
            f"block{number}_se_{{part}}": f"{module}.se.conv_{{part}}",
        }
        for ours, theirs in (("primary", "primary_conv"), ("cheap", "cheap_operation")):
            rules |= conv_and_norm({f"block{number}_ghost{{i}}_{ours}": f"{module}.ghost{{i}}.{theirs}"}, ".0", ".1")
        rules |= {f"block{number}_shortcut{{i}}": f"{module}.shortcut.{{2i-2}}"}
        rules |= {f"block{number}_shortcut{{i}}_bn": f"{module}.shortcut.{{2i-1}}"}
    return table(rules)(layers)


MOBILENET_V4 = {
    **STEM,
    "stage{s}_block{b}_conv": "blocks.{s-1}.{b-1}.conv",
    "stage{s}_block{b}_conv_bn": "blocks.{s-1}.{b-1}.bn1",
    **conv_and_norm(
        {
            "stage{s}_block{b}_before": "blocks.{s-1}.{b-1}.dw_start",
            "stage{s}_block{b}_expand": "blocks.{s-1}.{b-1}.pw_exp",
            "stage{s}_block{b}_depthwise": "blocks.{s-1}.{b-1}.dw_mid",
            "stage{s}_block{b}_project": "blocks.{s-1}.{b-1}.pw_proj",
        },
        ".conv",
        ".bn",
    ),
    "end": "blocks.4.0.conv",
    "end_bn": "blocks.4.0.bn1",
    "head": "conv_head",
    "head_bn": "norm_head",
    "logits": "classifier",
}


def mobilenet_v4(layers: list[str]) -> dict[str, str]:
    """The names; the medium network begins with a fused block."""
    first = fused("stage1_block1", "blocks.0.0", expanded=True) if "stage1_block1_expand" in layers else {}
    return table(first | MOBILENET_V4)(layers)


REPVGG = {
    **conv_and_norm(
        {
            "stem_conv1": "stem.conv_kxk",
            "stem_point": "stem.conv_1x1",
            "stage{s}_block{b}_conv1": "stages.{s-1}.{b-1}.conv_kxk",
            "stage{s}_block{b}_point": "stages.{s-1}.{b-1}.conv_1x1",
        },
        ".conv",
        ".bn",
    ),
    "stage{s}_block{b}_identity_bn": "stages.{s-1}.{b-1}.identity",
    "logits": "head.fc",
}

MOBILEONE = {
    **conv_and_norm(
        {
            "stem_conv{i}": "stem.conv_kxk.{i-1}",
            "stem_point": "stem.conv_scale",
            "stage{s}_block{b}_dw_conv{i}": "stages.{s-1}.{2b-2}.conv_kxk.{i-1}",
            "stage{s}_block{b}_pw_conv{i}": "stages.{s-1}.{2b-1}.conv_kxk.{i-1}",
            "stage{s}_block{b}_dw_point": "stages.{s-1}.{2b-2}.conv_scale",
        },
        ".conv",
        ".bn",
    ),
    "stage{s}_block{b}_dw_identity_bn": "stages.{s-1}.{2b-2}.identity",
    "stage{s}_block{b}_pw_identity_bn": "stages.{s-1}.{2b-1}.identity",
    "logits": "head.fc",
}

#: Blocks in each stage of timm; our networks number all blocks consecutively.
V1_STAGES = (1, 2, 2, 6, 2)
V3_STAGES = {15: (1, 2, 3, 4, 2, 3), 11: (1, 2, 3, 2, 3)}


def block_modules(stages: tuple[int, ...]) -> list[str]:
    """timm's modules of the first block, the second, and so on."""
    return [f"blocks.{stage}.{number}" for stage, count in enumerate(stages) for number in range(count)]


def mobilenet_v1(layers: list[str]) -> dict[str, str]:
    """The names for thirteen separable convolutions."""
    rules = {**STEM, "logits": "classifier"}
    for number, module in enumerate(block_modules(V1_STAGES), start=1):
        rules |= conv_and_norm({f"block{number}_depthwise": module}, ".conv_dw", ".bn1")
        rules |= conv_and_norm({f"block{number}_pointwise": module}, ".conv_pw", ".bn2")
    return table(rules)(layers)


def mobilenet_v3(layers: list[str]) -> dict[str, str]:
    """The names for eleven or fifteen blocks, of which the first has no expansion."""
    stages = V3_STAGES[15 if "block15_project" in layers else 11]
    rules = {**STEM, **separable("block1", "blocks.0.0")}
    for number, module in enumerate(block_modules(stages)[1:], start=2):
        rules |= inverted(f"block{number}", module)
    last = f"blocks.{len(stages)}.0"
    rules |= {"end": f"{last}.conv", "end_bn": f"{last}.bn1", "dense": "conv_head", "logits": "classifier"}
    return table(rules)(layers)


CONVNEXT = {
    "stem": "stem.0",
    "stem_ln": "stem.1",
    "stage{s}_downsample_ln": "stages.{s-1}.downsample.0",
    "stage{s}_downsample": "stages.{s-1}.downsample.1",
    "stage{s}_block{b}_depthwise": "stages.{s-1}.blocks.{b-1}.conv_dw",
    "stage{s}_block{b}_depthwise_ln": "stages.{s-1}.blocks.{b-1}.norm",
    "stage{s}_block{b}_conv{c}": "stages.{s-1}.blocks.{b-1}.mlp.fc{c}",
    "stage{s}_block{b}_scale": "stages.{s-1}.blocks.{b-1}.gamma",
    "end_ln": "head.norm",
    "logits": "head.fc",
}

CONVNEXT_V2 = CONVNEXT | {"stage{s}_block{b}_grn": "stages.{s-1}.blocks.{b-1}.mlp.grn"}

#: timm's networks named tf_... have TensorFlow's padding and epsilon.
EITHER_PADDING = {"same": 1e-5, "tensorflow": 1e-3}

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "vgg": (Layout("timm", merged(vgg_features, table(VGG)), ("pre_logits.", "head.")),),
    "preact_resnet": (Layout("timm", table(PREACT_RESNET), ("head.",)),),
    "mobilenet_v1": (Layout("timm", mobilenet_v1, ("classifier.",)),),
    "mobilenet_v2": (Layout("timm", table(STAGED), ("classifier.",)),),
    "mobilenet_v3": (Layout("timm", mobilenet_v3, ("conv_head.", "classifier."), EITHER_PADDING),),
    "efficientnet": (Layout("timm", table(STAGED), ("classifier.",), EITHER_PADDING),),
    # The networks that timm has trained itself are normalized as usual; these are the authors'.
    "efficientnet_lite": (Layout("timm", table(STAGED), ("classifier.",), EITHER_PADDING, normalization=HALF),),
    "efficientnet_v2": (Layout("timm", efficientnet_v2, ("classifier.",), EITHER_PADDING),),
    "mnasnet": (Layout("timm", table(STAGED), ("classifier.",)),),
    "regnet": (Layout("timm", table(REGNET), ("head.",)),),
    "se_resnet": (Layout("timm", table(SE_RESNET), ("fc.",)),),
    "convnext": (Layout("timm", table(CONVNEXT), ("head.",)),),
    # Its only padding that matters is of average poolings, which do not count the zeros.
    "inception_resnet_v2": (
        Layout("timm", table(INCEPTION_RESNET_V2), ("classif.",), {"tensorflow": 1e-3}, normalization=HALF),
    ),
    "convnext_v2": (Layout("timm", table(CONVNEXT_V2), ("head.",)),),
    "ghostnet": (Layout("timm", ghostnet, ("conv_head.", "classifier.")),),
    "mobilenet_v4": (Layout("timm", mobilenet_v4, ("conv_head.", "norm_head.", "classifier.")),),
    "repvgg": (Layout("timm", table(REPVGG), ("head.",)),),
    "mobileone": (Layout("timm", table(MOBILEONE), ("head.",)),),
    "xception": (Layout("timm", xception, ("fc.",), normalization=HALF),),
}
