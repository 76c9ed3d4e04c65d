"""The geometry and cost of a Keras model, layer by layer: shapes, receptive fields, parameters, multiply-accumulates.

This works for any functional or built sequential model, also with nested models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import InputError
from .graph import Call, Tensor, calls, calls_by_name
from .receptive_field import Field
from .windows import KERNEL_LAYERS, Fields, Window, fields_after, holds_unknown_kernel, window_of


@dataclass(frozen=True)
class LayerRow:
    """One call of a layer or operation. A layer that is called twice has two rows of the same name.

    Attributes:
        name: The layer's name, after the names of the models that it is nested in: "backbone/stem".
        kind: Its class, "Conv2D".
        inputs: Names of the layers whose outputs it reads.
        output_shape: The shape without the batch; that of the first output if there are several.
        kernel: Cells of the window (vertically, horizontally); (1, 1) where units are only added or removed.
        strides: Units from one position of the window to the next.
        padding: Units added at (top, bottom, left, right); negative numbers are units removed. For a transposed
            convolution, units removed from its full output.
        size_formula: The formula of the output size with its numbers; one each for height and width if they differ.
        parameters: Parameters that are in no earlier row.
        trainable_parameters: Those of them that training changes.
        macs: Multiply-accumulates for one image in this call, without biases; 0 for everything that is neither a
            convolution nor a dense layer, and for a depthwise convolution with a 1x1 kernel, which multiplies each
            value by a number and accumulates nothing; None if it uses kernels in an unknown way.
        activation_bytes: Bytes of its outputs for one image in float32.
        receptive_field: The receptive field of a unit (height, width) in pixels of the image, padding included; the
            largest where units differ. After flattening or global pooling, the size of the image.
        jump: Average distance in pixels between neighbouring units.
        start: The center of the first unit's receptive field in pixels; the center of the first pixel is (0, 0).

    `kernel`, `strides`, `padding` and `size_formula` are None where there is no window. `receptive_field` is
    None where it is not known; `jump` and `start` also where units have no position, such as after flattening.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output_shape: tuple[int, ...]
    kernel: tuple[int, int] | None
    strides: tuple[int, int] | None
    padding: tuple[int, int, int, int] | None
    size_formula: str | None
    parameters: int
    trainable_parameters: int
    macs: int | None
    activation_bytes: int
    receptive_field: tuple[int, int] | None
    jump: tuple[float, float] | None
    start: tuple[float, float] | None


def layer_table(model: Any) -> list[LayerRow]:
    """One row for every call in the model, inputs first, in the order of the model's summary.

    Raises:
        InputError: The model has no graph (not functional, or not built), an axis other than the batch has no
            fixed size, or a layer has the channels first.
    """
    fields: dict[Tensor, Fields] = {}
    counted: set[int] = set()
    rows = []
    for call in calls(model):
        seen = fields_after(call, [fields[tensor] for tensor in call.inputs])
        fields.update(zip(call.outputs, seen, strict=True))
        rows.append(_row(call, seen[0], counted))
    return rows


def fields_of(model: Any) -> dict[str, tuple[tuple[int, ...], Fields]]:
    """For each layer by name: the shape of its output without the batch, and the receptive fields of its units.

    The second call of a layer is named "name#2", and so on. Raises the errors of `layer_table`.
    """
    fields: dict[Tensor, Fields] = {}
    found = {}
    for name, call in calls_by_name(calls(model)).items():
        seen = fields_after(call, [fields[tensor] for tensor in call.inputs])
        fields.update(zip(call.outputs, seen, strict=True))
        found[name] = (call.outputs[0].shape[1:], seen[0])
    return found


def macs(model: Any) -> int:
    """Multiply-accumulates of all convolutions and dense layers for one image; biases are not counted.

    Depthwise convolutions with a 1x1 kernel are not counted either, because they accumulate nothing (ConvNeXt's layer
    scale is one).

    Raises:
        InputError: As for `layer_table`, or a layer uses kernels in a way that cannot be counted.
    """
    total = 0
    for call in calls(model):
        count = _macs(call)
        if count is None:
            raise InputError(
                f"The multiplications of layer {call.name} ({type(call.operation).__name__}) cannot be "
                "counted; build the model from Keras' convolution and dense layers."
            )
        total += count
    return total


def parameters(model: Any) -> int:
    """The number of all parameters of the model as Keras counts them, with moving averages."""
    return sum(math.prod(weight.shape) for weight in model.weights)


def trainable_parameters(model: Any) -> int:
    """The number of parameters that training changes."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _row(call: Call, seen: Fields, counted: set[int]) -> LayerRow:
    window = window_of(call)
    height, width = seen
    field = jump = start = None
    if height is not None and width is not None:
        field = (height.size, width.size)
        if height.period and width.period:
            jump = (_int_if_whole(height.jump), _int_if_whole(width.jump))
            start = (_center(height), _center(width))
    new_weights = [weight for weight in getattr(call.operation, "weights", ()) if id(weight) not in counted]
    counted.update(map(id, new_weights))
    trainable = {id(weight) for weight in getattr(call.operation, "trainable_weights", ())}
    return LayerRow(
        name=call.name,
        kind=type(call.operation).__name__,
        inputs=tuple(tensor.source for tensor in call.inputs),
        output_shape=call.outputs[0].shape[1:],
        kernel=window.kernel if window else None,
        strides=window.strides if window else None,
        padding=window.padding if window else None,
        size_formula=_size_formula(window, call.inputs[0].shape) if window else None,
        parameters=sum(math.prod(weight.shape) for weight in new_weights),
        trainable_parameters=sum(math.prod(weight.shape) for weight in new_weights if id(weight) in trainable),
        macs=_macs(call),
        activation_bytes=4 * sum(math.prod(tensor.shape[1:]) for tensor in call.outputs),
        receptive_field=field,
        jump=jump,
        start=start,
    )


def _int_if_whole(number: Fraction) -> float:
    """The number as int if it is whole, so that it prints without decimals."""
    return int(number) if number.denominator == 1 else float(number)


def _center(field: Field) -> float:
    return _int_if_whole(Fraction(sum(field.span(0)), 2))


def _size_formula(window: Window, input_shape: tuple[int, ...]) -> str:
    height, width = (window.formula(input_shape[1 + axis], axis) for axis in (0, 1))
    return height if height == width else f"height: {height}; width: {width}"


def _macs(call: Call) -> int | None:
    """The whole kernel is applied at each position of the output; of the input for a transposed convolution."""
    if holds_unknown_kernel(call):
        return None
    kind, layer = call.keras_class, call.operation
    if kind not in KERNEL_LAYERS or (kind == "DepthwiseConv2D" and tuple(layer.kernel_size) == (1, 1)):
        return 0
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel] if kind.startswith("Separable") else [layer.kernel]
    positions = (call.inputs if kind.endswith("Transpose") else call.outputs)[0].shape[1:-1]
    return int(math.prod(positions) * sum(math.prod(kernel.shape) for kernel in kernels))
