"""Operations on maps and pictures in terms of simpler operations of keras.ops: pooling, filters, resizing, colours.

`simpler.py` says how, and has all other operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....environment import ops
from .operands import Function, part, simply


def _adaptive(reduction: str) -> Callable[[Any], Function]:
    """Adaptive pooling along one spatial axis after the other; window i reaches from in*i/out to in*(i+1)/out."""

    def simpler(operation: Any) -> Function:
        def adaptive(inputs: Any) -> Any:
            if operation.data_format == "channels_first":
                return operation.call(inputs)
            count = len(inputs.shape) - 2
            sizes = [operation.output_size] * count if isinstance(operation.output_size, int) else operation.output_size
            for axis, size in enumerate(sizes, start=1):
                whole = inputs.shape[axis]
                windows = [(whole * i // size, -(-whole * (i + 1) // size)) for i in range(size)]
                parts = [
                    getattr(ops, reduction)(part(inputs, axis, start, stop), axis, keepdims=True)
                    for start, stop in windows
                ]
                inputs = ops.concatenate(parts, axis)
            return inputs

        return adaptive

    return simpler


def _normalized(operation: Any) -> Function:
    """Batch normalization along any axis, with statistics that may be computed."""

    def normalized(x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None) -> Any:
        sizes = [1] * len(x.shape)
        sizes[operation.axis] = x.shape[operation.axis]
        rows = [row if row is None else ops.reshape(row, sizes) for row in (mean, variance, offset, scale)]
        factor = 1 / ops.sqrt(rows[1] + operation.epsilon)
        factor = factor if rows[3] is None else factor * rows[3]
        x = (x - rows[0]) * factor
        return x if rows[2] is None else x + rows[2]

    return normalized


def _separable(operation: Any) -> Function:
    def separable(inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any) -> Any:
        spread = ops.depthwise_conv(
            inputs,
            depthwise_kernel,
            operation.strides,
            operation.padding,
            operation.data_format,
            operation.dilation_rate,
        )
        return ops.conv(spread, pointwise_kernel, 1, "valid", operation.data_format)

    return separable


def _grayscale(_operation: Any) -> Function:
    def grayscale(images: Any) -> Any:
        if images.shape[-1] == 1:
            return ops.copy(images)
        return ops.sum(images * np.array([0.2989, 0.5870, 0.1140], np.float32), axis=-1, keepdims=True)

    return grayscale


def _blurred(operation: Any) -> Function:
    def blurred(images: Any) -> Any:
        rows = []
        # Keras reads the second size and sigma for the vertical kernel, and the first for the horizontal one.
        for size, sigma in zip(operation.kernel_size[::-1], operation.sigma[::-1], strict=True):
            places = np.arange(size, dtype=np.float32) - (size - 1) / 2
            weights = np.exp(-0.5 * (places / sigma) ** 2)
            rows.append(weights / weights.sum())
        kernel = np.outer(*rows).astype(np.float32).reshape(*operation.kernel_size, 1, 1)
        return ops.depthwise_conv(images, np.tile(kernel, (1, 1, images.shape[-1], 1)), 1, "same")

    return blurred


def _edges(_operation: Any) -> Function:
    """Sobel's filters along the rows and along the columns, on the image with one mirrored row around it."""

    def edges(images: Any) -> Any:
        channels = images.shape[-1]
        rows = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)
        kernel = np.tile(np.stack([rows, rows.T], -1)[:, :, None], (1, 1, channels, 1))
        padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
        found = ops.depthwise_conv(padded, kernel, 1, "valid")
        return ops.reshape(found, (-1, *found.shape[1:3], channels, 2))

    return edges


def _fitted(operation: Any) -> Function:
    """Resizing that keeps the aspect ratio: the middle is cut out before, or a border is put around."""

    def fitted(images: Any) -> Any:
        crops, pads = operation.crop_to_aspect_ratio, operation.pad_to_aspect_ratio
        if operation.data_format == "channels_first" or len(images.shape) != 4:
            return operation.call(images)
        if not (crops or pads):
            return _by_matrices(operation, images)
        height, width = images.shape[1:3]
        rows, columns = operation.size
        wanted = int(float(width * rows) / columns), int(float(height * columns) / rows)
        if crops:
            sizes = [max(min(size, fit), 1) for size, fit in zip((height, width), wanted, strict=True)]
            top, left = int((height - sizes[0]) / 2), int((width - sizes[1]) / 2)
            images = images[:, top : top + sizes[0], left : left + sizes[1]]
        else:
            sizes = [max(size, fit) for size, fit in zip((height, width), wanted, strict=True)]
            top, left = int((sizes[0] - height) / 2), int((sizes[1] - width) / 2)
            # Keras puts the same on both sides, also where one row or column is left over.
            images = ops.pad(images, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=operation.fill_value)
        return ops.image.resize(images, operation.size, operation.interpolation, operation.antialias)

    return fitted


def _by_matrices(operation: Any, images: Any) -> Any:
    """Each row and each column of the result is a sum of rows and columns: one matrix each, found by resizing ones."""
    for axis, equation in ((1, "bhwc,ih->biwc"), (2, "bhwc,jw->bhjc")):
        before, after = images.shape[axis], operation.size[axis - 1]
        ones = np.eye(before, dtype=np.float32)[None, :, :, None]
        matrix = ops.image.resize(ones, (after, before), operation.interpolation, operation.antialias)
        images = ops.einsum(equation, images, ops.reshape(matrix, (after, before)))
    return images


def _to_hsv(images: Any) -> Any:
    red, green, blue = ops.split(images, 3, axis=-1)
    value, least = ops.max(images, -1, keepdims=True), ops.min(images, -1, keepdims=True)
    span = value - least
    safe = ops.where(span > 0, span, 1.0)
    of_red, of_green, of_blue = (green - blue) / safe, 2 + (blue - red) / safe, 4 + (red - green) / safe
    hue = ops.where(ops.equal(value, red), of_red, ops.where(ops.equal(value, green), of_green, of_blue)) / 6
    hue = ops.where(span > 0, ops.where(hue < 0, hue + 1, hue), 0.0)
    saturation = ops.where(value > 0, span / ops.where(value > 0, value, 1.0), 0.0)
    return ops.concatenate([hue, saturation, value], -1)


def _from_hsv(images: Any) -> Any:
    hue, saturation, value = ops.split(images, 3, axis=-1)
    six = hue * 6
    full = [ops.abs(six - 3) - 1, 2 - ops.abs(six - 2), 2 - ops.abs(six - 4)]
    return ops.concatenate([value * (1 + saturation * (ops.clip(part, 0.0, 1.0) - 1)) for part in full], -1)


SIMPLER_ON_MAPS: dict[str, Callable[[Any], Function]] = {
    "AdaptiveAveragePool": _adaptive("mean"),
    "AdaptiveMaxPool": _adaptive("max"),
    "BatchNorm": _normalized,
    "GaussianBlur": _blurred,
    "HSVToRGB": simply(_from_hsv),
    "RGBToGrayscale": _grayscale,
    "RGBToHSV": simply(_to_hsv),
    "Resize": _fitted,
    "SeparableConv": _separable,
    "SobelEdges": _edges,
}
