"""Inception-ResNet v2: inception modules whose output, scaled down, is added to their input.

Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
AAAI 2017, figures 15 to 19.

    image 299x299x3 -> stem as in Inception v3 35x35x192 -> mixed5b 35x35x320 -> 10 times block35
          -> mixed6a 17x17x1088 -> 20 times block17 -> mixed7a 8x8x2080 -> 10 times block8 -> end 8x8x1536
          -> mean -> 1536 -> classes

The network is that of the authors' published weights, with the stem of Inception v3 instead of figure 3's. The outputs
of block35, block17 and block8 are multiplied by 0.17, 0.1 and 0.2; the last block8 has neither a factor nor a ReLU.
Average pooling does not count the zeros around the map. No other deviation.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..environment import ops
from .blocks import Head, Tensor, activate, add, concatenate, conv, dropout, global_average_pool, set_name
from .inceptionv3 import STEM, Branch, chain, convolution, module, module_order, stem
from .registry import KERAS, Variant, register

MIXED_5B: dict[str, Branch] = {
    "branch0": ((96, 1),),
    "branch1": ((48, 1), (64, 5)),
    "branch2": ((64, 1), (96, 3), (96, 3)),
    "pool": ((64, 1),),
}
MIXED_6A: dict[str, Branch] = {"branch0": ((384, 3),), "branch1": ((256, 1), (256, 3), (384, 3))}
MIXED_7A: dict[str, Branch] = {
    "branch0": ((256, 1), (384, 3)),
    "branch1": ((256, 1), (288, 3)),
    "branch2": ((256, 1), (288, 3), (320, 3)),
}
BLOCK35: dict[str, Branch] = {
    "branch0": ((32, 1),),
    "branch1": ((32, 1), (32, 3)),
    "branch2": ((32, 1), (48, 3), (64, 3)),
}
BLOCK17: dict[str, Branch] = {"branch0": ((192, 1),), "branch1": ((128, 1), (160, (1, 7)), (192, (7, 1)))}
BLOCK8: dict[str, Branch] = {"branch0": ((192, 1),), "branch1": ((192, 1), (224, (1, 3)), (256, (3, 1)))}


@register(
    input_shape=(299, 299, 3),
    classes=1000,
    paper="Szegedy et al., Inception-v4, Inception-ResNet, AAAI 2017 (arXiv 1602.07261)",
    year=2016,
    variants={
        "inception_resnet_v2": Variant(
            trainable_params=55_843_464,
            params=55_904_008,
            macs=13_155_794_016,
            published={"imagenet": 80.3},
            source=KERAS,
        ),
    },
)
def inception_resnet_v2(image: Tensor, top: Head) -> Tensor:
    x = stem(image)
    x = module(x, MIXED_5B, "tensorflow", "mixed5b")
    for number in range(1, 11):
        x = block(x, BLOCK35, 0.17, f"block35_{number}")
    x = module(x, MIXED_6A, "tensorflow", "mixed6a")
    for number in range(1, 21):
        x = block(x, BLOCK17, 0.1, f"block17_{number}")
    x = module(x, MIXED_7A, "tensorflow", "mixed7a")
    for number in range(1, 11):
        x = block(x, BLOCK8, 0.2 if number < 10 else None, f"block8_{number}")
    x = convolution(x, 1536, 1, name="end")
    return top(x, lambda x: dropout(global_average_pool(x), 0.2))


def convolution_order() -> list[str]:
    """The names of the convolutions with normalization, without the last, in order, for libraries that number them."""
    found = [*STEM, *module_order(MIXED_5B, "mixed5b")]
    for number in range(1, 11):
        found += module_order(BLOCK35, f"block35_{number}")
    found += module_order(MIXED_6A, "mixed6a")
    for number in range(1, 21):
        found += module_order(BLOCK17, f"block17_{number}")
    found += module_order(MIXED_7A, "mixed7a")
    for number in range(1, 11):
        found += module_order(BLOCK8, f"block8_{number}")
    return found


def block(x: Tensor, table: Mapping[str, Branch], scale: float | None, name: str) -> Tensor:
    """x plus `scale` times a 1x1 convolution of the branches, and ReLU; without scale there is no ReLU. Same shape."""
    branches = [chain(x, steps, False, f"{name}_{branch}") for branch, steps in table.items()]
    mixed = concatenate(branches, f"{name}_mixed")
    up = conv(mixed, x.shape[-1], 1, name=f"{name}_up")
    if scale is None:
        return add([x, up], f"{name}_add")
    up = set_name(ops.multiply(up, scale), f"{name}_scaled")
    return activate(add([x, up], f"{name}_add"), "relu", name)
