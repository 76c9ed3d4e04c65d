"""Initial weights, drawn with NumPy, so that a seed gives the same network on TensorFlow, JAX and PyTorch.

Each backend of Keras has its own random generator, so Keras' initializers draw different numbers on each.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras, shapes_alone

#: Standard deviation of the standard normal distribution truncated at two deviations.
TRUNCATED_DEVIATION = 0.87962566103423978


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw every random weight of a model again, each variable from its own generator, which `seed` and its index seed.

    Known are variance scaling (Glorot, He, LeCun), normal, truncated normal and uniform initializers. Variables with
    another initializer keep their values.
    """
    for index, variable in enumerate(model.trainable_variables):
        owner = model.get_layer(variable.path.split("/")[0])
        initializer = _initializer_of(owner, variable.name)
        drawn = values(initializer, tuple(variable.shape), np.random.default_rng([seed, index]))
        if drawn is not None and getattr(owner, "starts_as_identity", False):
            drawn = with_identity(drawn)
        if drawn is not None:
            variable.assign(drawn)


def initialized(make: Callable[[], keras.Model]) -> keras.Model:
    """The network that a function makes, with fresh weights.

    JAX compiles a program for the shape of every random weight, which takes half a minute for ResNet-20, so there NumPy
    draws them.
    """
    if keras.backend.backend() != "jax" or keras.src.backend.in_stateless_scope():
        return make()
    with shapes_alone():
        model = make()
    random = fresh_generator()
    for variable in model.variables:
        drawn = values(variable._initializer, tuple(variable.shape), random)
        variable.assign(variable._initializer(variable.shape, dtype=variable.dtype) if drawn is None else drawn)
    return model


def fresh_generator() -> np.random.Generator:
    """A generator of random numbers that `keras.utils.set_random_seed` decides, like all that Keras draws."""
    return np.random.default_rng(getrandbits(64))


def _initializer_of(layer: keras.layers.Layer, name: str) -> Any:
    """The initializer of a layer's variable; of a depthwise convolution Keras calls it by another name."""
    short = name.replace("depthwise_kernel", "depthwise").replace("pointwise_kernel", "pointwise")
    if short == "kernel" and hasattr(layer, "depthwise_initializer"):
        short = "depthwise"
    return getattr(layer, f"{short}_initializer", None)


def values(initializer: object, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32] | None:
    """Values [*shape] for an initializer of Keras, drawn with NumPy; None where it is not random or not known."""
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
        return np.asarray(np.sqrt(variance) / TRUNCATED_DEVIATION * truncated_normal(shape, random), np.float32)
    if isinstance(initializer, kinds.TruncatedNormal):
        return np.asarray(initializer.mean + initializer.stddev * truncated_normal(shape, random), np.float32)
    if isinstance(initializer, kinds.RandomNormal):
        return np.asarray(random.normal(initializer.mean, initializer.stddev, shape), np.float32)
    if isinstance(initializer, kinds.RandomUniform):
        return np.asarray(random.uniform(initializer.minval, initializer.maxval, shape), np.float32)
    return None


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """(fan-in, fan-out) of a kernel [..., in, out] as Keras counts them: in and out times the cells of the window."""
    if len(shape) < 2:
        return float(np.prod(shape)), float(np.prod(shape))
    cells = float(np.prod(shape[:-2]))
    return shape[-2] * cells, shape[-1] * cells


def truncated_normal(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal numbers; those beyond two deviations are drawn again."""
    found = random.standard_normal(shape)
    while (outside := np.abs(found) > 2).any():
        found[outside] = random.standard_normal(int(outside.sum()))
    return found


def pytorch_uniform() -> keras.initializers.Initializer:
    """The initial weights of PyTorch's layers: uniform within plus or minus 1 / sqrt(fan-in)."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def with_identity(kernel: NDArray[Any]) -> NDArray[Any]:
    """The kernel [height, width, channels, filters] with its first min(channels, filters) filters replaced by copies of
    one channel each: an identity."""
    height, width, channels, filters = kernel.shape
    copied = np.arange(min(channels, filters))
    result = np.array(kernel)
    result[..., copied] = 0
    result[height // 2, width // 2, copied, copied] = 1  # in an even window the pixel after the centre, as in PyTorch
    return result
