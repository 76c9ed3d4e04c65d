"""The sizes and costs of a Keras model, layer by layer: what becomes of the image, and what that takes.

Works on any functional or built sequential model, whoever made it, with models nested in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import InputError
from .graph import Call, Tensor, calls, named
from .receptive_field import Field
from .windows import KERNEL_LAYERS, Fields, Window, fields_after, holds_unknown_kernel, window_of


@dataclass(frozen=True)
class LayerRow:
    """One call of a layer or operation. A layer that is called twice has two rows of the same name.

    Attributes:
        name: The layer's name, behind the names of the models it is nested in: "backbone/stem".
        kind: Its class, "Conv2D".
        inputs: Names of the layers whose outputs it reads.
        output_shape: Without the batch; of the first output, if there are several.
        kernel: Cells of the window (vertically, horizontally); (1, 1) where units are only added or cut.
        strides: Units from one position of the window to the next.
        padding: Units added at (top, bottom, left, right); negative ones are cut off. For a transposed
            convolution, units cut off its full answer.
        size_formula: The arithmetic of the output size; of height and width, if they differ.
        parameters: Numbers it holds that no earlier row holds.
        trainable_parameters: Those of them that training changes.
        macs: Multiply-accumulates for one image in this call, biases not counted; 0 for whatever is neither a
            convolution nor a dense layer, and for a depthwise convolution with a 1x1 kernel, which multiplies each
            value by a number and accumulates nothing; None if it multiplies with kernels in a way that is not
            known here.
        activation_bytes: Its outputs for one image, as float32.
        receptive_field: Pixels (height, width) of the image that a unit can see, padding included; the most,
            where units differ. Behind flattening or global pooling, the size of the image.
        jump: Pixels between the units of neighbouring positions, on average.
        start: The middle of what the first unit sees; the first pixel's middle is (0, 0).

    `kernel`, `strides`, `padding` and `size_formula` are None where no window slides. `receptive_field` is
    None where it is not known; `jump` and `start` also where units have no place (flattened, say).
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
        InputError: The model has no graph (not functional, or not built), a size other than the batch is
            open, or a layer keeps channels first.
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
    """By the name of each layer: its output's shape without the batch, and what its units see of the image.

    A layer that is called again has "name#2" and so on. Raises what `layer_table` raises.
    """
    fields: dict[Tensor, Fields] = {}
    found = {}
    for name, call in named(calls(model)).items():
        seen = fields_after(call, [fields[tensor] for tensor in call.inputs])
        fields.update(zip(call.outputs, seen, strict=True))
        found[name] = (call.outputs[0].shape[1:], seen[0])
    return found


def macs(model: Any) -> int:
    """Multiply-accumulates of all convolutions and dense layers for one image; biases are not counted.

    Nor are depthwise convolutions with a 1x1 kernel: they accumulate nothing (ConvNeXt's layer scale is one).

    Raises:
        InputError: As `layer_table`, or a layer multiplies with kernels in a way that cannot be counted.
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
    """All numbers that the model holds, moving averages included, as Keras counts them."""
    return sum(math.prod(weight.shape) for weight in model.weights)


def trainable_parameters(model: Any) -> int:
    """The numbers that training changes."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _row(call: Call, seen: Fields, counted: set[int]) -> LayerRow:
    window = window_of(call)
    height, width = seen
    field = jump = start = None
    if height is not None and width is not None:
        field = (height.size, width.size)
        if height.period and width.period:
            jump = (_plain(height.jump), _plain(width.jump))
            start = (_middle(height), _middle(width))
    fresh = [weight for weight in getattr(call.operation, "weights", ()) if id(weight) not in counted]
    counted.update(map(id, fresh))
    learning = {id(weight) for weight in getattr(call.operation, "trainable_weights", ())}
    return LayerRow(
        name=call.name,
        kind=type(call.operation).__name__,
        inputs=tuple(tensor.source for tensor in call.inputs),
        output_shape=call.outputs[0].shape[1:],
        kernel=window.kernel if window else None,
        strides=window.strides if window else None,
        padding=window.padding if window else None,
        size_formula=_size_formula(window, call.inputs[0].shape) if window else None,
        parameters=sum(math.prod(weight.shape) for weight in fresh),
        trainable_parameters=sum(math.prod(weight.shape) for weight in fresh if id(weight) in learning),
        macs=_macs(call),
        activation_bytes=4 * sum(math.prod(tensor.shape[1:]) for tensor in call.outputs),
        receptive_field=field,
        jump=jump,
        start=start,
    )


def _plain(number: Fraction) -> float:
    """A whole number as int, so that it prints as one."""
    return int(number) if number.denominator == 1 else float(number)


def _middle(field: Field) -> float:
    return _plain(Fraction(sum(field.span(0)), 2))


def _size_formula(window: Window, input_shape: tuple[int, ...]) -> str:
    height, width = (window.formula(input_shape[1 + axis], axis) for axis in (0, 1))
    return height if height == width else f"height: {height}; width: {width}"


def _macs(call: Call) -> int | None:
    """A kernel is used whole at each position: of the output, or, if transposed, of the input."""
    if holds_unknown_kernel(call):
        return None
    kind, layer = call.keras_class, call.operation
    if kind not in KERNEL_LAYERS or (kind == "DepthwiseConv2D" and tuple(layer.kernel_size) == (1, 1)):
        return 0
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel] if kind.startswith("Separable") else [layer.kernel]
    positions = (call.inputs if kind.endswith("Transpose") else call.outputs)[0].shape[1:-1]
    return int(math.prod(positions) * sum(math.prod(kernel.shape) for kernel in kernels))
