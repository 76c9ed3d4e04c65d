"""The model as a plain TensorFlow function with the contract's names, for SavedModel, TFLite and tf2onnx."""

from __future__ import annotations

from typing import Any

from ..arithmetic.graph import Graph, trace
from ..environment import keras, layers
from ..errors import ExportError
from .contract import IMAGE, PROBABILITIES, Contract

SIGNATURE = "serving_default"


def serving_module(model: keras.Model, contract: Contract) -> Any:
    """A tf.Module whose `serve` maps {image: [batch, h, w, c]} to {probabilities: [batch, classes]}.

    Raises:
        ExportError: Keras does not run on TensorFlow.
    """
    require_tensorflow()
    import tensorflow as tf

    graph = trace(model)

    class Serving(tf.Module):
        """Holds the weights, so that they are saved with the function."""

        def __init__(self) -> None:
            super().__init__(name="serving")
            self.weights = [variable.value for variable in model.variables]

        @tf.function(input_signature=[tf.TensorSpec([None, *contract.shape], tf.float32, name=IMAGE)])
        def serve(self, image: Any) -> dict[str, Any]:
            return {PROBABILITIES: run_graph(graph, image)}

    return Serving()


def run_graph(graph: Graph, image: Any) -> Any:
    """Run the calls of a model on a TensorFlow tensor, in inference."""
    import tensorflow as tf

    values: dict[int, Any] = {id(graph.inputs[0]): image}
    for call in graph.calls[1:]:
        given = [values[id(tensor)] for tensor in call.inputs]
        if type(call.operation) is layers.Flatten:
            # Keras would compute the shape at run time, five operations that some runtimes cannot hand over.
            results = tf.reshape(given[0], [-1, call.outputs[0].shape[1]])
        else:
            results = _call(call.operation, call.arguments, given)
        several = results if isinstance(results, list | tuple) else [results]
        values.update((id(tensor), result) for tensor, result in zip(call.outputs, several, strict=True))
    return values[id(graph.outputs[0])]


def _call(operation: Any, arguments: tuple[tuple[Any, ...], dict[str, Any]], given: list[Any]) -> Any:
    """Call a layer with the tensors put where its symbols stood."""
    remaining = iter(given)

    def fill(argument: Any) -> Any:
        return next(remaining) if isinstance(argument, keras.KerasTensor) else argument

    args, kwargs = keras.tree.map_structure(fill, arguments)
    if getattr(operation, "_call_has_training_arg", False):
        kwargs["training"] = False
    return operation(*args, **kwargs)


def require_tensorflow() -> None:
    """Refuse other backends, with what to do."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ExportError(
            f"SavedModel, TFLite and tf2onnx need Keras on TensorFlow, and it runs on {backend}; set "
            "KERAS_BACKEND=tensorflow and export again, or ask for --format onnx, which every backend can write."
        )
