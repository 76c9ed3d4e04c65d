"""The model as plain TensorFlow functions with the contract's names, for SavedModel, TFLite and tf2onnx."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ...arithmetic.execution import run_calls
from ...arithmetic.graph import Call, Graph, trace
from ...environment import keras, layers
from ...errors import ExportError
from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES
from ..contract import Contract
from .forms import REWRITTEN, SHORTER, Forms, Rewritten, forms_of
from .pictures import read_picture

JPEG_SIGNATURE = "serve_jpeg"
#: The input of the second signature: strings, each a whole JPEG or PNG file.
IMAGE_BYTES = "image_bytes"


def serving_module(model: keras.Model, contract: Contract, known: Forms = REWRITTEN) -> Any:
    """A tf.Module with the functions of a SavedModel.

    `serve` maps {image: [batch, h, w, c]} to {probabilities: [batch, classes]}, or to the outputs of another network by
    their names, and `serve_jpeg` does the same for {image_bytes: [batch]} of encoded pictures, gray or RGB. `known` are
    the other forms of operations that are taken: those for TFLite, or `SHORTER` for TensorFlow itself.

    Raises:
        ExportError: Keras does not run on TensorFlow.
    """
    require_tensorflow()
    import tensorflow as tf

    graph = trace(model)
    dtype = tf.as_dtype(contract.input_dtype)
    images = tf.TensorSpec([contract.batch, *contract.shape], dtype, name=IMAGE)
    contents = tf.TensorSpec([contract.batch], tf.string, name=IMAGE_BYTES)

    class Serving(tf.Module):
        """Holds the weights, so that they are saved with the functions."""

        def __init__(self) -> None:
            super().__init__(name="serving")
            self.weights = [variable.value for variable in model.variables]

        @tf.function(autograph=False, input_signature=[images])
        def serve(self, image: Any) -> dict[str, Any]:
            # Random layers draw in inference too and use nothing of it; without side effects that vanishes.
            with keras.StatelessScope(), loops_unrolled(model):
                return answer(graph, tf.cast(image, tf.float32), contract, known)

        if contract.shape[2] in (1, 3):  # encoded pictures have no other channels

            @tf.function(autograph=False, input_signature=[contents])
            def serve_jpeg(self, image_bytes: Any) -> dict[str, Any]:
                pictures = tf.map_fn(
                    lambda content: read_picture(content, contract.shape, contract.picture),
                    image_bytes,
                    fn_output_signature=tf.float32,
                )
                pixels = tf.reshape(pictures, [contract.batch or -1, *contract.shape])
                answers: dict[str, Any] = self.serve(tf.cast(pixels, dtype))
                return answers

    return Serving()


def for_tensorflow(module: Any, model: keras.Model, contract: Contract) -> Any:
    """The serving module that TensorFlow itself runs, from that which TFLite is made from.

    It is the same one, unless some operation has a form that is made for TFLite only.
    """
    graph = trace(model)
    same = forms_of(graph.calls, REWRITTEN).keys() == forms_of(graph.calls, SHORTER).keys()
    return module if same else serving_module(model, contract, SHORTER)


def answer(graph: Graph, image: Any, contract: Contract, known: Forms) -> dict[str, Any]:
    """The outputs of the contract for raw pixels, by name."""
    import tensorflow as tf

    results = dict(
        zip((output.name for output in contract.outputs), outputs_of(graph, image, known=known), strict=True)
    )
    if not contract.is_classifier:
        # A copy, so that no two outputs, and no output and the input, are one tensor.
        return {output.name: tf.identity(tf.cast(results[output.name], output.dtype)) for output in contract.outputs}
    if contract.top_k:
        results[TOP_SCORES], results[TOP_INDICES] = tf.math.top_k(results[PROBABILITIES], contract.top_k)
    return results


@contextlib.contextmanager
def loops_unrolled(model: keras.Model) -> Iterator[None]:
    """While the block runs, recurrent layers are written step by step: TFLite has no loop over an open batch."""
    rolled = [one for one in model._flatten_layers() if isinstance(one, layers.RNN) and not one.unroll]
    try:
        for layer in rolled:
            layer.unroll = True
        yield
    finally:
        for layer in rolled:
            layer.unroll = False


def serving_function(module: Any) -> Any:
    """`serve` as a concrete function, with its weights as variables, which TFLite's converter makes constants of."""
    function = module.serve.get_concrete_function()
    function.module = module  # it would not keep the weights alive by itself
    return function


def outputs_of(
    graph: Graph, image: Any, forms: Mapping[Call, Rewritten] = MappingProxyType({}), known: Forms = REWRITTEN
) -> list[Any]:
    """Run the calls of a model on a TensorFlow tensor, in inference; `forms` go before those that are `known`."""
    values = run_calls(graph, {graph.inputs[0]: image}, forms_of(graph.calls, known) | dict(forms))
    return [values[tensor] for tensor in graph.outputs]


def require_tensorflow() -> None:
    """Refuse other backends, with what to do."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ExportError(
            f"SavedModel, TFLite and tf2onnx need Keras on TensorFlow, and it runs on {backend}; set "
            "KERAS_BACKEND=tensorflow and export again, or ask for the format onnx, which every backend can write."
        )
