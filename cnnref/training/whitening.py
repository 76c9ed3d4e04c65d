"""The first filters of a network that whitens its input: computed from patches of training images.

As airbench94 does it (Jordan, 2024, arXiv 2404.00498): each filter is a direction in which patches vary, an eigenvector
of their second moments, divided by how much they vary along it. The outputs are uncorrelated and of mean square 1.
Half of the filters are these, the other half their negatives, so that an activation that cuts off one side loses
nothing. (The mean of the patches is not subtracted; pixels that a network normalizes have one near zero.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..environment import keras
from ..errors import InputError
from ..models import normalization
from ..stored_pictures import ImageSource

LAYER = "whiten"

#: Images that are looked at: of 32x32, five million patches.
SAMPLE = 5_000

#: Patches that are held as floats at a time.
CHUNK = 2**18

#: Entries of an eigenvector this near to the largest count as large as it: rounding must not choose the sign.
TIE = 1e-6

Matrix = NDArray[np.float64]


def whiten(model: keras.Model, images: ImageSource, *, epsilon: float = 5e-4) -> None:
    """Put the whitening filters of images into the layer `whiten` of a model, and set its bias to 0.

    Args:
        model: takes raw pixels 0..255, and normalizes them in its layer `normalization` if it has one.
        images: training images [n, height, width, channels]; the first 5,000 are used.
        epsilon: added to the mean square along each direction, so that noise is not magnified.

    Raises:
        InputError: the model has no such layer or not two filters for each number of a patch, or the images do not
            fit it.
    """
    layer = next((layer for layer in model.layers if layer.name == LAYER), None)
    if layer is None:
        raise InputError(f"{model.name} has no layer called {LAYER!r} to put filters into; train it without whitening.")
    shape, wanted = tuple(layer.kernel.shape), model.input_shape[1:]
    numbers = int(np.prod(shape[:3]))
    if shape[3] != 2 * numbers:
        raise InputError(
            f"The layer {LAYER!r} of {model.name} has {shape[3]} filters; patches of {numbers} numbers need two each."
        )
    if images.dtype != np.uint8 or images.shape[1:] != wanted or not len(images):
        raise InputError(
            f"The images are {images.dtype} {list(images.shape)}; {model.name} is whitened with uint8 images of "
            f"{list(wanted)}, at least one."
        )
    sums = sums_of_products(images[:SAMPLE], shape[0], shape[1])
    half = filters_of(moments(sums, normalization_matrix(model, numbers)), epsilon)
    layer.kernel.assign(np.concatenate([half, -half], axis=1).reshape(shape).astype(np.float32))
    if layer.use_bias:
        layer.bias.assign(np.zeros(shape[3], np.float32))


def sums_of_products(images: NDArray[np.uint8], height: int, width: int) -> Matrix:
    """Sums over all patches of the products of any two of their numbers, and of a 1 behind them.

    [n, h, w, c] -> [k + 1, k + 1], where k = height * width * c, in the order of a kernel. Products of bytes are whole
    numbers that float64 adds without rounding, so that no machine finds other sums than another.
    """
    step = max(1, CHUNK // (images.shape[1] * images.shape[2]))
    numbers = height * width * images.shape[3]
    total: Matrix = np.zeros((numbers + 1, numbers + 1))
    for start in range(0, len(images), step):
        found = np.lib.stride_tricks.sliding_window_view(images[start : start + step], (height, width), axis=(1, 2))
        patches = found.transpose(0, 1, 2, 4, 5, 3).reshape(-1, numbers).astype(np.float64)
        patches = np.column_stack([patches, np.ones(len(patches))])
        total += patches.T @ patches
    return total


def normalization_matrix(model: keras.Model, numbers: int) -> Matrix:
    """What a model makes of the `numbers` of a patch and a 1 behind them, as a matrix [numbers + 1, numbers]."""
    layer = next((layer for layer in model.layers if layer.name == normalization.LAYER), None)
    channels = model.input_shape[-1]
    given = (1.0, 0.0) if layer is None else (layer.scale, layer.offset)
    scale, offset = (np.resize(normalization.per_channel(value, channels), numbers) for value in given)
    return np.vstack([np.diag(scale), offset])


def moments(sums: Matrix, change: Matrix) -> Matrix:
    """Mean products of the numbers of changed patches; the last entry of `sums` is their count."""
    products: Matrix = change.T @ (sums / sums[-1, -1]) @ change
    return products


def filters_of(products: Matrix, epsilon: float) -> Matrix:
    """Whitening filters as the columns of a matrix [k, k], the direction of the largest mean square first.

    Of the two signs an eigenvector may have, its largest entry is positive.
    """
    squares, directions = np.linalg.eigh(products)
    squares, directions = squares[::-1], directions[:, ::-1]
    sizes = np.abs(directions)
    largest = np.argmax(sizes >= (1 - TIE) * sizes.max(axis=0), axis=0)
    signs = np.sign(np.take_along_axis(directions, largest[None], axis=0))
    filters: Matrix = signs * directions / np.sqrt(np.maximum(squares, 0) + epsilon)
    return filters
