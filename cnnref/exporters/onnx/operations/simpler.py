"""Operations that ONNX has no operator for, in terms of simpler operations of keras.ops.

Each entry takes the operation, whose attributes are its options, and gives a function of its tensors. The function is
called with KerasTensors, and what it computes with is written in its place. Operations that Keras itself computes with
others (normalizations, patches) need no entry: their `call` is taken apart in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....environment import keras, ops

Function = Callable[..., Any]


def _gelu(operation: Any) -> Function:
    if operation.approximate:
        return lambda x: 0.5 * x * (1 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return lambda x: 0.5 * x * (1 + ops.erf(x * math.sqrt(0.5)))


def _glu(operation: Any) -> Function:
    def glu(x: Any) -> Any:
        value, gate = ops.split(x, 2, axis=operation.axis)
        return value * ops.sigmoid(gate)

    return glu


def _softmax_over_axes(operation: Any) -> Function:
    """Over all numbers, if no axis is given."""
    if operation.axis is not None:
        return _same(operation)
    function = ops.softmax if type(operation).__name__ == "Softmax" else ops.log_softmax
    return lambda x: ops.reshape(function(ops.reshape(x, (-1,)), axis=0), x.shape)


def _same(operation: Any) -> Function:
    """What cannot be said more simply."""
    return lambda *args, **kwargs: operation.call(*args, **kwargs)


def _sparsemax(operation: Any) -> Function:
    """As Keras computes it, which is not quite algorithm 1 of Martins and Astudillo (2016): where that has the sum of
    all numbers inside, Keras 3.15 adds up the sums of the first, the first two, and so on.
    """

    def sparsemax(x: Any) -> Any:
        axis = operation.axis % len(x.shape)
        sizes = [x.shape[axis] if i == axis else 1 for i in range(len(x.shape))]
        ranks = np.arange(1, x.shape[axis] + 1, dtype=np.float32).reshape(sizes)
        falling = -ops.sort(-x, axis=axis)
        sums = ops.cumsum(falling, axis=axis)
        inside = ops.cast(1 + falling * ranks > sums, "float32")
        count = ops.sum(inside, axis=axis, keepdims=True)
        return ops.relu(x - (ops.sum(inside * sums, axis=axis, keepdims=True) - 1) / count)

    return sparsemax


def _variance(operation: Any) -> Function:
    def variance(x: Any) -> Any:
        x = ops.cast(x, "float32")
        deviation = x - ops.mean(x, operation.axis, keepdims=True)
        return ops.mean(deviation * deviation, operation.axis, keepdims=operation.keepdims)

    return variance


def _deviation(operation: Any) -> Function:
    return lambda x: ops.sqrt(_variance(operation)(x))


def _moments(operation: Any) -> Function:
    def moments(x: Any) -> Any:
        mean = ops.mean(x, operation.axes, keepdims=True)
        variance = ops.mean(ops.square(x - mean), operation.axes, keepdims=operation.keepdims)
        return (mean if operation.keepdims else ops.squeeze(mean, operation.axes)), variance

    return moments


def _counted(operation: Any) -> Function:
    return lambda x: ops.sum(ops.cast(ops.not_equal(x, 0), "int32"), operation.axis)


def _quantified(reduce: str) -> Callable[[Any], Function]:
    """All and Any: the least and the largest of 0 and 1."""

    def simpler(operation: Any) -> Function:
        def over(x: Any) -> Any:
            truths = ops.cast(ops.cast(x, "bool"), "int32")
            return ops.cast(getattr(ops, reduce)(truths, operation.axis, operation.keepdims), "bool")

        return over

    return simpler


def _average(operation: Any) -> Function:
    def average(x: Any, weights: Any = None) -> Any:
        if weights is None:
            return ops.mean(x, operation.axis)
        weights = ops.convert_to_tensor(weights)
        if len(weights.shape) != len(x.shape):
            axis = operation.axis % len(x.shape)
            weights = ops.reshape(weights, [-1 if i == axis else 1 for i in range(len(x.shape))])
        weights = weights * ops.ones_like(x)
        return ops.sum(x * weights, operation.axis) / ops.sum(weights, operation.axis)

    return average


def _norm(operation: Any) -> Function:
    """Norms of vectors; those of matrices have no entry."""

    def norm(x: Any) -> Any:
        axes, keepdims = operation.axis, operation.keepdims
        order = 2 if operation.ord in (None, "fro") else operation.ord
        many = axes is None or (not isinstance(axes, int) and len(axes) > 1)
        if many and operation.ord not in (None, "fro"):
            return operation.call(x)
        if isinstance(order, str) or order == 0 or order == -math.inf:
            return operation.call(x)
        if order == math.inf:
            return ops.max(ops.abs(x), axes, keepdims=keepdims)
        if order == 1:
            return ops.sum(ops.abs(x), axes, keepdims=keepdims)
        if order == 2:
            return ops.sqrt(ops.sum(ops.square(x), axes, keepdims=keepdims))
        return ops.power(ops.sum(ops.power(ops.abs(x), order), axes, keepdims=keepdims), 1.0 / order)

    return norm


def _swapped(operation: Any) -> Function:
    def swapped(x: Any) -> Any:
        axes = list(range(len(x.shape)))
        one, other = operation.axis1 % len(axes), operation.axis2 % len(axes)
        axes[one], axes[other] = axes[other], axes[one]
        return ops.transpose(x, axes)

    return swapped


def _moved(operation: Any) -> Function:
    def moved(x: Any) -> Any:
        rank = len(x.shape)
        pairs = zip(_listed(operation.source), _listed(operation.destination), strict=True)
        places = {after % rank: before % rank for before, after in pairs}
        rest = iter(axis for axis in range(rank) if axis not in places.values())
        return ops.transpose(x, [places[axis] if axis in places else next(rest) for axis in range(rank)])

    return moved


def _listed(number: Any) -> list[int]:
    return [number] if isinstance(number, int) else list(number)


def _repeated(operation: Any) -> Function:
    def repeated(x: Any) -> Any:
        repeats, axis = operation.repeats, operation.axis
        if axis is None:
            x, axis = ops.reshape(x, (-1,)), 0
        axis %= len(x.shape)
        if not isinstance(repeats, int):
            counts = np.asarray(keras.ops.convert_to_numpy(repeats)).reshape(-1)
            if counts.size > 1:
                return ops.take(x, np.repeat(np.arange(x.shape[axis]), counts), axis=axis)
            repeats = int(counts[0])
        sizes = list(x.shape)
        wide = ops.tile(ops.expand_dims(x, axis + 1), [repeats if i == axis + 1 else 1 for i in range(len(sizes) + 1)])
        return ops.reshape(wide, [*sizes[:axis], sizes[axis] * repeats, *sizes[axis + 1 :]])

    return repeated


def _rolled(operation: Any) -> Function:
    def rolled(x: Any) -> Any:
        shape = x.shape
        if operation.axis is None:
            x = ops.reshape(x, (-1,))
        axes = [0] if operation.axis is None else _listed(operation.axis)
        shifts = _listed(operation.shift) * (len(axes) if isinstance(operation.shift, int) else 1)
        for axis, shift in zip(axes, shifts, strict=True):
            axis %= len(x.shape)
            cut = -shift % x.shape[axis]
            if cut:
                x = ops.concatenate([_part(x, axis, cut, None), _part(x, axis, 0, cut)], axis)
        return ops.reshape(x, shape) if operation.axis is None else x

    return rolled


def _part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[tuple(slice(start, stop) if i == axis else slice(None) for i in range(len(x.shape)))]


def _difference(operation: Any) -> Function:
    def difference(a: Any) -> Any:
        axis = operation.axis % len(a.shape)
        for _ in range(operation.n):
            a = _part(a, axis, 1, None) - _part(a, axis, 0, -1)
        return a

    return difference


def _rotated(operation: Any) -> Function:
    def rotated(array: Any) -> Any:
        first, second = (axis % len(array.shape) for axis in operation.axes)
        turns = operation.k % 4
        if turns == 2:
            return ops.flip(array, (first, second))
        if turns:
            array = ops.flip(array, second) if turns == 1 else array
            array = ops.swapaxes(array, first, second)
            return array if turns == 1 else ops.flip(array, second)
        return ops.copy(array)

    return rotated


def _stacked(operation: Any) -> Function:
    def stacked(x: Sequence[Any]) -> Any:
        axis = operation.axis % (len(x[0].shape) + 1)
        return ops.concatenate([ops.expand_dims(ops.convert_to_tensor(part), axis) for part in x], axis)

    return stacked


def _joined(axis: int, rank: int) -> Callable[[Any], Function]:
    """hstack, vstack and dstack: along an axis, of tensors of at least so many axes."""

    def simpler(_operation: Any) -> Function:
        def joined(xs: Sequence[Any]) -> Any:
            along = 0 if rank == 1 and len(xs[0].shape) == 1 else axis
            return ops.concatenate([_at_least(x, rank) for x in xs], along)

        return joined

    return simpler


def _at_least(x: Any, rank: int) -> Any:
    while len(x.shape) < rank:
        x = ops.expand_dims(x, -1 if rank == 3 and len(x.shape) == 2 else 0)
    return x


def _appended(operation: Any) -> Function:
    def appended(x1: Any, x2: Any) -> Any:
        if operation.axis is None:
            return ops.concatenate([ops.reshape(x1, (-1,)), ops.reshape(x2, (-1,))], 0)
        return ops.concatenate([x1, x2], operation.axis)

    return appended


def _triangle(lower: bool) -> Callable[[Any], Function]:
    def simpler(operation: Any) -> Function:
        def triangle(x: Any) -> Any:
            ones = np.ones(x.shape[-2:])
            mask = np.tril(ones, operation.k) if lower else np.triu(ones, operation.k)
            return ops.where(mask.astype(bool), x, ops.zeros((), x.dtype))

        return triangle

    return simpler


def _tensordot(operation: Any) -> Function:
    def tensordot(x1: Any, x2: Any) -> Any:
        axes, ranks = operation.axes, (len(x1.shape), len(x2.shape))
        if isinstance(axes, int):
            axes = (list(range(ranks[0] - axes, ranks[0])), list(range(axes)))
        first, second = ([axis % rank for axis in _listed(own)] for own, rank in zip(axes, ranks, strict=True))
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        ones = [next(letters) for _ in range(ranks[0])]
        others = [ones[first[second.index(axis)]] if axis in second else next(letters) for axis in range(ranks[1])]
        kept = [one for axis, one in enumerate(ones) if axis not in first]
        kept += [other for axis, other in enumerate(others) if axis not in second]
        return ops.einsum(f"{''.join(ones)},{''.join(others)}->{''.join(kept)}", x1, x2)

    return tensordot


def _dot(_operation: Any) -> Function:
    def dot(x1: Any, x2: Any) -> Any:
        ranks = len(x1.shape), len(x2.shape)
        if 0 in ranks:
            return x1 * x2
        return ops.tensordot(x1, x2, [[-1], [-2 if ranks[1] > 1 else 0]])

    return dot


def _attention(operation: Any) -> Function:
    """Vaswani et al. (2017), section 3.2.1; tensors are (batch, positions, heads, size)."""

    def attention(query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None) -> Any:
        if operation.attn_logits_soft_cap is not None:
            return operation.call(query, key, value, bias, mask, scale)
        groups = query.shape[2] // key.shape[2]
        if groups > 1:
            key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
        scale = 1 / math.sqrt(key.shape[-1]) if scale is None else scale
        scores = ops.einsum("btnh,bsnh->bnts", query, key) * scale
        if bias is not None:
            scores = scores + bias
        if operation.is_causal:
            causal = np.tril(np.ones((query.shape[1], key.shape[1]), bool))[None, None]
            mask = causal if mask is None else ops.logical_and(mask, causal)
        if mask is not None:
            scores = ops.where(mask, scores, np.float32(-0.7 * np.finfo(np.float32).max))
        return ops.einsum("bnts,bsnh->btnh", ops.softmax(scores), value)

    return attention


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
                    getattr(ops, reduction)(_part(inputs, axis, start, stop), axis, keepdims=True)
                    for start, stop in windows
                ]
                inputs = ops.concatenate(parts, axis)
            return inputs

        return adaptive

    return simpler


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


def _log_add(base: str) -> Callable[[Any], Function]:
    scale = {"e": 1.0, "2": math.log(2.0)}[base]

    def simpler(_operation: Any) -> Function:
        def log_add(x1: Any, x2: Any) -> Any:
            return ops.maximum(x1, x2) + ops.softplus(-ops.abs(x1 - x2) * scale) / scale

        return log_add

    return simpler


def _arctan2(x1: Any, x2: Any) -> Any:
    angle = ops.arctan(x1 / ops.where(ops.equal(x2, 0), 1e-30, x2))
    turned = angle + ops.where(x1 < 0, -math.pi, math.pi)
    return ops.where(x2 < 0, turned, angle)


def _nan_to_num(operation: Any) -> Function:
    largest = float(np.finfo(np.float32).max)
    above = largest if operation.posinf is None else operation.posinf
    below = -largest if operation.neginf is None else operation.neginf

    def replaced(x: Any) -> Any:
        x = ops.where(ops.isnan(x), ops.cast(operation.nan, "float32"), x)
        x = ops.where(ops.logical_and(ops.isinf(x), x > 0), ops.cast(above, "float32"), x)
        return ops.where(ops.logical_and(ops.isinf(x), x < 0), ops.cast(below, "float32"), x)

    return replaced


def _sections(axis: int) -> Callable[[Any], Function]:
    return lambda operation: lambda x: ops.split(x, operation.indices_or_sections, axis=axis)


def _rounded(operation: Any) -> Function:
    factor = 10.0**operation.decimals
    return lambda x: ops.round(x * factor) / factor


def _mirrored(operation: Any) -> Function:
    """Symmetric padding of more than one row, which ONNX has none of: what is repeated is turned around and joined."""

    def mirrored(x: Any, constant_values: Any = None) -> Any:
        if operation.mode != "symmetric":
            return operation.call(x, constant_values)
        for axis, (before, after) in enumerate(operation.pad_width):
            parts = [ops.flip(_part(x, axis, 0, before), axis)] if before else []
            parts += [x, ops.flip(_part(x, axis, x.shape[axis] - after, None), axis)] if after else [x]
            x = ops.concatenate(parts, axis) if len(parts) > 1 else x
        return x

    return mirrored


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


def _simply(function: Function) -> Callable[[Any], Function]:
    """An operation without options."""
    return lambda _operation: function


SIMPLER: dict[str, Callable[[Any], Function]] = {
    "AdaptiveAveragePool": _adaptive("mean"),
    "AdaptiveMaxPool": _adaptive("max"),
    "All": _quantified("min"),
    "Any": _quantified("max"),
    "Append": _appended,
    "Arctan2": _simply(_arctan2),
    "Average": _average,
    "BatchNorm": _normalized,
    "Cbrt": _simply(lambda x: ops.sign(x) * ops.power(ops.abs(x), 1 / 3)),
    "CountNonzero": _counted,
    "Deg2rad": _simply(lambda x: x * (math.pi / 180)),
    "Diff": _difference,
    "DivideNoNan": _simply(lambda x1, x2: ops.where(ops.equal(x2, 0), 0.0, x1 / ops.where(ops.equal(x2, 0), 1.0, x2))),
    "Dot": _dot,
    "DotProductAttention": _attention,
    "Dsplit": _sections(2),
    "Dstack": _joined(2, 3),
    "Erfc": _simply(lambda x: 1 - ops.erf(x)),
    "Exp2": _simply(lambda x: ops.exp(x * math.log(2))),
    "Expm1": _simply(lambda x: ops.exp(x) - 1),
    "Fliplr": _simply(lambda x: ops.flip(x, 1)),
    "Flipud": _simply(lambda x: ops.flip(x, 0)),
    "FloorDivide": _simply(lambda x1, x2: ops.floor(ops.true_divide(x1, x2))),
    "GaussianBlur": _blurred,
    "Gelu": _gelu,
    "Glu": _glu,
    "HSVToRGB": _simply(_from_hsv),
    "HardShrink": lambda operation: lambda x: ops.where(ops.abs(x) > operation.threshold, x, 0.0),
    "HardSilu": _simply(lambda x: x * ops.hard_sigmoid(x)),
    "HardTanh": _simply(lambda x: ops.clip(x, -1.0, 1.0)),
    "Heaviside": _simply(lambda x1, x2: ops.where(ops.equal(x1, 0), x2, ops.cast(x1 > 0, "float32"))),
    "Hsplit": lambda operation: lambda x: ops.split(x, operation.indices_or_sections, axis=min(1, len(x.shape) - 1)),
    "Hstack": _joined(1, 1),
    "Hypot": _simply(lambda x1, x2: ops.sqrt(x1 * x1 + x2 * x2)),
    "Inner": _simply(lambda x1, x2: ops.tensordot(x1, x2, [[-1], [-1]])),
    "Isclose": lambda _operation: lambda x1, x2, rtol=1e-5, atol=1e-8: ops.abs(x1 - x2) <= atol + rtol * ops.abs(x2),
    "Isfinite": _simply(lambda x: ops.logical_not(ops.logical_or(ops.isinf(x), ops.isnan(x)))),
    "Isneginf": _simply(lambda x: ops.logical_and(ops.isinf(x), x < 0)),
    "Isposinf": _simply(lambda x: ops.logical_and(ops.isinf(x), x > 0)),
    "Log10": _simply(lambda x: ops.log(x) / math.log(10)),
    "Log1p": _simply(lambda x: ops.log(1 + x)),
    "Log2": _simply(lambda x: ops.log(x) / math.log(2)),
    "LogSigmoid": _simply(lambda x: -ops.softplus(-x)),
    "LogSoftmax": _softmax_over_axes,
    "Logaddexp": _log_add("e"),
    "Logaddexp2": _log_add("2"),
    "Mod": _simply(lambda x1, x2: x1 - ops.floor_divide(x1, x2) * x2),
    "Moments": _moments,
    "Moveaxis": _moved,
    "NanToNum": _nan_to_num,
    "Norm": _norm,
    "NotEqual": _simply(lambda x1, x2: ops.logical_not(ops.equal(x1, x2))),
    "Outer": _simply(lambda x1, x2: ops.reshape(x1, (-1, 1)) * ops.reshape(x2, (1, -1))),
    "Ptp": lambda operation: (
        lambda x: ops.max(x, operation.axis, operation.keepdims) - ops.min(x, operation.axis, operation.keepdims)
    ),
    "Pad": _mirrored,
    "RGBToGrayscale": _grayscale,
    "RGBToHSV": _simply(_to_hsv),
    "Rad2deg": _simply(lambda x: x * (180 / math.pi)),
    "Ravel": _simply(lambda x: ops.reshape(x, (-1,))),
    "Repeat": _repeated,
    "Resize": _fitted,
    "Roll": _rolled,
    "Rot90": _rotated,
    "Round": _rounded,
    "Rsqrt": _simply(lambda x: 1 / ops.sqrt(x)),
    "SeparableConv": _separable,
    "Silu": _simply(lambda x: x * ops.sigmoid(x)),
    "SobelEdges": _edges,
    "SoftShrink": lambda operation: lambda x: ops.sign(x) * ops.relu(ops.abs(x) - operation.threshold),
    "Softmax": _softmax_over_axes,
    "SparsePlus": _simply(lambda x: ops.where(x <= -1, 0.0, ops.where(x < 1, 0.25 * ops.square(x + 1), x))),
    "SparseSigmoid": _simply(lambda x: ops.clip(0.5 * (x + 1), 0.0, 1.0)),
    "Sparsemax": _sparsemax,
    "Squareplus": lambda operation: lambda x: 0.5 * (x + ops.sqrt(ops.square(x) + operation.b)),
    "Stack": _stacked,
    "Std": _deviation,
    "Swapaxes": _swapped,
    "TanhShrink": _simply(lambda x: x - ops.tanh(x)),
    "Tensordot": _tensordot,
    "Threshold": lambda operation: lambda x: ops.where(x > operation.threshold, x, float(operation.default_value)),
    "Tril": _triangle(lower=True),
    "Triu": _triangle(lower=False),
    "Trunc": _simply(lambda x: ops.sign(x) * ops.floor(ops.abs(x))),
    "Var": _variance,
    "Vdot": _simply(lambda x1, x2: ops.sum(x1 * x2)),
    "Vsplit": _sections(0),
    "Vstack": _joined(0, 2),
}
