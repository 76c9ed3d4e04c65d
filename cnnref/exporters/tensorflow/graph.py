"""The model as plain TensorFlow functions with the contract's names, for SavedModel, TFLite and tf2onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arithmetic.graph import Call, Graph, trace
from ...arithmetic.windows import sliced_ranges
from ...environment import keras, layers
from ...errors import ExportError
from ..contract import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES, Contract
from .pictures import read_picture

SIGNATURE = "serving_default"
JPEG_SIGNATURE = "serve_jpeg"
#: The input of the second signature: strings, each a whole JPEG or PNG file.
IMAGE_BYTES = "image_bytes"


def serving_module(model: keras.Model, contract: Contract) -> Any:
    """A tf.Module with the functions of a SavedModel.

    `serve` maps {image: [batch, h, w, c]} to {probabilities: [batch, classes]}, and `serve_jpeg` does the same for
    {image_bytes: [batch]} of encoded pictures.

    Raises:
        ExportError: Keras does not run on TensorFlow.
    """
    require_tensorflow()
    import tensorflow as tf

    graph = trace(model)
    dtype = tf.as_dtype(contract.input_dtype)

    class Serving(tf.Module):
        """Holds the weights, so that they are saved with the functions."""

        def __init__(self) -> None:
            super().__init__(name="serving")
            self.weights = [variable.value for variable in model.variables]

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, *contract.shape], dtype, name=IMAGE)])
        def serve(self, image: Any) -> dict[str, Any]:
            return answer(graph, tf.cast(image, tf.float32), contract.top_k)

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)])
        def serve_jpeg(self, image_bytes: Any) -> dict[str, Any]:
            pictures = tf.map_fn(
                lambda content: read_picture(content, contract.shape), image_bytes, fn_output_signature=tf.float32
            )
            return self.serve(tf.cast(tf.reshape(pictures, [-1, *contract.shape]), dtype))

    return Serving()


def answer(graph: Graph, image: Any, top_k: int) -> dict[str, Any]:
    """The outputs of the contract for raw pixels, by name."""
    import tensorflow as tf

    probabilities = run_graph(graph, image)
    if not top_k:
        return {PROBABILITIES: probabilities}
    scores, indices = tf.math.top_k(probabilities, top_k)
    return {PROBABILITIES: probabilities, TOP_INDICES: indices, TOP_SCORES: scores}


def frozen(module: Any) -> Any:
    """`serve` with the weights as constants, so that converters can fold and quantize them."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(module.serve.get_concrete_function())


def run_graph(graph: Graph, image: Any) -> Any:
    """Run the calls of a model on a TensorFlow tensor, in inference."""
    values: dict[int, Any] = {id(graph.inputs[0]): image}
    for call in graph.calls[1:]:
        given = [values[id(tensor)] for tensor in call.inputs]
        rewritten = REWRITTEN.get(type(call.operation).__name__, lambda *_: None)(call, given[0])
        results = _call(call.operation, call.arguments, given) if rewritten is None else rewritten
        several = results if isinstance(results, list | tuple) else [results]
        values.update((id(tensor), result) for tensor, result in zip(call.outputs, several, strict=True))
    return values[id(graph.outputs[0])]


def _flatten(call: Call, x: Any) -> Any:
    """Keras would compute the shape at run time: five operations that some runtimes cannot hand over."""
    import tensorflow as tf

    return tf.reshape(x, [-1, call.outputs[0].shape[1]]) if type(call.operation) is layers.Flatten else None


def _every_second_pixel(call: Call, x: Any) -> Any:
    """x[:, ::2, ::2] as a depthwise convolution with the number one: XNNPACK has no slice with a step."""
    import tensorflow as tf

    ranges, shape = sliced_ranges(call), call.inputs[0].shape
    if ranges is None or len(ranges) != 3 or None in ranges:
        return None
    rows, columns, channels = (part for part in ranges if part is not None)
    whole = rows.start == columns.start == 0 and channels == range(shape[3])
    covered = len(rows) == -(-shape[1] // rows.step) and len(columns) == -(-shape[2] // columns.step)
    if not whole or not covered or rows.step == 1 or rows.step != columns.step:
        return None
    ones = tf.ones([1, 1, shape[3], 1], x.dtype)
    return tf.nn.depthwise_conv2d(x, ones, [1, rows.step, rows.step, 1], "VALID")


def _power(call: Call, x: Any) -> Any:
    """x ** 0.75, of local response normalization, by square roots: XNNPACK has no power."""
    import tensorflow as tf

    exponent = keras.tree.flatten(call.arguments)[-1]
    if len(call.inputs) != 1 or exponent != 0.75:
        return None
    root = tf.sqrt(x)
    return root * tf.sqrt(root)


def _edges(call: Call, x: Any) -> Any:
    """The outermost rows and columns once more, by joining slices: XNNPACK pads with zeros only."""
    import tensorflow as tf

    sides = getattr(call.operation, "pad_width", ())
    if getattr(call.operation, "mode", "") != "symmetric" or len(sides) != len(x.shape) or max(map(max, sides)) > 1:
        return None
    for axis, (before, after) in enumerate(sides):
        whole = [slice(None)] * len(sides)
        first, last = ((*whole[:axis], part, *whole[axis + 1 :]) for part in (slice(0, 1), slice(-1, None)))
        parts = [x[first]] * before + [x] + [x[last]] * after
        x = tf.concat(parts, axis) if len(parts) > 1 else x
    return x


#: Operations that have a form which more runtimes compute whole; None where an instance of them has not.
REWRITTEN: dict[str, Callable[[Call, Any], Any]] = {
    "Flatten": _flatten,
    "GetItem": _every_second_pixel,
    "Pad": _edges,
    "Power": _power,
}


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
