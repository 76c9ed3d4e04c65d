"""Encoded pictures to pixels inside a TensorFlow graph, by the rule of `cnnref.pictures`.

Two things differ: TensorFlow does not read the EXIF orientation, and where Pillow begins with the other direction, a
pixel of a resized picture may differ by one level.
"""

from __future__ import annotations

from typing import Any

from ...pictures import USUAL, PictureRule

WHITE = 255.0


def read_picture(content: Any, shape: tuple[int, int, int], rule: PictureRule = USUAL) -> Any:
    """Pixels 0..255, float32 [height, width, channels], of one JPEG, PNG, GIF or BMP file in a string tensor."""
    import tensorflow as tf

    height, width, channels = shape
    pixels = tf.cast(tf.io.decode_image(content, expand_animations=False), tf.float32)
    pixels = _colours(pixels, channels)
    if rule.shorter_side is None:
        pixels = _resized(_centre(pixels, height, width), [height, width], rule)
    else:
        rows, columns = tf.shape(pixels)[0], tf.shape(pixels)[1]
        side, shorter = max(rule.shorter_side, height, width), tf.minimum(rows, columns)
        size = tf.stack([side * rows // shorter, side * columns // shorter])
        pixels = _resized(pixels, size, rule)
        # tf.round takes halves to the even neighbour, as Python does.
        top, left = tf.unstack(tf.cast(tf.round(tf.cast(size - [height, width], tf.float32) / 2), tf.int32))
        pixels = pixels[top : top + height, left : left + width]
    return tf.ensure_shape(pixels, shape)


def _resized(pixels: Any, size: Any, rule: PictureRule) -> Any:
    """The pixels in another size; untouched in their own."""
    import tensorflow as tf

    size = tf.convert_to_tensor(size)
    rows = tf.shape(pixels)[0]

    def pass_of(values: Any, wanted: Any) -> Any:
        # Rounded and cut off after each direction, as Pillow does: bicubic weights overshoot at edges.
        return tf.clip_by_value(tf.round(tf.image.resize(values, wanted, rule.interpolation, antialias=True)), 0, 255)

    same = tf.reduce_all(tf.equal(tf.shape(pixels)[:2], size))
    return tf.cond(same, lambda: pixels, lambda: pass_of(pass_of(pixels, tf.stack([rows, size[1]])), size))


def _colours(pixels: Any, channels: int) -> Any:
    """On white where it is transparent, then gray or RGB."""
    import tensorflow as tf

    depth = tf.shape(pixels)[2]

    def on_white() -> Any:
        opaque = pixels[:, :, -1:] / 255
        return tf.round(pixels[:, :, :-1] * opaque + WHITE * (1 - opaque))

    # Gray pictures have 1 channel, 2 with transparency; colour pictures 3 and 4.
    pixels = tf.cond(tf.equal(depth % 2, 0), on_white, lambda: pixels)
    is_gray = tf.equal(tf.shape(pixels)[2], 1)
    if channels == 3:
        return tf.cond(is_gray, lambda: tf.repeat(pixels, 3, axis=2), lambda: pixels)
    weights = tf.constant([0.299, 0.587, 0.114])
    return tf.cond(is_gray, lambda: pixels, lambda: tf.round(tf.reduce_sum(pixels * weights, axis=2, keepdims=True)))


def _centre(pixels: Any, height: int, width: int) -> Any:
    """The largest centred rectangle with the aspect ratio of height and width."""
    import tensorflow as tf

    rows, columns = tf.shape(pixels)[0], tf.shape(pixels)[1]
    wanted_rows = tf.minimum(rows, tf.maximum(1, _rounded(columns, height, width)))
    wanted_columns = tf.minimum(columns, tf.maximum(1, _rounded(rows, width, height)))
    top, left = (rows - wanted_rows) // 2, (columns - wanted_columns) // 2
    return pixels[top : top + wanted_rows, left : left + wanted_columns]


def _rounded(length: Any, numerator: int, denominator: int) -> Any:
    """length * numerator / denominator as a whole number, halves up."""
    return (2 * length * numerator + denominator) // (2 * denominator)
