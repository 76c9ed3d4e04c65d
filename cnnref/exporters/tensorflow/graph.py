"""The model as plain TensorFlow functions with the contract's names, for SavedModel, TFLite and tf2onnx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from ...arithmetic.execution import run_calls
from ...arithmetic.graph import Call, Graph, trace
from ...arithmetic.windows import averages_channels, sliced_ranges
from ...environment import keras, layers
from ...errors import ExportError
from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES
from ..contract import Contract
from .pictures import read_picture

JPEG_SIGNATURE = "serve_jpeg"
#: The input of the second signature: strings, each a whole JPEG or PNG file.
IMAGE_BYTES = "image_bytes"

#: What computes the result of a call in TensorFlow from its first input.
Rewritten: TypeAlias = Callable[[Any], Any]


def serving_module(model: keras.Model, contract: Contract) -> Any:
    """A tf.Module with the functions of a SavedModel.

    `serve` maps {image: [batch, h, w, c]} to {probabilities: [batch, classes]}, or to the outputs of another network by
    their names, and `serve_jpeg` does the same for {image_bytes: [batch]} of encoded pictures, gray or RGB.

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
            return answer(graph, tf.cast(image, tf.float32), contract)

        if contract.shape[2] in (1, 3):  # encoded pictures have no other channels

            @tf.function(autograph=False, input_signature=[contents])
            def serve_jpeg(self, image_bytes: Any) -> dict[str, Any]:
                pictures = tf.map_fn(
                    lambda content: read_picture(content, contract.shape), image_bytes, fn_output_signature=tf.float32
                )
                pixels = tf.reshape(pictures, [contract.batch or -1, *contract.shape])
                answers: dict[str, Any] = self.serve(tf.cast(pixels, dtype))
                return answers

    return Serving()


def answer(graph: Graph, image: Any, contract: Contract) -> dict[str, Any]:
    """The outputs of the contract for raw pixels, by name."""
    import tensorflow as tf

    results = dict(zip((output.name for output in contract.outputs), outputs_of(graph, image), strict=True))
    if not contract.is_classifier:
        # A copy, so that no two outputs, and no output and the input, are one tensor.
        return {output.name: tf.identity(tf.cast(results[output.name], output.dtype)) for output in contract.outputs}
    if contract.top_k:
        results[TOP_SCORES], results[TOP_INDICES] = tf.math.top_k(results[PROBABILITIES], contract.top_k)
    return results


def frozen(module: Any) -> Any:
    """`serve` with the weights as constants, so that converters can fold and quantize them."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(module.serve.get_concrete_function())


def outputs_of(graph: Graph, image: Any, forms: Mapping[Call, Rewritten] = MappingProxyType({})) -> list[Any]:
    """Run the calls of a model on a TensorFlow tensor, in inference; `forms` go before those of `REWRITTEN`."""
    rewritten = dict(forms)
    for call in graph.calls:
        replacement = REWRITTEN.get(type(call.operation).__name__, lambda _: None)(call)
        if replacement is not None:
            rewritten.setdefault(call, replacement)
    values = run_calls(graph, {graph.inputs[0]: image}, rewritten)
    return [values[tensor] for tensor in graph.outputs]


def _flatten(call: Call) -> Rewritten | None:
    """Reshape to a known size; Keras computes it at run time, by five operations that XNNPACK does not have."""
    import tensorflow as tf

    if type(call.operation) is not layers.Flatten:
        return None
    return lambda x: tf.reshape(x, [-1, call.outputs[0].shape[1]])


def _strided_slice(call: Call) -> Rewritten | None:
    """x[:, ::2, ::2] as a depthwise convolution with the number one: XNNPACK has no slice with a step."""
    import tensorflow as tf

    ranges, shape = sliced_ranges(call), call.inputs[0].shape
    if ranges is None or len(ranges) != 3 or None in ranges:
        return None
    rows, columns, channels = (part for part in ranges if part is not None)
    from_the_corner = rows.start == columns.start == 0 and channels == range(shape[3])
    to_the_end = len(rows) == -(-shape[1] // rows.step) and len(columns) == -(-shape[2] // columns.step)
    if not from_the_corner or not to_the_end or rows.step == 1 or rows.step != columns.step:
        return None

    def convolved(x: Any) -> Any:
        ones = tf.ones([1, 1, shape[3], 1], x.dtype)
        return tf.nn.depthwise_conv2d(x, ones, [1, rows.step, rows.step, 1], "VALID")

    return convolved


def _power(call: Call) -> Rewritten | None:
    """x ** 0.75 and x ** 0.5, of response normalizations, by square roots: XNNPACK has no power."""
    import tensorflow as tf

    exponent = keras.tree.flatten(call.arguments)[-1]
    if len(call.inputs) != 1 or exponent not in (0.5, 0.75):
        return None

    def by_roots(x: Any) -> Any:
        root = tf.sqrt(x)
        return root * tf.sqrt(root) if exponent == 0.75 else root

    return by_roots


def _mean_of_channels(call: Call) -> Rewritten | None:
    """The mean over the channels, which are kept as one, as a 1x1 convolution: XNNPACK's means are over pixels."""
    import tensorflow as tf

    if not averages_channels(call):
        return None
    shape = call.inputs[0].shape
    return lambda x: tf.nn.conv2d(x, tf.fill([1, 1, shape[3], 1], tf.cast(1 / shape[3], x.dtype)), 1, "VALID")


def _edges(call: Call) -> Rewritten | None:
    """The outermost rows and columns once more, by joining slices: XNNPACK pads with zeros only."""
    import tensorflow as tf

    sides, rank = getattr(call.operation, "pad_width", ()), len(call.inputs[0].shape)
    if getattr(call.operation, "mode", "") != "symmetric" or len(sides) != rank or max(map(max, sides)) > 1:
        return None

    def joined(x: Any) -> Any:
        for axis, (before, after) in enumerate(sides):
            everything = [slice(None)] * rank
            first, last = (
                (*everything[:axis], part, *everything[axis + 1 :]) for part in (slice(0, 1), slice(-1, None))
            )
            parts = [x[first]] * before + [x] + [x[last]] * after
            x = tf.concat(parts, axis) if len(parts) > 1 else x
        return x

    return joined


#: For Keras operations that more runtimes compute completely in another form: what finds that form for a call, or None
#: where this call has no such form.
REWRITTEN: dict[str, Callable[[Call], Rewritten | None]] = {
    "Flatten": _flatten,
    "GetItem": _strided_slice,
    "Mean": _mean_of_channels,
    "Pad": _edges,
    "Power": _power,
}


def require_tensorflow() -> None:
    """Refuse other backends, with what to do."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ExportError(
            f"SavedModel, TFLite and tf2onnx need Keras on TensorFlow, and it runs on {backend}; set "
            "KERAS_BACKEND=tensorflow and export again, or ask for --format onnx, which every backend can write."
        )
