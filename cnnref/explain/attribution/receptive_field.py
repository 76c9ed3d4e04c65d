"""Which pixels of the picture one unit of a feature map can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...arithmetic.geometry import fields_of
from ...errors import InputError
from .classifier import to_integer, unknown_layer

if TYPE_CHECKING:
    import keras


def receptive_field(model: keras.Model, layer: str, row: int, column: int) -> NDArray[np.bool_]:
    """True where the unit at (row, column) of a layer's maps can see the picture.

    Args:
        model: a functional or built sequential Keras model.
        layer: its name in the model's summary, or in `layer_table` for one in a nested model ("backbone/stem");
            "name#2" is the second call of a layer.
        row, column: which unit, counted from 0; for a layer without places they are not looked at, and it sees all.

    Returns:
        bool [height, width] of the picture.

    Raises:
        InputError: there is no such layer or unit, or what its units see is not known.
    """
    known = fields_of(model)
    if layer not in known:
        raise unknown_layer(layer, known)
    shape, fields = known[layer]
    row, column = to_integer(row, "row"), to_integer(column, "column")
    places = shape[:2] if len(shape) == 3 else (1, 1)
    if len(shape) == 3 and not (0 <= row < places[0] and 0 <= column < places[1]):
        raise InputError(f"Layer {layer} has no unit at ({row}, {column}); its maps are {places[0]}x{places[1]}.")
    sides = []
    for field, unit in zip(fields, (row, column), strict=True):
        if field is None:
            raise InputError(f"What the units of layer {layer} see of the picture is not known.")
        first, last = field.span(unit) if field.period else field.spans[0]
        pixels = np.arange(field.image)
        sides.append((pixels >= first) & (pixels <= last))
    return sides[0][:, None] & sides[1][None, :]
