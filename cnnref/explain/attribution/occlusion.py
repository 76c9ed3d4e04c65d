"""Occlusion: how far the probability of a class falls when a piece of the picture is covered.

Zeiler and Fergus, ECCV 2014, section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .classifier import check_image, choose_class, class_probability, class_scores, to_integer

if TYPE_CHECKING:
    import keras


def corners(size: int, patch: int, stride: int) -> list[int]:
    """Where patches (1 to size long) begin along one axis: 0, stride, 2 stride, ..., and one flush with the edge."""
    found = list(range(0, size - patch + 1, stride))
    return found if found[-1] + patch == size else [*found, size - patch]


def occlusion(
    model: keras.Model,
    image: ArrayLike,
    index: int | None = None,
    patch: int | None = None,
    stride: int | None = None,
    fill: float | Sequence[float] | None = None,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Cover the picture with a square patch at one place after another, and measure how far the probability falls.

    Args:
        model: a Keras model of any backend that classifies pictures.
        image: [height, width, channels], raw pixel values as the model takes them.
        index: the class, by default the most probable one.
        patch: pixels of the patch's side, by default a seventh of the shorter side (rounded, at least 1).
        stride: pixels from one place to the next, by default half of the patch (rounded down, at least 1).
        fill: the patch's colour, one number or one for each channel; by default the picture's own mean colour.
        batch_size: pictures that are run at a time.

    Returns:
        float32 [rows, columns]: probability of the whole picture minus that with the patch at (row, column) of
        `corners` along both sides. Above 0: without that piece the class is less probable.

    Raises:
        InputError: the picture does not fit the model, the model is not a classifier, there is no such class, or
            patch, stride, fill or batch_size cannot be used.
    """
    whole = check_image(model, image)
    height, width, channels = whole.shape
    patch = max(1, math.floor(min(height, width) / 7 + 0.5)) if patch is None else to_integer(patch, "patch")
    stride = max(1, patch // 2) if stride is None else to_integer(stride, "stride")
    if not 1 <= patch <= min(height, width) or stride < 1:
        raise InputError(
            f"A patch of {patch} pixels and a stride of {stride} do not fit a picture of {height}x{width}; "
            f"give a patch of 1 to {min(height, width)} and a stride of at least 1."
        )
    if to_integer(batch_size, "batch_size") < 1:
        raise InputError(f"batch_size is {batch_size}; give at least 1.")
    colour = whole.mean(axis=(0, 1), dtype=np.float64) if fill is None else np.asarray(fill, np.float64)
    if colour.shape not in ((), (channels,)):
        raise InputError(f"fill has the shape {list(colour.shape)}; give one number, or {channels}: one a channel.")
    if not np.isfinite(colour).all():
        raise InputError("fill has values that are not finite; give pixel values from 0 to 255.")
    rows, columns = corners(height, patch, stride), corners(width, patch, stride)
    places = [(top, left) for top in rows for left in columns]
    before = _run(model, whole[None])
    index = choose_class(before[0], index)
    shares = [
        class_probability(_run(model, _with_patches(whole, places[start : start + batch_size], patch, colour)), index)
        for start in range(0, len(places), batch_size)
    ]
    falls = class_probability(before, index)[0] - np.concatenate(shares)
    grid: NDArray[np.float32] = falls.reshape(len(rows), len(columns)).astype(np.float32)
    return grid


def _with_patches(
    image: NDArray[np.float32], places: Sequence[tuple[int, int]], patch: int, colour: NDArray[np.float64]
) -> NDArray[np.float32]:
    batch = np.repeat(image[None], len(places), axis=0)
    for one, (top, left) in zip(batch, places, strict=True):
        one[top : top + patch, left : left + patch] = colour
    return batch


def _run(model: keras.Model, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return class_scores(model, model(batch, training=False))
