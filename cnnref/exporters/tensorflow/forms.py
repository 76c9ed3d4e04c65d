"""Keras operations in other forms, which TFLite or XNNPACK have an operator for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ...arithmetic.graph import Call
from ...arithmetic.windows import averages_channels, sliced_ranges
from ...environment import keras, layers

#: What computes the result of a call in TensorFlow from its first input.
Rewritten: TypeAlias = Callable[[Any], Any]


def _flatten(call: Call) -> Rewritten | None:
    """Reshape to a known size; Keras computes it at run time, by five operations that XNNPACK does not have."""
    import tensorflow as tf

    if type(call.operation) is not layers.Flatten:
        return None
    return lambda x: tf.reshape(x, [-1, call.outputs[0].shape[1]])


def _largest(call: Call) -> Rewritten | None:
    """The index of the largest value, by the operator for it; Keras looks at the bits of zeros first."""
    import tensorflow as tf

    axis = call.operation.axis
    if axis is None:
        return None

    def index(x: Any) -> Any:
        found = tf.argmax(x, axis, output_type=tf.int32)
        return tf.expand_dims(found, axis) if call.operation.keepdims else found

    return index


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


def _resized(call: Call) -> Rewritten | None:
    """Enlarging and shrinking by other rules than the usual two, as two products with matrices: TFLite has no operator.

    Every resampling is linear, first along the rows and then along the columns.
    """
    import tensorflow as tf

    operation = call.operation
    (_, height, width, channels), (_, rows, columns, _) = call.inputs[0].shape, call.outputs[0].shape
    antialias = getattr(operation, "antialias", False)
    fitted = any(getattr(operation, f"{how}_to_aspect_ratio", False) for how in ("crop", "pad"))
    if fitted or not (antialias or operation.interpolation not in ("nearest", "bilinear")):
        return None

    def matrix(length: int, wanted: int) -> Any:
        """What each place of an axis gives each place of the resized axis."""
        with tf.init_scope():
            units = tf.reshape(tf.eye(length), [1, length, 1, length])
            shares = tf.image.resize(units, [wanted, 1], method=operation.interpolation, antialias=antialias)
            return tf.transpose(tf.reshape(shares, [wanted, length])).numpy()

    def product(x: Any) -> Any:
        columns_of_places = tf.reshape(tf.transpose(x, [0, 2, 3, 1]), [-1, height])
        taller = tf.reshape(columns_of_places @ matrix(height, rows), [-1, width, channels, rows])
        rows_of_places = tf.reshape(tf.transpose(taller, [0, 3, 2, 1]), [-1, width])
        resized = tf.reshape(rows_of_places @ matrix(width, columns), [-1, rows, channels, columns])
        return tf.transpose(resized, [0, 1, 3, 2])

    return product


#: What finds another form for a call of a Keras operation, or None where this call has none, by the operation's name.
Forms: TypeAlias = dict[str, Callable[[Call], Rewritten | None]]

#: What every TensorFlow graph is better off with.
SHORTER: Forms = {"Argmax": _largest, "Flatten": _flatten}

#: What TFLite and XNNPACK compute completely in another form, and TensorFlow itself as fast or faster as it is.
REWRITTEN: Forms = SHORTER | {
    "GetItem": _strided_slice,
    "Mean": _mean_of_channels,
    "Pad": _edges,
    "Power": _power,
    "Resize": _resized,
    "Resizing": _resized,
    "UpSampling2D": _resized,
}


def forms_of(calls: Iterable[Call], known: Forms) -> dict[Call, Rewritten]:
    """The other forms of those calls that have one."""
    found = ((call, known.get(type(call.operation).__name__, lambda _: None)(call)) for call in calls)
    return {call: form for call, form in found if form is not None}
