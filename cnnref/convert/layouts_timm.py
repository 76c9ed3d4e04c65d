"""timm's names for our layers, for the families where they differ from torchvision's."""

from __future__ import annotations

from .layouts_torchvision import vgg_features
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
    "convnext": (Layout("timm", table(CONVNEXT), ("head.",)),),
}
