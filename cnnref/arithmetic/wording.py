"""The words for layers and numbers in tables and drawings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import LayerRow

INPUT, CONVOLUTION, POOLING, DENSE = "input", "convolution", "pooling", "dense"
NORMALIZATION, ACTIVATION, JOINING, PADDING, OTHER = "normalization", "activation", "joining", "padding", "other"

JOINS = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
ACTIVATIONS = {
    "Activation", "ELU", "Elu", "Gelu", "HardSigmoid", "HardSilu", "LeakyReLU", "LeakyRelu", "PReLU", "ReLU", "Relu",
    "Relu6", "SELU", "Sigmoid", "Silu", "Softmax", "Softplus", "Tanh",
}  # fmt: skip
PADS = {"Pad", "ZeroPadding2D"}
#: Part of the name of a class -> its category; the first part that is found applies.
PARTS = (
    ("Conv", CONVOLUTION),
    ("Pool", POOLING),
    ("Normalization", NORMALIZATION),
    ("Rescaling", NORMALIZATION),
    ("Dense", DENSE),
)


def category_of(row: LayerRow) -> str:
    """The category of a layer: one of the nine above. A sum with a constant joins no branches, so it is OTHER."""
    if row.kind == "InputLayer":
        return INPUT
    if row.kind in JOINS:
        return JOINING if len(row.inputs) > 1 else OTHER
    if row.kind in ACTIVATIONS:
        return ACTIVATION
    if row.kind in PADS:
        return PADDING
    return next((category for part, category in PARTS if part in row.kind), OTHER)


def format_shape(sizes: Iterable[float]) -> str:
    """A shape as text: (28, 28, 1) is "28x28x1"."""
    return "x".join(f"{size:g}" for size in sizes)


def format_count(number: int | None) -> str:
    """A number with three digits and a unit: 416520 is "417 k", 4089184256 is "4.09 G", and None is "?"."""
    if number is None:
        return "?"
    value, unit = float(number), ""
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            break
        value /= 1000
    digits = 0 if not unit or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def total_macs(rows: Iterable[LayerRow]) -> int | None:
    """The multiply-accumulates of all rows together; None if those of any row are unknown."""
    counts = [row.macs for row in rows]
    return None if None in counts else sum(count for count in counts if count)
