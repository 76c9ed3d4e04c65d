"""SE-ResNet: ResNet whose blocks weight their channels by squeeze-and-excitation.

Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, CVPR 2018, table 1.

    image 224x224x3 -> stem 112x112x64 -> 56x56 -> stage1 56x56x256 -> stage2 28x28x512 -> stage3 14x14x1024
          -> stage4 7x7x2048 -> mean -> 2048 -> classes

The weights of a bottleneck's channels come from a sixteenth of them, before the sum with the shortcut. Deviation: the
stride of a bottleneck is on its 3x3 convolution, as in `resnet50` and timm's seresnet50; the paper has it on the first
1x1. With ResNet's other settings there is no other deviation.
"""

from __future__ import annotations

from functools import partial

from .blocks import Head, Tensor
from .registry import Variant, register
from .resnet import Blocks, bottleneck, resnet


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Hu et al., Squeeze-and-Excitation Networks, CVPR 2018 (arXiv 1709.01507)",
    year=2017,
    variants={
        "se_resnet50": Variant(
            blocks=(3, 4, 6, 3),
            trainable_params=28_088_024,
            params=28_141_144,
            macs=4_091_699_200,
            published={"imagenet": 76.71},  # table 2: 23.29 % error
        ),
    },
)
def se_resnet(image: Tensor, top: Head, *, blocks: Blocks) -> Tensor:
    return resnet(image, top, block=partial(bottleneck, squeeze=16), blocks=blocks, small_image=False)
