"""The operations of a convolutional network in plain NumPy, for reading and for running.

Images are [batch, height, width, channels], kernels [height, width, channels / groups, depth] as in Keras. For
small examples, an image may be [height, width] (for `conv2d` the kernel, too); the result then has two axes.

Padding is "valid" (none), "same" (ceil(size / stride) positions, an odd pixel at the bottom and right as in
TensorFlow), one number for all sides, or four numbers (top, bottom, left, right).

Integers are computed as 64-bit integers where the operation allows it, so that uint8 pixels do not
overflow. Every function raises InputError for shapes that do not fit.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from ..errors import InputError
from .sizes import output_size, same_padding

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Pair: TypeAlias = int | Sequence[int]
Padding: TypeAlias = str | int | Sequence[int]


def conv2d(
    image: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Multiply the kernel with the image at every position, cell by cell, and sum.

    [batch, height, width, channels] with [kh, kw, channels / groups, depth] -> [batch, rows, columns, depth].
    One kernel reads all channels of its group and computes one channel of the output; there are `depth`
    kernels. (In mathematics this is cross-correlation; networks learn their kernels and need not flip them.)

    >>> conv2d([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
    array([[19, 25],
           [37, 43]])
    """
    image, kernel = _numbers(image, "image"), _numbers(kernel, "kernel")
    if image.ndim == kernel.ndim == 2:
        full = conv2d(
            image[None, :, :, None],
            kernel[:, :, None, None],
            None if bias is None else np.reshape(bias, -1),
            strides=strides,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        return full[0, :, :, 0]

    if image.ndim != 4 or kernel.ndim != 4:
        raise InputError(
            "conv2d takes an image [batch, height, width, channels] and a kernel [height, width, channels / "
            f"groups, depth], or both as [height, width], but got shapes {image.shape} and {kernel.shape}."
        )
    channels, (group_channels, depth) = image.shape[-1], kernel.shape[2:]
    if groups < 1 or channels != group_channels * groups or depth % groups:
        raise InputError(
            f"An image of {channels} channels and a kernel of shape {kernel.shape} do not fit with {groups} "
            "groups: channels must be groups times the kernel's third number, and depth a multiple of groups."
        )

    sizes = _pair(kernel.shape[:2], "kernel"), _pair(strides, "strides"), _pair(dilation, "dilation")
    windows = _windows(image, *sizes, _padding_cells(image, *sizes, padding), value=0)
    outputs = [
        np.einsum("byxcij,ijcd->byxd", group_windows, group_kernel, optimize=True)
        for group_windows, group_kernel in zip(
            np.split(windows, groups, axis=3), np.split(kernel, groups, axis=3), strict=True
        )
    ]
    return _add_bias(np.concatenate(outputs, axis=-1), bias)


def max_pool2d(
    image: ArrayLike, pool_size: Pair = 2, *, strides: Pair | None = None, padding: Padding = "valid"
) -> Array:
    """The maximum of each window; padded cells are ignored.

    [batch, height, width, channels] -> [batch, rows, columns, channels]: every channel is pooled
    separately. `strides` is `pool_size` unless given.

    >>> max_pool2d([[1, 2, 5, 6], [3, 4, 7, 8], [0, 0, 1, 0], [0, 9, 0, 0]])
    array([[4, 8],
           [9, 1]])
    """
    image = _numbers(image, "image")
    lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
    largest: np.ndarray = _pool(image, pool_size, strides, padding, lowest).max(axis=(-2, -1))
    return largest


def average_pool2d(
    image: ArrayLike,
    pool_size: Pair = 2,
    *,
    strides: Pair | None = None,
    padding: Padding = "valid",
    count_padding: bool = False,
) -> Array:
    """The mean of each window; padded cells are ignored as in Keras, or counted as zeros with `count_padding`.

    [batch, height, width, channels] -> [batch, rows, columns, channels]: every channel is pooled
    separately. `strides` is `pool_size` unless given.

    >>> average_pool2d([[1, 2, 5, 6], [3, 4, 7, 8], [0, 0, 1, 0], [0, 9, 0, 0]])
    array([[2.5 , 6.5 ],
           [2.25, 0.25]])
    """
    image = _numbers(image, "image")
    sums: np.ndarray = _pool(image, pool_size, strides, padding, 0).sum(axis=(-2, -1))
    if count_padding:
        return np.asarray(sums / math.prod(_pair(pool_size, "pool_size")))
    inside = np.ones(image.shape, dtype=image.dtype)
    counts: np.ndarray = _pool(inside, pool_size, strides, padding, 0).sum(axis=(-2, -1))
    return np.asarray(sums / counts)


def flatten(image: ArrayLike) -> Array:
    """[batch, height, width, channels] -> [batch, height * width * channels], row by row.

    >>> flatten([[[[1], [2]], [[3], [4]]]])
    array([[1, 2, 3, 4]])
    """
    image = _numbers(image, "image")
    if image.ndim < 2:
        raise InputError(f"flatten takes a batch, [batch, ...], but got shape {image.shape}.")
    return image.reshape(len(image), math.prod(image.shape[1:]))


def dense(features: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """[..., inputs] with weights [inputs, units] -> [..., units]: every unit is a weighted sum of all inputs.

    >>> dense([[1, 2]], [[1, 0, 2], [0, 1, 3]], bias=[10, 20, 30])
    array([[11, 22, 38]])
    """
    features, weights = _numbers(features, "features"), _numbers(weights, "weights")
    if features.ndim < 1 or weights.ndim != 2 or features.shape[-1] != weights.shape[0]:
        raise InputError(
            "dense takes features [..., inputs] and weights [inputs, units], "
            f"but got shapes {features.shape} and {weights.shape}."
        )
    return _add_bias(features @ weights, bias)


# The activations: each is applied to every value (softmax along an axis) and keeps the shape.


def relu(x: ArrayLike) -> Array:
    """Negative numbers become 0.

    >>> relu([-2, 0, 3])
    array([0, 0, 3])
    """
    return np.maximum(_numbers(x, "x"), 0)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.3) -> Array:
    """Negative numbers are multiplied by `negative_slope`, whose default is that of Keras' layer.

    >>> leaky_relu([-2.0, 3.0], negative_slope=0.1)
    array([-0.2,  3. ])
    """
    x = _numbers(x, "x")
    return np.where(x < 0, x * negative_slope, x)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)), without overflow for any x.

    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return np.exp(-np.logaddexp(0, -_numbers(x, "x")))


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent: from -1 to 1.

    >>> tanh([0.0])
    array([0.])
    """
    return np.tanh(_numbers(x, "x"))


def softmax(x: ArrayLike, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along `axis`: numbers from 0 to 1 that sum to 1, without overflow for any x.

    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    x = _numbers(x, "x")
    if not -x.ndim <= axis < x.ndim or x.shape[axis] == 0:
        raise InputError(f"softmax has nothing to share out along axis {axis} of shape {x.shape}.")
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def _numbers(values: ArrayLike, what: str) -> Array:
    """The values as an array; integers of any size as int64."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(f"The {what} is not an array of numbers: its rows differ in length.") from None
    if array.dtype.kind in "bui":
        return array.astype(np.int64)
    if array.dtype.kind != "f":
        raise InputError(f"The {what} is not an array of real numbers: its type is {array.dtype}.")
    return array


def _add_bias(sums: Array, bias: ArrayLike | None) -> Array:
    if bias is None:
        return sums
    bias = _numbers(bias, "bias")
    if bias.shape != sums.shape[-1:]:
        raise InputError(f"The bias must be one number for each of {sums.shape[-1]} outputs, not shape {bias.shape}.")
    return sums + bias


def _pair(value: Pair, what: str) -> tuple[int, int]:
    """(vertical, horizontal) from one number or two."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or not all(isinstance(number, numbers.Integral) and number >= 1 for number in pair):
        raise InputError(f"{what} must be a whole number of at least 1, or a pair of them, not {value!r}.")
    return pair


def _padding_cells(
    image: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> list[tuple[int, int]]:
    """The padding in cells, [(top, bottom), (left, right)]. Raises InputError if the kernel does not fit."""
    axes = list(zip(image.shape[1:3], kernel, strides, dilation, strict=True))
    if padding == "valid":
        frame = [(0, 0)] * 2
    elif padding == "same":
        frame = [same_padding(*axis) for axis in axes]
    elif isinstance(padding, Sequence) and len(padding) == 4 and not isinstance(padding, str):
        frame = [(padding[0], padding[1]), (padding[2], padding[3])]
    elif isinstance(padding, numbers.Integral):
        frame = [(int(padding), int(padding))] * 2
    else:
        raise InputError(f'padding must be "valid", "same", a number or (top, bottom, left, right), not {padding!r}.')
    for (size, cells, stride, spread), sides in zip(axes, frame, strict=True):
        output_size(size, cells, stride, sides, spread)
    return frame


def _windows(
    image: Array,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    frame: list[tuple[int, int]],
    value: float,
) -> Array:
    """The window at every position of the padded image: [batch, rows, columns, channels, kh, kw]."""
    padded = np.pad(image, [(0, 0), *frame, (0, 0)], constant_values=value)
    reach = [spread * (cells - 1) + 1 for cells, spread in zip(kernel, dilation, strict=True)]
    everywhere = sliding_window_view(padded, reach, axis=(1, 2))
    return everywhere[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]


def _pool(image: Array, pool_size: Pair, strides: Pair | None, padding: Padding, value: float) -> Array:
    """The windows that pooling reads; those of an image [height, width] are [rows, columns, kh, kw]."""
    if image.ndim == 2:
        return _pool(image[None, :, :, None], pool_size, strides, padding, value)[0, :, :, 0]
    if image.ndim != 4:
        raise InputError(
            f"Pooling takes [batch, height, width, channels] or [height, width], but got shape {image.shape}."
        )
    pool = _pair(pool_size, "pool_size")
    sizes = pool, pool if strides is None else _pair(strides, "strides"), (1, 1)
    frame = _padding_cells(image, *sizes, padding)
    if any(max(sides) >= cells for sides, cells in zip(frame, pool, strict=True)):
        raise InputError(
            f"A padding of {padding!r} leaves windows of {pool[0]}x{pool[1]} without a pixel; "
            "pad less than the pool size."
        )
    return _windows(image, *sizes, frame, value)
