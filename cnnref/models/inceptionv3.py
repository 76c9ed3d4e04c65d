"""Inception v3: inception modules whose large windows are factorized into several small ones.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision, CVPR 2016.

    image 299x299x3 -> conv1 149x149x32 -> conv2 147x147x32 -> conv3 147x147x64 -> 73x73 -> conv4 73x73x80
          -> conv5 71x71x192 -> 35x35 -> mixed5b 35x35x256, 5c and 5d 35x35x288 -> mixed6a 17x17x768, 6b to 6e
          -> mixed7a 8x8x1280, 7b and 7c 8x8x2048 -> mean -> 2048 -> classes

The network is that of the authors' published weights, which differs from the paper's table 1 in the stem. `padding`
concerns the average poolings in the modules: with "same" the zeros around the map count in the average, as in
torchvision, and with "tensorflow" they do not, as in the authors' network and in keras.applications. Deviation: the
auxiliary classifier, which is used in training only, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..environment import layers
from .blocks import Head, Kernel, Padding, Tensor, concatenate, conv_bn, dropout, global_average_pool, pool
from .registry import TORCHVISION, Variant, register

#: Filters and window of one convolution.
Step = tuple[int, Kernel]


class Pair(NamedTuple):
    """Two convolutions that read the same map; their outputs are concatenated."""

    first: Step
    second: Step


Branch = tuple[Step | Pair, ...]

#: The convolutions before the modules: filters, window, stride and padding. A pooling follows conv3 and conv5.
STEM: dict[str, tuple[int, int, int, Padding]] = {
    "conv1": (32, 3, 2, "valid"),
    "conv2": (32, 3, 1, "valid"),
    "conv3": (64, 3, 1, "same"),
    "conv4": (80, 1, 1, "valid"),
    "conv5": (192, 3, 1, "valid"),
}


def _small(pooled: int) -> dict[str, Branch]:
    """The modules at 35x35 (figure 5)."""
    return {
        "1x1": ((64, 1),),
        "5x5": ((48, 1), (64, 5)),
        "3x3dbl": ((64, 1), (96, 3), (96, 3)),
        "pool": ((pooled, 1),),
    }


def _factorized(width: int) -> dict[str, Branch]:
    """The modules at 17x17 (figure 6): 7x7 windows as 1x7 and 7x1."""
    return {
        "1x1": ((192, 1),),
        "7x7": ((width, 1), (width, (1, 7)), (192, (7, 1))),
        "7x7dbl": ((width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7))),
        "pool": ((192, 1),),
    }


#: The modules at 8x8 (figure 7): 1x3 and 3x1 side by side.
WIDE: dict[str, Branch] = {
    "1x1": ((320, 1),),
    "3x3": ((384, 1), Pair((384, (1, 3)), (384, (3, 1)))),
    "3x3dbl": ((448, 1), (384, 3), Pair((384, (1, 3)), (384, (3, 1)))),
    "pool": ((192, 1),),
}

#: The modules in order; those without a "pool" halve the size: their last convolutions have stride 2.
MODULES: dict[str, Mapping[str, Branch]] = {
    "mixed5b": _small(32),
    "mixed5c": _small(64),
    "mixed5d": _small(64),
    "mixed6a": {"3x3": ((384, 3),), "3x3dbl": ((64, 1), (96, 3), (96, 3))},
    "mixed6b": _factorized(128),
    "mixed6c": _factorized(160),
    "mixed6d": _factorized(160),
    "mixed6e": _factorized(192),
    "mixed7a": {"3x3": ((192, 1), (320, 3)), "7x7x3": ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3))},
    "mixed7b": WIDE,
    "mixed7c": WIDE,
}


@register(
    input_shape=(299, 299, 3),
    classes=1000,
    paper="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016 (arXiv 1512.00567)",
    year=2015,
    variants={
        "inception_v3": Variant(
            trainable_params=23_834_568,
            params=23_869_000,
            macs=5_713_216_096,
            published={"imagenet": 77.29},
            source=TORCHVISION,
        ),
    },
)
def inception_v3(image: Tensor, top: Head, *, padding: Padding = "same") -> Tensor:
    x = stem(image)
    for name, branches in MODULES.items():
        x = module(x, branches, padding, name)
    return top(x, lambda x: dropout(global_average_pool(x), 0.5))


def stem(image: Tensor) -> Tensor:
    """The convolutions and poolings before the modules, also those of Inception-ResNet v2."""
    x = image
    for name, (filters, kernel, stride, padding) in STEM.items():
        x = convolution(x, filters, kernel, stride, padding, name=name)
        if name in ("conv3", "conv5"):
            x = pool(x, "max", 3, 2, name=f"{name}_pool")
    return x


def module(x: Tensor, branches: Mapping[str, Branch], padding: Padding, name: str) -> Tensor:
    """Parallel branches, concatenated: [n, h, w, c] -> [n, h, w, sum of filters], or half the size without a "pool"."""
    halves = "pool" not in branches
    ends = []
    for branch, steps in branches.items():
        if branch == "pool":
            ends.append(chain(smoothed(x, padding, f"{name}_pool"), steps, halves, f"{name}_pool_project"))
        else:
            ends.append(chain(x, steps, halves, f"{name}_{branch}"))
    if halves:
        ends.append(pool(x, "max", 3, 2, name=f"{name}_pool"))
    return concatenate(ends, name)


def chain(x: Tensor, steps: Branch, halves: bool, name: str) -> Tensor:
    """Convolutions one after the other, `NAME_1`, `NAME_2` ..., or `NAME` if there is one."""
    for number, (step, place) in enumerate(zip(steps, convolution_names(steps, name), strict=True), start=1):
        if isinstance(step, Pair):
            pair = [
                convolution(x, *one, name=f"{place}{letter}") for letter, one in (("a", step.first), ("b", step.second))
            ]
            x = concatenate(pair, place)
        elif halves and number == len(steps):
            x = convolution(x, *step, 2, "valid", name=place)
        else:
            x = convolution(x, *step, name=place)
    return x


def convolution_names(steps: Branch, name: str) -> list[str]:
    """The names of the steps of a branch."""
    return [name] if len(steps) == 1 else [f"{name}_{number}" for number in range(1, len(steps) + 1)]


def convolution_order() -> list[str]:
    """The names of all convolutions in the order of the tables, for libraries that only number them."""
    return [*STEM, *(name for place, branches in MODULES.items() for name in module_order(branches, place))]


def module_order(branches: Mapping[str, Branch], name: str) -> list[str]:
    """The names of the convolutions of a module in the order of its table."""
    found = []
    for branch, steps in branches.items():
        if branch == "pool":
            found.append(f"{name}_pool_project")
            continue
        for step, place in zip(steps, convolution_names(steps, f"{name}_{branch}"), strict=True):
            found += [f"{place}a", f"{place}b"] if isinstance(step, Pair) else [place]
    return found


def smoothed(x: Tensor, padding: Padding, name: str) -> Tensor:
    """The average over 3x3 pixels; at the edges with the zeros around the map ("same") or without ("tensorflow")."""
    if padding == "tensorflow":
        return layers.AveragePooling2D(3, 1, padding="same", name=name)(x)
    return layers.AveragePooling2D(3, 1, name=name)(layers.ZeroPadding2D(1, name=f"{name}_pad")(x))


def convolution(
    x: Tensor, filters: int, kernel: Kernel, stride: int = 1, padding: Padding = "same", *, name: str
) -> Tensor:
    """Convolution, batch normalization with the authors' epsilon, ReLU. [n, h, w, c] -> [n, h', w', filters]."""
    return conv_bn(x, filters, kernel, stride, padding=padding, epsilon=1e-3, name=name)
