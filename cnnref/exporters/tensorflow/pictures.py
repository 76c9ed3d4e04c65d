"""Encoded pictures to pixels inside a TensorFlow graph, by the rule of `cnnref.pictures`.

Two things differ: TensorFlow does not read the EXIF orientation, and where Pillow begins with the other direction, a
pixel of a resized picture may differ by one level.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...pictures import USUAL, PictureRule

WHITE = 255.0


def read_picture(content: Any, shape: tuple[int, int, int], rule: PictureRule = USUAL) -> Any:
    """Pixels 0..255, float32 [height, width, channels], of one JPEG, PNG, GIF or BMP file in a string tensor."""
    import tensorflow as tf

    height, width, channels = shape
    pixels = tf.cast(tf.io.decode_image(content, expand_animations=False), tf.float32)
    pixels = _colours(pixels, channels)
    if rule.ink_box is not None and channels == 1:
        plain = replace(rule, ink_box=None)
        pixels = tf.cond(
            tf.reduce_max(pixels) > tf.reduce_min(pixels),
            lambda: _centred_ink(pixels, height, width, rule),
            lambda: _cropped_and_resized(pixels, height, width, plain),
        )
    else:
        pixels = _cropped_and_resized(pixels, height, width, rule)
    return tf.ensure_shape(pixels, shape)


def _cropped_and_resized(pixels: Any, height: int, width: int, rule: PictureRule) -> Any:
    """Pixels of any size in the wanted size."""
    import tensorflow as tf

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
    return pixels


def _centred_ink(pixels: Any, height: int, width: int, rule: PictureRule) -> Any:
    """A digit as `centring.centred` makes it, step by step the same. [rows, columns, 1] that are not all alike."""
    import tensorflow as tf

    box = min(rule.ink_box or 1, height, width)
    gray = tf.cast(tf.round(pixels[:, :, 0]), tf.int32)
    limit = _threshold(gray)
    edge = tf.concat([gray[0], gray[-1], gray[1:-1, 0], gray[1:-1, -1]], 0)
    light = 2 * tf.reduce_sum(tf.cast(edge > limit, tf.int32)) > tf.size(edge)
    gray, limit = tf.cond(light, lambda: (255 - gray, 254 - limit), lambda: (gray, limit))

    def made() -> Any:
        ink = gray > limit
        low, high = _rounded_mean(tf.boolean_mask(gray, ~ink)), _rounded_mean(tf.boolean_mask(gray, ink))
        cut = tf.clip_by_value((gray - low) * 255 // (high - low), 0, 255)
        (top, bottom), (left, right) = (_span(tf.reduce_any(ink, axis)) for axis in (1, 0))
        cut = cut[top:bottom, left:right]
        sides = tf.shape(cut)
        longer = tf.reduce_max(sides)
        size = tf.maximum(1, (2 * box * sides + longer) // (2 * longer))
        cut = tf.cast(_resized(tf.cast(cut, tf.float32)[:, :, None], size, rule)[:, :, 0], tf.int64)
        wholes = tf.constant([height, width])
        starts = tf.stack([_start(tf.reduce_sum(cut, 1 - axis), (height, width)[axis]) for axis in (0, 1)])
        starts = tf.minimum(tf.maximum(starts, 0), wholes - size)
        return tf.pad(cut, tf.stack([starts, wholes - size - starts], 1))

    same = tf.reduce_all(tf.equal(tf.shape(gray), [height, width]))
    kept = tf.logical_and(same, _is_centred(gray, rule.ink_box or 1))
    return tf.cast(tf.cond(kept, lambda: tf.cast(gray, tf.int64), made), tf.float32)[:, :, None]


def _threshold(gray: Any) -> Any:
    """See `centring.threshold`."""
    import tensorflow as tf

    counts = tf.cast(tf.math.bincount(tf.reshape(gray, [-1]), minlength=256, maxlength=256), tf.float64)
    sums = counts * tf.range(256, dtype=tf.float64)
    count, total = tf.cumsum(counts)[:-1], tf.cumsum(sums)[:-1]
    size, everything = tf.reduce_sum(counts), tf.reduce_sum(sums)
    apart = everything * count - total * size
    possible = tf.logical_and(count > 0, count < size)
    between = tf.where(possible, apart * apart / tf.where(possible, count * (size - count), 1), -1)
    return tf.argmax(between, output_type=tf.int32)


def _is_centred(gray: Any, box: int) -> Any:
    """See `centring.is_centred`."""
    import tensorflow as tf

    found = []
    for axis in (0, 1):
        weights = tf.cast(tf.reduce_sum(gray, 1 - axis), tf.int64)
        first, end = _span(weights > 0)
        mass, whole = tf.reduce_sum(weights), tf.size(weights, tf.int64)
        moment = tf.reduce_sum(weights * tf.range(whole))
        found += [end - first <= box, tf.abs(2 * moment + mass - whole * mass) <= 2 * mass]
    return tf.reduce_all(found)


def _rounded_mean(values: Any) -> Any:
    import tensorflow as tf

    values = tf.cast(values, tf.int64)
    count = tf.size(values, tf.int64)
    return tf.cast((2 * tf.reduce_sum(values) + count) // (2 * count), tf.int32)


def _span(there: Any) -> tuple[Any, Any]:
    """The first that is there, and the one after the last."""
    import tensorflow as tf

    places = tf.cast(tf.where(there)[:, 0], tf.int32)
    return places[0], places[-1] + 1


def _start(weights: Any, whole: int) -> Any:
    """See `centring._start`."""
    import tensorflow as tf

    mass, moment = tf.reduce_sum(weights), tf.reduce_sum(weights * tf.range(tf.size(weights, tf.int64)))
    return tf.cast((whole * mass - 2 * moment) // (2 * mass), tf.int32)


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
