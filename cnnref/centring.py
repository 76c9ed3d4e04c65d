"""A drawn or photographed digit to one that looks as MNIST's do: light on dark, in a box, centred by its mass.

MNIST's authors fitted each digit into a box of 20x20 pixels, keeping its proportions, and put its centre of mass into
the middle of 28x28 (yann.lecun.com/exdb/mnist; LeCun et al., Proc. IEEE 1998, section III.A). Whole numbers, and floats
in one fixed order, so that programs in other languages find the same pixels; `page/picture/centre.js` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Pixels of MNIST's box and of its pictures.
MNIST_BOX, MNIST_SIDE = 20, 28


def centred(gray: NDArray[np.uint8], height: int, width: int, box: int, resample: Any) -> NDArray[np.uint8] | None:
    """The ink of a picture, light on dark, in a box, its centre of mass in the middle.

    1. Otsu's threshold divides the pixels into background and ink. The background is what most pixels of the edge are.
    2. If it is the lighter part, the picture is turned into its negative.
    3. A picture of the wanted size that is as MNIST's are already is not changed any further.
    4. The mean of the background becomes 0, that of the ink 255, and what lies outside is cut off.
    5. The smallest rectangle with all ink is resized so that its longer side has `box` pixels.
    6. It is put on black with its centre of mass in the middle, as far as it stays inside.

    Args:
        gray: [rows, columns], 0..255.
        height, width: size of the result in pixels.
        box: pixels of the longer side of the ink.
        resample: the filter of Pillow that resizes.

    Returns:
        [height, width]; None if all pixels are alike, so that there is no ink.
    """
    from PIL import Image

    limit = threshold(gray)
    if limit is None:
        return None
    edge = np.concatenate([gray[0], gray[-1], gray[1:-1, 0], gray[1:-1, -1]])
    if 2 * int((edge > limit).sum()) > edge.size:
        gray, limit = 255 - gray, 254 - limit
    if gray.shape == (height, width) and is_centred(gray, box):
        return gray
    ink = gray > limit
    low, high = _mean(gray[~ink]), _mean(gray[ink])
    stretched = np.clip((gray.astype(np.int64) - low) * 255 // (high - low), 0, 255).astype(np.uint8)
    cut: NDArray[np.uint8] = stretched[_span(np.any(ink, axis=1)), _span(np.any(ink, axis=0))]
    box = min(box, height, width)
    longer = max(cut.shape)
    rows, columns = (max(1, (2 * box * side + longer) // (2 * longer)) for side in cut.shape)
    if cut.shape != (rows, columns):
        cut = np.asarray(Image.fromarray(cut).resize((columns, rows), resample))
    top, left = (
        min(max(_start(cut.sum(axis=1 - axis, dtype=np.int64), whole), 0), whole - side)
        for axis, (whole, side) in enumerate(zip((height, width), cut.shape, strict=True))
    )
    found = np.zeros((height, width), np.uint8)
    found[top : top + rows, left : left + columns] = cut
    return found


def threshold(gray: NDArray[np.uint8]) -> int | None:
    """The value up to which pixels belong to the darker part: the variance between the parts is largest (Otsu, 1979).

    None if all pixels have one value.
    """
    pixels = np.bincount(gray.ravel(), minlength=256)
    count = np.cumsum(pixels)[:-1].astype(np.float64)  # up to each value
    total = np.cumsum(pixels * np.arange(256))[:-1].astype(np.float64)
    size, everything = float(gray.size), float((pixels * np.arange(256)).sum())
    apart = everything * count - total * size
    possible = (count > 0) & (count < size)
    between = np.where(possible, apart * apart / np.where(possible, count * (size - count), 1), -1.0)
    return int(between.argmax()) if possible.any() else None


def is_centred(gray: NDArray[np.uint8], box: int) -> bool:
    """Whether all that is not black fits into the box, and its centre of mass is within a pixel of the middle.

    True of each of MNIST's 70,000 pictures.
    """
    for axis, whole in enumerate(gray.shape):
        weights = gray.sum(axis=1 - axis, dtype=np.int64)
        span = _span(weights > 0)
        mass, moment = int(weights.sum()), int((weights * np.arange(whole)).sum())
        if span.stop - span.start > box or abs(2 * moment + mass - whole * mass) > 2 * mass:
            return False
    return True


def _mean(values: NDArray[np.uint8]) -> int:
    """The mean, rounded, halves up."""
    return int((2 * values.sum(dtype=np.int64) + values.size) // (2 * values.size))


def _span(there: NDArray[np.bool_]) -> slice:
    """From the first to the last that is there."""
    found = np.flatnonzero(there)
    return slice(int(found[0]), int(found[-1]) + 1)


def _start(weights: NDArray[np.int64], whole: int) -> int:
    """Where a row of weights begins when its centre of mass comes into the middle of `whole` pixels."""
    mass, moment = int(weights.sum()), int((weights * np.arange(len(weights))).sum())
    return (whole * mass - 2 * moment) // (2 * mass)
