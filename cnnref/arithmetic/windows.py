"""The windows of Keras operations, and the receptive fields of their outputs.

An unknown operation keeps the field of its input if height and width do not change. Otherwise its field is unknown,
because a missing field is better than a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .graph import Call, Tensor
from .receptive_field import Field, union
from .sizes import same_padding

#: The receptive fields of the units of a map along height and width; None where they are not known.
Fields: TypeAlias = tuple[Field | None, Field | None]
Pair: TypeAlias = tuple[int, int]

CONVOLUTIONS = {"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}
POOLINGS = {"MaxPooling2D", "AveragePooling2D"}
#: Operations that read the whole height and width, and whose output may have both axes.
GLOBAL = {"GlobalAveragePooling2D", "GlobalMaxPooling2D", "GroupNormalization"}
#: Convolutions of keras.ops, whose kernels are arguments and not weights.
CONVOLUTION_OPS = {"Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv"}
#: Operations that may mix positions although height and width do not change (slices and pads only where `window_of`
#: returns None).
MIXING = {
    "AdaptiveAveragePool", "AdaptiveMaxPool", "AdditiveAttention", "AffineTransform", "Attention",
    "AveragePool", "AveragePooling3D", "Conv3D", "Conv3DTranspose", "Dot", "Einsum", "ElasticTransform",
    "FFT2", "GaussianBlur", "GetItem", "IFFT2", "MapCoordinates", "Matmul", "MaxPool", "MaxPooling3D",
    "Moveaxis", "Pad", "PerspectiveTransform", "Rot90", "Swapaxes", "Take", "TakeAlongAxis", "Tensordot",
}  # fmt: skip
#: Layers whose multiply-accumulates `geometry` can count from their kernels.
KERNEL_LAYERS = {
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Dense",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
}  # fmt: skip


@dataclass(frozen=True)
class Window:
    """The sliding window of a convolution or pooling; 1x1 where units are only added or removed.

    Attributes:
        kernel: Cells (vertically, horizontally).
        strides: Units from one position to the next.
        padding: Units added at (top, bottom, left, right); negative numbers are units removed. For a transposed
            convolution, units removed from its full output.
        dilation: Units from one cell to the next.
        transposed: Whether it is the window of a transposed convolution, which is added to the output.
    """

    kernel: Pair
    strides: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    transposed: bool = False

    def field(self, field: Field | None, axis: int) -> Field | None:
        """The field after the window along height (axis 0) or width (axis 1)."""
        if field is None:
            return None
        slide = field.slid_back if self.transposed else field.slid
        return slide(self.kernel[axis], self.strides[axis], self.padding[2 * axis], self.dilation[axis])

    def formula(self, n: int, axis: int) -> str:
        """The formula of the output size for the input size `n` along one axis, with all numbers."""
        before, after = self.padding[2 * axis : 2 * axis + 2]
        k, s, d = self.kernel[axis], self.strides[axis], self.dilation[axis]
        if self.transposed:
            text = f"({n} - 1)*{s} + {d}*({k}-1) + 1{_signed(-before)}{_signed(-after)}"
            return f"{text} = {(n - 1) * s + d * (k - 1) + 1 - before - after}"
        text = f"floor(({n}{_signed(before)}{_signed(after)} - {d}*({k}-1) - 1)/{s}) + 1"
        return f"{text} = {(n + before + after - d * (k - 1) - 1) // s + 1}"


def _signed(number: int) -> str:
    return f" - {-number}" if number < 0 else f" + {number}"


def window_of(call: Call) -> Window | None:
    """The window of a call on a map [batch, height, width, channels]; None if it has none."""
    if not call.inputs or len(call.inputs[0].shape) != 4:
        return None
    operation, kind = call.operation, call.keras_class
    height, width = call.inputs[0].shape[1:3]
    if kind in CONVOLUTIONS or kind in POOLINGS:
        kernel = operation.kernel_size if kind in CONVOLUTIONS else operation.pool_size
        dilation = operation.dilation_rate if kind in CONVOLUTIONS else (1, 1)
        window = Window(tuple(kernel), tuple(operation.strides), dilation=tuple(dilation))
        return _padded(window, operation.padding, (height, width))
    if kind == "Conv2DTranspose":
        return _transposed(call)
    if kind in ("ZeroPadding2D", "Cropping2D"):
        (top, bottom), (left, right) = operation.padding if kind == "ZeroPadding2D" else operation.cropping
        sign = 1 if kind == "ZeroPadding2D" else -1
        return Window((1, 1), padding=(sign * top, sign * bottom, sign * left, sign * right))
    if kind == "Pad":
        sides = list(operation.pad_width) * (4 if len(operation.pad_width) == 1 else 1)
        # One mirrored row repeats the edge; a window over it sees no other pixels than without it.
        largest_exact = {"constant": math.inf, "symmetric": 1}.get(operation.mode, 0)
        return Window((1, 1), padding=(*sides[1], *sides[2])) if max(*sides[1], *sides[2]) <= largest_exact else None
    return _sliced(call) if kind == "GetItem" else None


def _padded(window: Window, padding: str, size: Pair) -> Window:
    """The window with the padding of "same" for a map of this size."""
    if padding != "same":
        return window
    sides = [
        same_padding(*numbers) for numbers in zip(size, window.kernel, window.strides, window.dilation, strict=True)
    ]
    return Window(window.kernel, window.strides, (*sides[0], *sides[1]), window.dilation)


def _transposed(call: Call) -> Window:
    """The window of a transposed convolution, which inverts the sizes of a convolution and removes its padding."""
    layer = call.operation
    kernel, strides, dilation = tuple(layer.kernel_size), tuple(layer.strides), tuple(layer.dilation_rate)
    cuts: list[int] = []
    for axis in (0, 1):
        n, out = call.inputs[0].shape[1 + axis], call.outputs[0].shape[1 + axis]
        k, s, d = kernel[axis], strides[axis], dilation[axis]
        before = same_padding(out, k, s, d)[0] if layer.padding == "same" else 0
        cuts += [before, (n - 1) * s + d * (k - 1) + 1 - before - out]
    return Window(kernel, strides, (cuts[0], cuts[1], cuts[2], cuts[3]), dilation, transposed=True)


def _sliced(call: Call) -> Window | None:
    """The window of x[:, a:b:step, c:d:step], which reads single units like a 1x1 window with a stride."""
    rows, columns, *_ = sliced_ranges(call) or (None, None)
    if rows is None or columns is None:
        return None
    height, width = call.inputs[0].shape[1:3]
    padding = (-rows.start, rows.stop - height, -columns.start, columns.stop - width)
    return Window((1, 1), (rows.step, columns.step), padding)


def averages_channels(call: Call) -> bool:
    """Whether a call of keras.ops.mean averages the channels of each pixel, and keeps them as one."""
    shape, operation = call.inputs[0].shape, call.operation
    axes = operation.axis if isinstance(operation.axis, list | tuple) else [operation.axis]
    return len(shape) == 4 and operation.keepdims and list(axes) in ([-1], [3])


def sliced_ranges(call: Call) -> tuple[range | None, ...] | None:
    """The range that x[...] takes of each axis except the batch; None in place of a range for a single index.

    Returns None if the call is not x[...], takes a part of the batch, or has a new axis or a negative step.
    """
    if call.keras_class != "GetItem":
        return None
    args, kwargs = call.arguments
    key = kwargs["key"] if "key" in kwargs else args[1]
    key = list(key) if isinstance(key, list | tuple) else [key]
    shape = call.inputs[0].shape
    if Ellipsis in key:
        place = key.index(Ellipsis)
        key[place : place + 1] = [slice(None)] * (len(shape) + 1 - len(key))
    key += [slice(None)] * (len(shape) - len(key))
    if key[0] != slice(None) or not all(isinstance(part, int | slice) for part in key):
        return None
    parts = zip(key[1:], shape[1:], strict=True)
    ranges = [range(*part.indices(n)) if isinstance(part, slice) else None for part, n in parts]
    return tuple(ranges) if all(part is None or part.step > 0 for part in ranges) else None


def holds_unknown_kernel(call: Call) -> bool:
    """Whether the call uses kernels in an unknown way, like a custom layer or a wrapper."""
    if call.keras_class in CONVOLUTION_OPS:
        return True
    names = [weight.name for weight in getattr(call.operation, "weights", ())]
    return call.keras_class not in KERNEL_LAYERS and any("kernel" in name for name in names)


def fields_after(call: Call, seen: Sequence[Fields]) -> list[Fields]:
    """The fields of each output, from the fields of each input in `seen`."""
    if not call.inputs:
        shapes = [tensor.shape for tensor in call.outputs]
        return [(Field.pixels(s[1]), Field.pixels(s[2])) if len(s) == 4 else (None, None) for s in shapes]
    window = window_of(call)
    if window is not None:
        return [(window.field(seen[0][0], 0), window.field(seen[0][1], 1))]
    if call.keras_class == "UpSampling2D":
        return [(_upsampled(call, seen[0][0], 0), _upsampled(call, seen[0][1], 1))]
    return [
        (_field_without_window(call, output, seen, 0), _field_without_window(call, output, seen, 1))
        for output in call.outputs
    ]


def _upsampled(call: Call, field: Field | None, axis: int) -> Field | None:
    factor, interpolation = call.operation.size[axis], call.operation.interpolation
    if field is None or interpolation not in ("nearest", "bilinear"):
        return None
    return field.repeated(factor) if interpolation == "nearest" else field.interpolated(factor)


def _field_without_window(call: Call, output: Tensor, seen: Sequence[Fields], axis: int) -> Field | None:
    """The field along one axis after an operation without a window."""
    fields = [
        _field_through(call, tensor, output, fields[axis], axis)
        for tensor, fields in zip(call.inputs, seen, strict=True)
    ]
    return union(fields)


def _field_through(call: Call, tensor: Tensor, output: Tensor, field: Field | None, axis: int) -> Field | None:
    """The field of an output along one axis that comes from one of the inputs."""
    if field is None or field.is_whole:
        return field
    if len(output.shape) < 4 or call.keras_class in GLOBAL:
        return field.whole
    if _reorders(call) or holds_unknown_kernel(call):
        return None
    before, after = tensor.shape[1 + axis], output.shape[1 + axis]
    if _reduces_along(call, 1 + axis, len(tensor.shape)):
        return field.whole if after in (before, 1) else None
    if before == after or field.period == 0:
        return field
    return field.fixed if before == 1 else None


def _reorders(call: Call) -> bool:
    """Whether the operation may move height and width to other axes, or mix positions."""
    if call.keras_class == "Permute":
        return tuple(call.operation.dims)[:2] != (1, 2)
    if call.keras_class == "Transpose":
        return tuple(call.operation.axes or ())[:3] != (0, 1, 2)
    return call.keras_class in MIXING


def _reduces_along(call: Call, axis: int, rank: int) -> bool:
    """Whether a mean, softmax, normalization or similar operation runs along this axis and so reads all of it."""
    if not hasattr(call.operation, "axis"):
        return False
    axes = call.operation.axis
    if axes is None:
        return True
    return axis in {int(number) % rank for number in (axes if hasattr(axes, "__iter__") else (axes,))}
