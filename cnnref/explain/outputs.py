"""What every layer makes of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arithmetic.graph import trace
from ..environment import keras
from .images import checked, unknown


def activations(model: keras.Model, image: ArrayLike, layers: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """The output of every layer for one picture, in the order of the model's summary.

    Args:
        model: a functional or built sequential Keras model of any backend.
        image: [height, width, channels], raw pixel values as the model takes them.
        layers: the names of those wanted, by default all.

    Returns:
        Arrays without the batch, float32 [height, width, channels] or [n], by the layer's name. A layer that is
        called again has "name#2" and so on; layers of nested models are called "backbone/stem".

    Raises:
        InputError: the picture does not fit the model, or there is no such layer.
    """
    trace(model)  # refuses what is no graph
    found: dict[str, NDArray[Any]] = {}
    _collect(model, checked(model, image)[None], "", found)
    if layers is None:
        return found
    for name in layers:
        if name not in found:
            raise unknown(name, found)
    return {name: found[name] for name in layers}


def predicted(model: keras.Model, image: ArrayLike) -> NDArray[np.float32]:
    """What the model says of one picture, float32 [classes]."""
    found = model(checked(model, image)[None], training=False)
    return np.asarray(keras.ops.convert_to_numpy(found), np.float32)[0]


def _collect(model: Any, batch: Any, prefix: str, found: dict[str, NDArray[Any]]) -> None:
    graph = getattr(model, "_functional", None) or model
    depths = sorted(graph._nodes_by_depth, reverse=True)
    nodes = [node for depth in depths for node in graph._nodes_by_depth[depth]]
    symbols = [symbol for node in nodes for symbol in node.outputs]
    values = keras.Model(graph.inputs, symbols)([batch], training=False)
    known = {id(symbol): value for symbol, value in zip(symbols, values, strict=True)}
    for node in nodes:
        if hasattr(node.operation, "_nodes_by_depth") or hasattr(node.operation, "_functional"):
            _collect(node.operation, known[id(node.input_tensors[0])], f"{prefix}{node.operation.name}/", found)
            continue
        found[_free(prefix + node.operation.name, found)] = _as_array(known[id(node.outputs[0])])


def _as_array(value: Any) -> NDArray[Any]:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")))[0]


def _free(name: str, taken: dict[str, Any]) -> str:
    """The name, with a number behind it if the layer was called before."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}#{number}"
    return free
