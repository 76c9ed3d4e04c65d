"""The gradient of one number by a tensor, on each of Keras' backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...environment import keras


def gradient(function: Callable[[Any], Any], at: Any) -> Any:
    """d function / d at as a NumPy array; `function` takes a tensor of the backend and gives one number."""
    return GRADIENTS[keras.backend.backend()](function, keras.ops.convert_to_tensor(at))


def _tensorflow(function: Callable[[Any], Any], at: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(at)
        score = function(at)
    return tape.gradient(score, at, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy()


def _jax(function: Callable[[Any], Any], at: Any) -> Any:
    import jax
    import numpy as np

    return np.asarray(jax.grad(function)(at))


def _torch(function: Callable[[Any], Any], at: Any) -> Any:
    import torch

    watched = at.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        (found,) = torch.autograd.grad(function(watched), watched, allow_unused=True)
    return (torch.zeros_like(watched) if found is None else found).detach().cpu().float().numpy()


GRADIENTS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}
