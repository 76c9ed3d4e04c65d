"""First weights: drawn with NumPy, so that one seed gives the same network on TensorFlow, JAX and PyTorch.

Each backend of Keras has a random generator of its own, so Keras' initializers draw other numbers on each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras

#: Standard deviation of a normal distribution after both tails beyond two deviations are cut off.
TRUNCATED_DEVIATION = 0.87962566103423978


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw every random weight of a model anew, each variable from a generator of its own.

    Initializers that are not random keep what they gave; of the random ones those of the variance scaling kind (Glorot,
    He, LeCun), normal, truncated normal and uniform are known, others keep what Keras drew.
    """
    for place, variable in enumerate(model.trainable_variables):
        owner = model.get_layer(variable.path.split("/")[0])
        name = variable.name.replace("depthwise_kernel", "depthwise").replace("pointwise_kernel", "pointwise")
        initializer = getattr(owner, f"{name}_initializer", None)
        drawn = values(initializer, tuple(variable.shape), np.random.default_rng([seed, place]))
        if drawn is not None and getattr(owner, "begins_as_identity", False):
            drawn = with_identity(drawn)
        if drawn is not None:
            variable.assign(drawn)


def values(initializer: object, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32] | None:
    """What an initializer means for a shape, drawn with NumPy; None where it is not random or not known."""
    kinds = keras.initializers
    if isinstance(initializer, kinds.VarianceScaling):
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[initializer.mode]
        variance = initializer.scale / max(1.0, fan)
        if initializer.distribution == "uniform":
            limit = np.sqrt(3 * variance)
            return np.asarray(random.uniform(-limit, limit, shape), np.float32)
        if initializer.distribution == "untruncated_normal":
            return np.asarray(random.normal(0, np.sqrt(variance), shape), np.float32)
        return np.asarray(np.sqrt(variance) / TRUNCATED_DEVIATION * truncated(shape, random), np.float32)
    if isinstance(initializer, kinds.TruncatedNormal):
        return np.asarray(initializer.mean + initializer.stddev * truncated(shape, random), np.float32)
    if isinstance(initializer, kinds.RandomNormal):
        return np.asarray(random.normal(initializer.mean, initializer.stddev, shape), np.float32)
    if isinstance(initializer, kinds.RandomUniform):
        return np.asarray(random.uniform(initializer.minval, initializer.maxval, shape), np.float32)
    return None


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of one unit, as Keras counts them: [..., in, out] times the field of the kernel."""
    if len(shape) < 2:
        return float(np.prod(shape)), float(np.prod(shape))
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


def truncated(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal numbers, drawn again while they lie beyond two deviations."""
    found = random.standard_normal(shape)
    while (outside := np.abs(found) > 2).any():
        found[outside] = random.standard_normal(int(outside.sum()))
    return found


def pytorch_uniform() -> keras.initializers.Initializer:
    """What PyTorch's layers begin with: uniform between -1 and 1 over the root of the fan-in."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def with_identity(kernel: NDArray[Any]) -> NDArray[Any]:
    """A kernel [height, width, channels, filters] whose first filters copy a channel each."""
    height, width, channels, filters = kernel.shape
    both = np.arange(min(channels, filters))
    begun = np.array(kernel)
    begun[..., both] = 0
    begun[height // 2, width // 2, both, both] = 1  # of an even window, the pixel behind the centre, as in PyTorch
    return begun
