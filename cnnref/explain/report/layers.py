"""Which layers of a network a report draws, and into which files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...arithmetic import LayerRow
from ...arithmetic import wording as words
from ...arithmetic.graph import Call
from .dead_units import has_activation

#: Layers whose kernels, and layers whose maps are drawn.
KERNELS, MAPS = 3, 6


@dataclass(frozen=True)
class LayerPicture:
    """A layer, and the picture file that shows it."""

    layer: str
    file: str


def with_kernels(calls: Mapping[str, Call]) -> tuple[LayerPicture, ...]:
    """The first convolutions that see more than one place, or else the first of any."""
    from ...environment import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    layers: dict[Any, str] = {}
    for name, call in calls.items():
        if isinstance(call.operation, kinds):
            layers.setdefault(call.operation, name)  # one that is called again has the same kernels
    wide = [name for layer, name in layers.items() if tuple(layer.kernel_size) != (1, 1)]
    return _drawn("kernels", (wide or list(layers.values()))[:KERNELS])


def with_maps(rows: Iterable[LayerRow], calls: Mapping[str, Call]) -> tuple[LayerPicture, ...]:
    """Layers with maps, evenly chosen among those behind an activation, a pooling or a joining.

    Args:
        rows: of `layer_table`.
        calls: the calls of the same model by name, from `calls_by_name`.
    """
    kinds = (words.POOLING, words.JOINING)
    found = [
        name
        for row, (name, call) in zip(rows, calls.items(), strict=True)
        if len(row.output_shape) == 3 and (words.category_of(row) in kinds or has_activation(call))
    ]
    if len(found) > MAPS:
        found = [found[round(place * (len(found) - 1) / (MAPS - 1))] for place in range(MAPS)]
    return _drawn("maps", found)


def _drawn(what: str, names: Iterable[str]) -> tuple[LayerPicture, ...]:
    """Each layer with a file of its own, whatever characters its name has."""
    drawn: list[LayerPicture] = []
    for name in names:
        stem = f"{what}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}"
        while any(stem.lower() == one.file.lower().removesuffix(".png") for one in drawn):
            stem += "-"
        drawn.append(LayerPicture(name, f"{stem}.png"))
    return tuple(drawn)
