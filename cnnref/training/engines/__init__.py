"""Engines: how the steps of a train state are run on each backend of Keras. All of them compute the same steps.

tensorflow.py             a compiled step, batches prepared by a thread
fused_batch_norm.py       batch normalization as one operator of TensorFlow
jax.py                    one compiled scan over many steps; pictures and augmentation stay on the device; data-parallel
torch.py                  eager steps
progressive_resizing.py   one of these after the other, where pictures grow during a run
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...data.batches import BatchPlan
from ...environment import keras
from ...errors import InputError
from ..phases import Pictures
from ..train_state import TrainState


class Engine(Protocol):
    """Runs the steps of a train state, in order."""

    #: How many steps a call of `run` is best given.
    steps_per_call: int

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`; gives each step's loss [n] and count of right answers [n]."""
        ...

    def close(self) -> None:
        """Stop what runs in the background."""
        ...


def check_devices(devices: str) -> None:
    """Raise InputError if "all" devices are asked for and the backend trains on one only, or for another word."""
    if devices not in ("one", "all"):
        raise InputError(f"devices is {devices!r}; choose one, all.")
    backend = keras.backend.backend()
    if devices == "all" and backend != "jax":
        raise InputError(
            f"All devices train together with Keras on JAX only, and Keras runs on {backend}; set KERAS_BACKEND=jax, "
            "or leave the devices at one."
        )


def make_engine(
    state: TrainState,
    plan: BatchPlan,
    pictures: Pictures,
    *,
    first_step: int = 0,
    last_step: int,
    devices: str = "one",
) -> Engine:
    """The engine of the running backend.

    Args:
        state, plan, pictures: the train state, its batches, and the images.
        first_step, last_step: which steps will be asked for, in order.
        devices: "one", or "all": data-parallel on every device of the host, and of all hosts of a JAX cluster.

    Raises:
        InputError: see `check_devices`.
    """
    check_devices(devices)
    backend = keras.backend.backend()
    if backend == "jax":
        from .jax import JaxEngine

        return JaxEngine(state, plan, pictures, devices=devices)
    batches = plan.batches(pictures.images, pictures.labels, first_step, last_step)
    if backend == "torch":
        from .torch import TorchEngine

        return TorchEngine(state, batches, plan.batch_bytes)
    from .tensorflow import TensorFlowEngine

    return TensorFlowEngine(state, batches, plan.batch_bytes)
