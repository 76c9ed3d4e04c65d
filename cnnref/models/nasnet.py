"""NASNet-A: cells that a search found on CIFAR-10, stacked for ImageNet.

Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image Recognition, CVPR 2018, figure 4.

    nasnet_mobile  image 224x224x3 -> stem 111x111x32 -> stem1 56x56x44 -> stem2 28x28x88 -> 4 cells 28x28x264
                   -> reduce4 14x14x352 -> 4 cells 14x14x528 -> reduce8 7x7x704 -> 4 cells 7x7x1056 -> mean -> classes
    nasnet_large   image 331x331x3 -> stem 165x165x96 -> ... -> 6 cells 42x42x1008 -> reduce6 21x21x1344
                   -> 6 cells 21x21x2016 -> reduce12 11x11x2688 -> 6 cells 11x11x4032 -> mean -> classes

A cell reads the outputs of the two cells before it; in nasnet_large the cell after a reduction reads those of the two
before the reduction and of the reduction. Strided layers are padded as TensorFlow does, as in the authors' network and
in keras.applications. Deviation: the auxiliary classifier and the scheduled drop path of training are left out.
"""

from __future__ import annotations

from typing import Any

from ..environment import layers
from .blocks import (
    HE,
    Head,
    Tensor,
    activate,
    add,
    batch_norm,
    check_fits,
    concatenate,
    conv,
    depthwise_conv,
    global_average_pool,
    pool,
)
from .registry import KERAS, Variant, register

EPSILON = 1e-3


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Zoph et al., Learning Transferable Architectures, CVPR 2018 (arXiv 1707.07012)",
    year=2017,
    variants={
        "nasnet_mobile": Variant(
            stem=32,
            filters=44,
            cells=4,
            skip=False,
            phone=True,
            trainable_params=5_289_978,
            params=5_326_716,
            macs=563_638_816,
            published={"imagenet": 74.4},
            source=KERAS,
        ),
        "nasnet_large": Variant(
            stem=96,
            filters=168,
            cells=6,
            skip=True,
            input_shape=(331, 331, 3),
            trainable_params=88_753_150,
            params=88_949_818,
            macs=23_783_414_658,
            published={"imagenet": 82.5},
            source=KERAS,
        ),
    },
)
def nasnet(image: Tensor, top: Head, *, stem: int, filters: int, cells: int, skip: bool) -> Tensor:
    x = conv(image, stem, 3, 2, padding="valid", use_bias=False, initializer=HE, name="stem")
    x = batch_norm(x, epsilon=EPSILON, name="stem")
    x, before = reduction_cell(x, x, filters // 4, "stem1"), x
    x, before = reduction_cell(x, before, filters // 2, "stem2"), x
    for stage in range(3):
        width = filters * 2**stage
        if stage:
            reduced = reduction_cell(x, before, width, f"reduce{cells * stage}")
            # In the large network the next cell reads what the reduction read second, and not its input.
            x, before = reduced, before if skip else x
        for number in range(cells):
            x, before = normal_cell(x, before, width, f"cell{cells * stage + number + bool(stage)}"), x
    return top(activate(x, "relu", "end"), global_average_pool)


def normal_cell(x: Tensor, before: Tensor, filters: int, name: str) -> Tensor:
    """The normal cell. [n, h, w, c], the output of the cell before -> [n, h, w, 6 * filters]."""
    p = adjusted(before, x, filters, name)
    h = squeezed(x, filters, name)
    sums = [
        add([separable(h, filters, 5, 1, f"{name}_left1"), separable(p, filters, 3, 1, f"{name}_right1")], f"{name}_1"),
        add([separable(p, filters, 5, 1, f"{name}_left2"), separable(p, filters, 3, 1, f"{name}_right2")], f"{name}_2"),
        add([smoothed(h, f"{name}_left3"), p], f"{name}_3"),
        add([smoothed(p, f"{name}_left4"), smoothed(p, f"{name}_right4")], f"{name}_4"),
        add([separable(h, filters, 3, 1, f"{name}_left5"), h], f"{name}_5"),
    ]
    # In two steps: XNNPACK, which runs the files for phones, concatenates at most five tensors.
    return concatenate([concatenate([p, *sums[:3]], f"{name}_first"), *sums[3:]], name)


def reduction_cell(x: Tensor, before: Tensor, filters: int, name: str) -> Tensor:
    """The reduction cell. [n, h, w, c], the output of the cell before -> [n, h/2, w/2, 4 * filters]."""
    check_fits(x, 1, 2, 0, name)
    p = adjusted(before, x, filters, name)
    h = squeezed(x, filters, name)
    zeros = layers.ZeroPadding2D(_uneven(h, 3), name=f"{name}_pad")(h)
    left = separable(h, filters, 5, 2, f"{name}_left1")
    one = add([left, separable(p, filters, 7, 2, f"{name}_right1")], f"{name}_1")
    largest = pool(zeros, "max", 3, 2, name=f"{name}_left2")
    two = add([largest, separable(p, filters, 7, 2, f"{name}_right2")], f"{name}_2")
    mean = pool(zeros, "average", 3, 2, name=f"{name}_left3")
    three = add([mean, separable(p, filters, 5, 2, f"{name}_right3")], f"{name}_3")
    four = add([two, smoothed(one, f"{name}_smoothed")], f"{name}_4")
    five = add([separable(one, filters, 3, 1, f"{name}_left4"), largest], f"{name}_5")
    return concatenate([two, three, four, five], name)


def adjusted(before: Tensor, x: Tensor, filters: int, name: str) -> Tensor:
    """The output of the cell before, with the size of x and `filters` channels; in the first cell x itself."""
    if before is x:
        return x
    if before.shape[1:3] == x.shape[1:3]:
        if before.shape[-1] == filters:
            return before
        return _normalized_conv(before, filters, f"{name}_adjust")
    active = activate(before, "relu", f"{name}_adjust_before")
    shifted = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_adjust_pad")(active)
    shifted = layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_adjust_crop")(shifted)
    # A 1x1 convolution of stride 2 reads every other pixel of every other row.
    options: dict[str, Any] = {"padding": "valid", "use_bias": False, "initializer": HE}
    halves = [
        conv(active, filters // 2, 1, 2, **options, name=f"{name}_adjust1"),
        conv(shifted, filters // 2, 1, 2, **options, name=f"{name}_adjust2"),
    ]
    return batch_norm(concatenate(halves, f"{name}_adjusted"), epsilon=EPSILON, name=f"{name}_adjust")


def squeezed(x: Tensor, filters: int, name: str) -> Tensor:
    """ReLU, 1x1 and normalization: the cell's input with `filters` channels."""
    return _normalized_conv(x, filters, f"{name}_squeeze")


def _normalized_conv(x: Tensor, filters: int, name: str) -> Tensor:
    x = activate(x, "relu", f"{name}_before")
    return batch_norm(conv(x, filters, 1, use_bias=False, initializer=HE, name=name), epsilon=EPSILON, name=name)


def separable(x: Tensor, filters: int, kernel: int, stride: int, name: str) -> Tensor:
    """Twice ReLU, separable convolution, normalization; the first has the stride. [n, h, w, c] -> [n, h', w', f]."""
    for number, step in enumerate((stride, 1), start=1):
        place = f"{name}_sep{number}"
        x = activate(x, "relu", f"{place}_before")
        padding = "tensorflow" if step > 1 else "same"
        x = depthwise_conv(x, kernel, step, padding=padding, name=f"{place}_depthwise")
        x = batch_norm(conv(x, filters, 1, use_bias=False, initializer=HE, name=place), epsilon=EPSILON, name=place)
    return x


def smoothed(x: Tensor, name: str) -> Tensor:
    """The average over 3x3 pixels inside the map. Same shape."""
    return layers.AveragePooling2D(3, 1, padding="same", name=name)(x)


def _uneven(x: Tensor, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The zeros that TensorFlow adds on each side of a window of stride 2: one less at the start of even sizes."""
    height, width = x.shape[1:3]
    half = kernel // 2
    return (half - 1 + height % 2, half), (half - 1 + width % 2, half)
