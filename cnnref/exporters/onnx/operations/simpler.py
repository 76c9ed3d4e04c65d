"""Operations that ONNX has no operator for, in terms of simpler operations of keras.ops.

Each entry takes the operation, whose attributes are its options, and gives a function of its tensors. The function is
called with KerasTensors, and what it computes with is written in its place. Operations that Keras itself computes with
others (normalizations, patches) need no entry: their `call` is taken apart in the same way. Those on maps and pictures
are in `simpler_on_maps.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....environment import keras, ops
from .operands import Function, part, simply
from .simpler_on_maps import SIMPLER_ON_MAPS


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
                x = ops.concatenate([part(x, axis, cut, None), part(x, axis, 0, cut)], axis)
        return ops.reshape(x, shape) if operation.axis is None else x

    return rolled


def _difference(operation: Any) -> Function:
    def difference(a: Any) -> Any:
        axis = operation.axis % len(a.shape)
        for _ in range(operation.n):
            a = part(a, axis, 1, None) - part(a, axis, 0, -1)
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
            parts = [ops.flip(part(x, axis, 0, before), axis)] if before else []
            parts += [x, ops.flip(part(x, axis, x.shape[axis] - after, None), axis)] if after else [x]
            x = ops.concatenate(parts, axis) if len(parts) > 1 else x
        return x

    return mirrored


SIMPLER: dict[str, Callable[[Any], Function]] = {
    **SIMPLER_ON_MAPS,
    "All": _quantified("min"),
    "Any": _quantified("max"),
    "Append": _appended,
    "Arctan2": simply(_arctan2),
    "Average": _average,
    "Cbrt": simply(lambda x: ops.sign(x) * ops.power(ops.abs(x), 1 / 3)),
    "CountNonzero": _counted,
    "Deg2rad": simply(lambda x: x * (math.pi / 180)),
    "Diff": _difference,
    "DivideNoNan": simply(lambda x1, x2: ops.where(ops.equal(x2, 0), 0.0, x1 / ops.where(ops.equal(x2, 0), 1.0, x2))),
    "Dot": _dot,
    "DotProductAttention": _attention,
    "Dsplit": _sections(2),
    "Dstack": _joined(2, 3),
    "Erfc": simply(lambda x: 1 - ops.erf(x)),
    "Exp2": simply(lambda x: ops.exp(x * math.log(2))),
    "Expm1": simply(lambda x: ops.exp(x) - 1),
    "Fliplr": simply(lambda x: ops.flip(x, 1)),
    "Flipud": simply(lambda x: ops.flip(x, 0)),
    "FloorDivide": simply(lambda x1, x2: ops.floor(ops.true_divide(x1, x2))),
    "Gelu": _gelu,
    "Glu": _glu,
    "HardShrink": lambda operation: lambda x: ops.where(ops.abs(x) > operation.threshold, x, 0.0),
    "HardSilu": simply(lambda x: x * ops.hard_sigmoid(x)),
    "HardTanh": simply(lambda x: ops.clip(x, -1.0, 1.0)),
    "Heaviside": simply(lambda x1, x2: ops.where(ops.equal(x1, 0), x2, ops.cast(x1 > 0, "float32"))),
    "Hsplit": lambda operation: lambda x: ops.split(x, operation.indices_or_sections, axis=min(1, len(x.shape) - 1)),
    "Hstack": _joined(1, 1),
    "Hypot": simply(lambda x1, x2: ops.sqrt(x1 * x1 + x2 * x2)),
    "Inner": simply(lambda x1, x2: ops.tensordot(x1, x2, [[-1], [-1]])),
    "Isclose": lambda _operation: lambda x1, x2, rtol=1e-5, atol=1e-8: ops.abs(x1 - x2) <= atol + rtol * ops.abs(x2),
    "Isfinite": simply(lambda x: ops.logical_not(ops.logical_or(ops.isinf(x), ops.isnan(x)))),
    "Isneginf": simply(lambda x: ops.logical_and(ops.isinf(x), x < 0)),
    "Isposinf": simply(lambda x: ops.logical_and(ops.isinf(x), x > 0)),
    "Log10": simply(lambda x: ops.log(x) / math.log(10)),
    "Log1p": simply(lambda x: ops.log(1 + x)),
    "Log2": simply(lambda x: ops.log(x) / math.log(2)),
    "LogSigmoid": simply(lambda x: -ops.softplus(-x)),
    "LogSoftmax": _softmax_over_axes,
    "Logaddexp": _log_add("e"),
    "Logaddexp2": _log_add("2"),
    "Mod": simply(lambda x1, x2: x1 - ops.floor_divide(x1, x2) * x2),
    "Moments": _moments,
    "Moveaxis": _moved,
    "NanToNum": _nan_to_num,
    "Norm": _norm,
    "NotEqual": simply(lambda x1, x2: ops.logical_not(ops.equal(x1, x2))),
    "Outer": simply(lambda x1, x2: ops.reshape(x1, (-1, 1)) * ops.reshape(x2, (1, -1))),
    "Ptp": lambda operation: (
        lambda x: ops.max(x, operation.axis, operation.keepdims) - ops.min(x, operation.axis, operation.keepdims)
    ),
    "Pad": _mirrored,
    "Rad2deg": simply(lambda x: x * (180 / math.pi)),
    "Ravel": simply(lambda x: ops.reshape(x, (-1,))),
    "Repeat": _repeated,
    "Roll": _rolled,
    "Rot90": _rotated,
    "Round": _rounded,
    "Rsqrt": simply(lambda x: 1 / ops.sqrt(x)),
    "Silu": simply(lambda x: x * ops.sigmoid(x)),
    "SoftShrink": lambda operation: lambda x: ops.sign(x) * ops.relu(ops.abs(x) - operation.threshold),
    "Softmax": _softmax_over_axes,
    "SparsePlus": simply(lambda x: ops.where(x <= -1, 0.0, ops.where(x < 1, 0.25 * ops.square(x + 1), x))),
    "SparseSigmoid": simply(lambda x: ops.clip(0.5 * (x + 1), 0.0, 1.0)),
    "Sparsemax": _sparsemax,
    "Squareplus": lambda operation: lambda x: 0.5 * (x + ops.sqrt(ops.square(x) + operation.b)),
    "Stack": _stacked,
    "Std": _deviation,
    "Swapaxes": _swapped,
    "TanhShrink": simply(lambda x: x - ops.tanh(x)),
    "Tensordot": _tensordot,
    "Threshold": lambda operation: lambda x: ops.where(x > operation.threshold, x, float(operation.default_value)),
    "Tril": _triangle(lower=True),
    "Triu": _triangle(lower=False),
    "Trunc": simply(lambda x: ops.sign(x) * ops.floor(ops.abs(x))),
    "Var": _variance,
    "Vdot": simply(lambda x1, x2: ops.sum(x1 * x2)),
    "Vsplit": _sections(0),
    "Vstack": _joined(0, 2),
}
