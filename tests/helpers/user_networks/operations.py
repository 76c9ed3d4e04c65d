"""keras.ops in the graph of a functional model."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnref.environment import keras, layers

from .table import user_network

ops = keras.ops


def stem(shape: tuple[int, int, int] = (12, 10, 3), filters: int = 6) -> tuple[Any, Any]:
    image = keras.Input(shape)
    return image, layers.Conv2D(filters, 3, padding="same")(layers.Rescaling(1 / 255, -0.5)(image))


def classified(image: Any, x: Any) -> Any:
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@user_network()
def activations_as_operations() -> Any:
    image, x = stem()
    x = ops.relu(x) + ops.sigmoid(x) * ops.tanh(x) - ops.silu(x) + ops.leaky_relu(x, 0.1) + ops.relu6(4 * x)
    return classified(image, ops.softplus(x))


@user_network()
def means_and_maxima() -> Any:
    image, x = stem()
    places = ops.concatenate([ops.mean(x, axis=(1, 2)), ops.max(x, axis=(1, 2)), ops.min(x, axis=[1, 2])], axis=-1)
    spread = ops.std(x, axis=(1, 2)) + ops.var(x, axis=(1, 2))
    return classified(image, ops.concatenate([places, spread, ops.sum(x, axis=(1, 2))], axis=1))


@user_network()
def split_and_stacked() -> Any:
    image, x = stem()
    a, b, c = ops.split(x, 3, axis=-1)
    d, e = ops.split(x, [4], axis=1)
    x = ops.stack([a, b, c], axis=1)
    return classified(
        image, ops.concatenate([ops.reshape(x, (-1, 720)), layers.Flatten()(d), layers.Flatten()(e)], axis=1)
    )


@user_network()
def slices() -> Any:
    """Slices with steps, from behind, and one index that drops an axis."""
    image, x = stem()
    x = ops.concatenate([x[:, ::2, 1:-1], x[:, 1::2, -8:]], axis=-1)
    return classified(image, x[:, 0] + x[:, -1, :, :])


@user_network()
def patches_cut_out() -> Any:
    """A class token's way: one row of a sequence."""
    image, x = stem((16, 16, 3))
    x = ops.image.extract_patches(x, size=4)
    x = ops.reshape(x, (-1, 16, 96))
    return classified(image, layers.Dense(5)(x)[:, 0])


@user_network()
def products_of_matrices() -> Any:
    image, x = stem()
    x = ops.reshape(x, (-1, 120, 6))
    gram = ops.matmul(ops.transpose(x, (0, 2, 1)), x) / 120.0
    again = ops.einsum("bpc,bcd->bpd", x, gram)
    return classified(image, ops.mean(again, axis=1))


@user_network()
def einsum_with_weights() -> Any:
    image, x = stem()
    x = layers.EinsumDense("abcd,de->abce", output_shape=(12, 10, 4), bias_axes="e", activation="relu")(x)
    x = layers.EinsumDense("abcd,bcf->adf", output_shape=(4, 5))(x)
    return classified(image, x)


@user_network()
def types_changed() -> Any:
    image, x = stem()
    mask = ops.cast(x > 0.1, "float32")
    return classified(image, x * mask + ops.where(x < 0, 0.2 * x, ops.square(x)))


@user_network()
def shapes_changed() -> Any:
    image, x = stem()
    x = ops.squeeze(ops.expand_dims(ops.transpose(x, (0, 3, 1, 2)), axis=1), axis=1)
    x = ops.moveaxis(x, 1, -1)
    x = ops.swapaxes(ops.repeat(x, 2, axis=2), 1, 2)
    return classified(image, ops.flip(ops.tile(x, (1, 1, 2, 1)), axis=1))


@user_network()
def padded_by_operations() -> Any:
    image, x = stem()
    x = ops.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]])
    x = ops.pad(x, [[0, 0], [2, 2], [1, 1], [0, 0]], mode="reflect")
    return classified(image, ops.pad(x, [[0, 0], [0, 0], [0, 0], [1, 1]], constant_values=0.5))


@user_network()
def elementary_functions() -> Any:
    image, x = stem()
    y = ops.sqrt(ops.abs(x) + 0.1) + ops.exp(-ops.square(x)) + ops.log1p(ops.abs(x)) + ops.power(ops.abs(x) + 1, 1.5)
    y = y + ops.sin(x) * ops.cos(x) + ops.clip(x, -0.2, 0.3) + ops.maximum(x, 0.1) - ops.minimum(x, 0.2) + ops.sign(x)
    return classified(
        image, y / (1 + ops.rsqrt(ops.abs(x) + 1)) + ops.round(x) + ops.floor(3 * x) + ops.reciprocal(x + 9)
    )


@user_network()
def constants_of_arrays() -> Any:
    """Arrays from NumPy as operands, first and second."""
    image, x = stem()
    grid = np.random.default_rng(0).normal(size=(12, 10, 6)).astype(np.float32)
    x = ops.subtract(grid, x * np.array([0.5, 1, 2, 1, 0.25, 3], np.float32))
    return classified(image, ops.matmul(x, grid[0, :6].T[:, :4]))


@user_network()
def resized_by_operations() -> Any:
    image, x = stem()
    x = ops.image.resize(x, (18, 15), interpolation="bilinear")
    x = ops.average_pool(ops.max_pool(x, 3, 1, "same"), 2, 2, "valid")
    return classified(image, ops.depthwise_conv(x, np.full((3, 3, 6, 1), 0.1, np.float32), padding="same"))


@user_network()
def best_class_put_out() -> Any:
    """The largest probability and its index beside the probabilities."""
    image, x = stem()
    scores = layers.Dense(5, activation="softmax")(layers.Flatten()(x))
    return keras.Model(image, {"scores": scores, "top": ops.max(scores, axis=-1), "index": ops.argmax(scores, axis=-1)})


@user_network()
def normalized_by_hand() -> Any:
    """Mean and variance of the picture itself, as `per_image_standardization`."""
    image = keras.Input((12, 10, 3))
    x = ops.cast(image, "float32")
    mean, variance = ops.mean(x, axis=(1, 2, 3), keepdims=True), ops.var(x, axis=(1, 2, 3), keepdims=True)
    x = (x - mean) / ops.maximum(ops.sqrt(variance), 1e-2)
    return classified(image, layers.Conv2D(4, 3, activation="relu")(x))


@user_network()
def channel_shuffle() -> Any:
    image, x = stem()
    x = ops.reshape(x, (-1, 12, 10, 2, 3))
    x = ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, 12, 10, 6))
    return classified(image, layers.Conv2D(4, 3, groups=2)(x))


@user_network()
def shape_read_at_run_time() -> Any:
    """`ops.shape(x)[0]` for the batch, as code for open batches has it."""
    image, x = stem()
    batch = ops.shape(x)[0]
    return classified(image, ops.reshape(x, (batch if batch is not None else -1, 120, 6)))
