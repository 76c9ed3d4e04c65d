"""Convolutions that begin by passing their channels on, and learn from there what else to do.

Filter i of the first filters copies channel i: a shortcut without an addition. The other filters, where there are
more filters than channels, begin as PyTorch's do: uniform within one over the root of the fan-in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras, layers, ops
from .blocks import Tensor, check_fits


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


def partial_identity_conv(
    x: Tensor, filters: int, kernel: int, *, padding: str = "same", use_bias: bool = False, name: str
) -> Tensor:
    """A convolution of stride 1 that begins as a partial identity. [n, h, w, c] -> [n, h', w', filters].

    `padding` is "same" or "valid". The layer carries `begins_as_identity`, for those who draw its weights anew.
    """
    check_fits(x, kernel if padding == "valid" else 1, 1, 0, name)
    layer = layers.Conv2D(
        filters, kernel, padding=padding, use_bias=use_bias, kernel_initializer=_partial_identity, name=name
    )
    result = layer(x)
    # Keras' own initializer for the files: with another, nobody could open them without this package.
    layer.kernel_initializer = pytorch_uniform()
    layer.begins_as_identity = True
    return result


def _partial_identity(shape: tuple[int, ...], dtype: Any = None) -> Any:
    drawn = ops.convert_to_numpy(pytorch_uniform()(shape, dtype))
    return ops.convert_to_tensor(with_identity(drawn), dtype)
