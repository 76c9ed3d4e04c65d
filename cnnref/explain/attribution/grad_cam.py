"""Grad-CAM: which positions of a layer's maps raise the score of a class (Selvaraju et al., ICCV 2017, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...arithmetic.execution import input_value, run_calls, tensors_after
from ...arithmetic.graph import Call, Graph, Tensor, calls_by_name, trace
from ...environment import keras
from ...errors import InputError
from .classifier import check_image, choose_class, class_scores, unknown_layer

CLASSIFIERS = {"softmax", "sigmoid"}
#: Layers that may follow the softmax, because they change no number.
UNCHANGING = {"Activation", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze"}


def grad_cam(
    model: keras.Model, image: ArrayLike, index: int | None = None, layer: str | None = None, scaled: bool = True
) -> NDArray[np.float32]:
    """ReLU of the sum of a layer's maps, each times the mean gradient of the class score by it.

    The score is that before softmax or sigmoid; of a single output, class 1 is the score and class 0 its negative.

    Args:
        model: a functional Keras model of any backend that classifies pictures; models in it are opened.
        image: [height, width, channels], raw pixel values as the model takes them.
        index: the class, by default the most probable one.
        layer: the layer whose maps are weighted, named as in `activations`; by default the last one whose maps have
            more than one position.
        scaled: divide by the largest value, so that it is 1.

    Returns:
        float32 [rows, columns], one value for each position of the maps.

    Raises:
        InputError: the picture does not fit the model, there is no such class or layer, the layer has no maps, or
            the score does not depend on them.
    """
    pixels = check_image(model, image)
    graph = trace(model)
    values = run_calls(graph, input_value(graph, pixels))
    outputs = [values[tensor] for tensor in graph.outputs]
    index = choose_class(class_scores(model, outputs[0] if len(outputs) == 1 else outputs)[0], index)
    activation = _last_activation(graph)
    place = _maps_of(graph, layer)
    after = tensors_after(graph, place)
    if (activation.outputs if activation else graph.outputs)[0] not in after:
        raise InputError(f"The class scores do not depend on the maps of layer {layer}; choose an earlier layer.")
    known = {tensor: value for tensor, value in values.items() if tensor not in after}
    replacements = {activation: _without_activation(activation)} if activation else {}

    def score(maps: Any) -> Any:
        found = keras.ops.reshape(run_calls(graph, {**known, place: maps}, replacements)[graph.outputs[0]], (-1,))
        return found[index] if len(found) > 1 else found[0] * (1.0 if index else -1.0)

    slopes = _gradient(score, values[place])[0].astype(np.float64)
    seen = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(values[place], "float32")))[0].astype(np.float64)
    found = np.maximum(seen @ slopes.mean(axis=(0, 1)), 0)
    if scaled and found.max() > 0:
        found = found / found.max()
    heat: NDArray[np.float32] = found.astype(np.float32)
    return heat


def _last_activation(graph: Graph) -> Call | None:
    """The softmax or sigmoid that makes the class scores probabilities; None if there is none."""
    maker = {tensor: call for call in graph.calls for tensor in call.outputs}
    call = maker[graph.outputs[0]]
    while call.inputs:
        if _function_name(call.operation) in CLASSIFIERS:
            return call
        unchanged = ("linear", call.keras_class.lower())
        if call.keras_class not in UNCHANGING or _function_name(call.operation) not in unchanged:
            return None
        call = maker[call.inputs[0]]
    return None


def _function_name(operation: Any) -> str:
    """The function that an operation applies last: its activation, which may be a layer, or what it is itself."""
    own = getattr(operation, "activation", None)
    if own is None:
        return type(operation).__name__.lower()
    return str(getattr(own, "__name__", type(own).__name__)).lower()


def _without_activation(call: Call) -> Callable[[Any], Any]:
    """The call without its softmax or sigmoid."""
    layer = call.operation
    if not getattr(layer, "weights", None):
        return lambda value: value
    config = {**layer.get_config(), "activation": "linear", "name": f"{layer.name}_scores"}
    twin: Any = type(layer).from_config(config)
    twin.build(call.inputs[0].shape)
    twin.set_weights(layer.get_weights())
    return lambda value: twin(value)


def _maps_of(graph: Graph, layer: str | None) -> Tensor:
    """The maps of a layer, or those that the head reads."""
    if layer is not None:
        calls = calls_by_name(graph.calls)
        if layer not in calls:
            raise unknown_layer(layer, calls)
        found = calls[layer].outputs[0]
        if len(found.shape) != 4:
            raise InputError(f"Layer {layer} has no maps; its output is {list(found.shape[1:])}.")
        return found
    for call in reversed(graph.calls):
        shape = call.outputs[0].shape
        if call.inputs and len(shape) == 4 and shape[1] * shape[2] > 1:
            return call.outputs[0]
    raise InputError("The model has no maps with more than one place, so Grad-CAM has nothing to weight.")


def _gradient(function: Callable[[Any], Any], at: Any) -> Any:
    """d function / d at as a NumPy array; `function` takes a tensor of the backend and gives one number."""
    return GRADIENTS[keras.backend.backend()](function, keras.ops.convert_to_tensor(at))


def _tensorflow(function: Callable[[Any], Any], at: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(at)
        score = function(at)
    return tape.gradient(score, at, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy()


def _jax(function: Callable[[Any], Any], at: Any) -> Any:
    import jax

    return np.asarray(jax.grad(function)(at))


def _torch(function: Callable[[Any], Any], at: Any) -> Any:
    import torch

    watched = at.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        (found,) = torch.autograd.grad(function(watched), watched, allow_unused=True)
    return (torch.zeros_like(watched) if found is None else found).detach().cpu().float().numpy()


GRADIENTS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}
