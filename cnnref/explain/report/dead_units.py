"""Channels and units whose output is the same for every picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arithmetic import wording as words
from ...arithmetic.execution import run_calls
from ...arithmetic.graph import Call, calls_by_name, trace
from ...environment import keras

#: Pictures that are run at a time: at most so many, and with activations of so many bytes.
BATCH, ACTIVATION_BYTES = 64, 1 << 28


@dataclass(frozen=True)
class DeadUnits:
    """Of a layer with `units` channels or numbers: those (`dead`) that are the same for every picture and place."""

    layer: str
    units: int
    dead: tuple[int, ...]


def dead_units(
    model: keras.Model, images: NDArray[Any], *, activation_bytes: int = ACTIVATION_BYTES
) -> list[DeadUnits]:
    """The layers with an activation that have dead units, in the order of the model's summary.

    Args:
        model: a functional or built sequential Keras model; models in it are opened, and a layer that is called
            again is looked at again, as "name#2".
        images: [n, height, width, channels], raw pixel values; a unit is dead if none of them moves it.
        activation_bytes: how much memory the activations of the pictures that are run together may take.
    """
    graph = trace(model)
    ends = set(graph.outputs)
    activated = {name: call.outputs[0] for name, call in calls_by_name(graph.calls).items() if has_activation(call)}
    activated = {name: tensor for name, tensor in activated.items() if tensor not in ends}
    held = 4 * sum(np.prod(tensor.shape[1:]) for call in graph.calls for tensor in call.outputs)
    batch = int(min(BATCH, max(1, activation_bytes // held)))
    (given,) = graph.inputs
    least: dict[str, NDArray[Any]] = {}
    most: dict[str, NDArray[Any]] = {}
    for start in range(0, len(images), batch):
        values = run_calls(
            graph, {given: keras.ops.convert_to_tensor(images[start : start + batch], given.symbol.dtype)}
        )
        for name, tensor in activated.items():
            places = tuple(range(len(tensor.shape) - 1))
            low, high = (
                keras.ops.convert_to_numpy(reduce(values[tensor], axis=places))
                for reduce in (keras.ops.amin, keras.ops.amax)
            )
            least[name] = np.minimum(least.get(name, low), low)
            most[name] = np.maximum(most.get(name, high), high)
    same = {name: np.flatnonzero(least[name] == most[name]) for name in least}
    return [DeadUnits(name, len(least[name]), tuple(dead.tolist())) for name, dead in same.items() if len(dead)]


def has_activation(call: Call) -> bool:
    """Whether a call ends with an activation; a softmax does not count, as its values are the answer of the network."""
    own = getattr(call.operation, "activation", None)
    if own is None:
        return type(call.operation).__name__ in words.ACTIVATIONS - {"Softmax"}
    return str(getattr(own, "__name__", type(own).__name__)).lower() not in ("linear", "softmax")
