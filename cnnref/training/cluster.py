"""Several processes that train one network together, connected by JAX, on one host or on several."""

from __future__ import annotations

from ..environment import keras
from ..errors import InputError


def join(coordinator: str, processes: int, process: int) -> None:
    """Join a cluster; every process calls this before anything else, and then the same training.

    Args:
        coordinator: HOST:PORT of process 0, which the others reach it by.
        processes: how many there are.
        process: which one this is, from 0.

    Raises:
        InputError: Keras runs on another backend than JAX, or the numbers do not go together.
    """
    if keras.backend.backend() != "jax":
        raise InputError("Several processes train together with Keras on JAX only; set KERAS_BACKEND=jax.")
    if not 0 <= process < processes:
        raise InputError(f"process is {process} of {processes}; give a number from 0 to {processes - 1}.")
    keras.distribution.initialize(coordinator, processes, process)


def is_first_process() -> bool:
    """Whether this process is the one that writes files and prints."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return bool(jax.process_index() == 0)
