"""Channels and units that say the same to every picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras

BATCH = 64
#: Layers whose output an activation has bent, or that hold one themselves.
KINDS = ("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU")


@dataclass(frozen=True)
class DeadUnits:
    """Of a layer with `units` channels or numbers: those (`dead`) that are the same for every picture and place."""

    layer: str
    units: int
    dead: tuple[int, ...]


def dead_units(model: keras.Model, images: NDArray[Any]) -> list[DeadUnits]:
    """The layers with an activation that have dead units, in the order of the model's summary.

    Args:
        model: a functional Keras model.
        images: [n, height, width, channels], raw pixel values; a unit is dead if none of them moves it.
    """
    bent = [layer for layer in model.layers if _is_bent(layer)]
    if not bent:
        return []
    outputs = keras.Model(model.inputs, [layer.output for layer in bent])
    low = high = None
    for start in range(0, len(images), BATCH):
        found = outputs([images[start : start + BATCH].astype(np.float32)], training=False)
        values = [keras.ops.convert_to_numpy(one) for one in (found if isinstance(found, list | tuple) else [found])]
        flat = [one.reshape(-1, one.shape[-1]) for one in values]
        least, most = [one.min(axis=0) for one in flat], [one.max(axis=0) for one in flat]
        low = least if low is None else [np.minimum(*pair) for pair in zip(low, least, strict=True)]
        high = most if high is None else [np.maximum(*pair) for pair in zip(high, most, strict=True)]
    dead = []
    for layer, least, most in zip(bent, low or [], high or [], strict=True):
        same = np.nonzero(least == most)[0]
        if len(same):
            dead.append(DeadUnits(layer.name, len(least), tuple(int(unit) for unit in same)))
    return dead


def _is_bent(layer: Any) -> bool:
    own = getattr(getattr(layer, "activation", None), "__name__", "linear")
    last = own in ("softmax", "sigmoid")
    return not last and (type(layer).__name__ in KINDS or own != "linear")
