"""Grad-CAM: which places of a layer's maps raise the score of a class (Selvaraju et al., ICCV 2017, section 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..environment import keras
from ..errors import InputError
from .gradients import gradient
from .images import checked, chosen, unknown

CLASSIFIERS = {"softmax", "sigmoid"}


def grad_cam(
    model: keras.Model, image: ArrayLike, index: int | None = None, layer: str | None = None, scaled: bool = True
) -> NDArray[np.float32]:
    """ReLU of the sum of a layer's maps, each times the mean gradient of the class score by it.

    The score is that before softmax or sigmoid; of a single output, class 1 is the score and class 0 its negative.

    Args:
        model: a functional Keras model of any backend that classifies pictures.
        image: [height, width, channels], raw pixel values as the model takes them.
        index: the class, by default the most probable one.
        layer: whose maps, by default those that the head reads: the last with more than one place.
        scaled: divide by the largest value, so that it is 1.

    Returns:
        float32 [rows, columns], one value a place of the maps.

    Raises:
        InputError: the picture does not fit the model, or there is no such class or layer, or it has no maps.
    """
    batch = keras.ops.convert_to_tensor(checked(model, image)[None])
    scores = _scores(model)
    symbol = _maps(model, layer)
    both = keras.Model(model.inputs, [symbol, scores, model.outputs[0]])
    maps, _, probabilities = both([batch], training=False)
    index = chosen(keras.ops.convert_to_numpy(probabilities)[0], index)
    tail = _tail(model, symbol, scores)

    def score(values: Any) -> Any:
        found = tail(values, batch)
        if found.shape[-1] == 1:
            return keras.ops.sum(found) * (1.0 if index else -1.0)
        return keras.ops.sum(found[:, index])

    slopes = gradient(score, maps)[0].astype(np.float64)
    weights = slopes.mean(axis=(0, 1))
    seen = np.asarray(keras.ops.convert_to_numpy(maps))[0].astype(np.float64)
    found = np.maximum(seen @ weights, 0)
    if scaled and found.max() > 0:
        found = found / found.max()
    return found.astype(np.float32)


def _tail(model: Any, symbol: Any, scores: Any) -> Any:
    """(maps, batch) -> scores: what lies behind the maps, with whatever runs beside them from the picture."""
    try:
        cut = keras.Model(symbol, scores)
        return lambda maps, _: cut(maps, training=False)
    except ValueError:  # a skip runs beside the layer
        beside = keras.Model([symbol, *model.inputs], scores)
        return lambda maps, batch: beside([maps, batch], training=False)


def _scores(model: Any) -> Any:
    """The class scores as a symbol: the output without its softmax or sigmoid."""
    symbol = model.outputs[0]
    operation, place, _ = symbol._keras_history
    kind = type(operation).__name__.lower()
    own = getattr(getattr(operation, "activation", None), "__name__", "")
    before = operation._inbound_nodes[place].input_tensors[0]
    if kind in CLASSIFIERS or (kind == "activation" and own in CLASSIFIERS):
        return before
    if own in CLASSIFIERS:
        plain = {**operation.get_config(), "activation": "linear", "name": f"{operation.name}_scores"}
        twin = type(operation).from_config(plain)
        scores = twin(before)
        twin.set_weights(operation.get_weights())
        return scores
    return symbol


def _maps(model: Any, layer: str | None) -> Any:
    """The maps of a layer, or those that the head reads, as a symbol."""
    graph = getattr(model, "_functional", None) or model
    nodes = [node for depth in sorted(graph._nodes_by_depth) for node in graph._nodes_by_depth[depth]]
    known = {node.operation.name: node.outputs[0] for node in reversed(nodes)}
    if layer is not None:
        if layer not in known:
            raise unknown(layer, known)
        if len(known[layer].shape) != 4:
            raise InputError(f"Layer {layer} has no maps; its output is {list(known[layer].shape[1:])}.")
        return known[layer]
    for node in nodes:  # from the output backwards
        shape = node.outputs[0].shape
        if not node.is_input and len(shape) == 4 and shape[1] * shape[2] > 1:
            return node.outputs[0]
    raise InputError(f"{model.name} has no maps with more than one place, so there is nothing to weigh.")
