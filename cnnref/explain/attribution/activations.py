"""What every layer makes of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...arithmetic.execution import input_value, run_calls
from ...arithmetic.graph import calls_by_name, trace
from ...environment import keras
from .classifier import check_image, class_scores, unknown_layer


def activations(
    model: keras.Model, image: ArrayLike, layers: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The output of every layer for one picture, in the order of the model's summary; one forward pass.

    Args:
        model: a functional or built sequential Keras model of any backend.
        image: [height, width, channels], raw pixel values as the model takes them.
        layers: the names of those wanted, by default all; the result has their order.

    Returns:
        Arrays without the batch, float32 [height, width, channels] or [n], by the layer's name. A layer that is
        called again has "name#2" and so on; layers of nested models are called "backbone/stem".

    Raises:
        InputError: the picture does not fit the model, or there is no such layer.
    """
    graph = trace(model)
    calls = calls_by_name(graph.calls)
    wanted = list(calls) if layers is None else list(layers)
    for name in wanted:
        if name not in calls:
            raise unknown_layer(name, calls)
    values = run_calls(graph, input_value(graph, check_image(model, image)))
    return {name: _as_array(values[calls[name].outputs[0]]) for name in wanted}


def predict_scores(model: keras.Model, image: ArrayLike) -> NDArray[np.float32]:
    """The class scores of one picture as the model gives them, float32 [classes]."""
    scores: NDArray[np.float32] = class_scores(model, model(check_image(model, image)[None], training=False))[0]
    return scores


def _as_array(value: Any) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")))[0]
    return values
