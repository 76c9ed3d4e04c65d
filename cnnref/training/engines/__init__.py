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
        InputError: the backend trains on one device only and there are several.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from .jax import JaxEngine

        return JaxEngine(state, plan, pictures, devices=devices)
    from ...environment import accelerators

    if devices == "all" and (found := len(accelerators())) > 1:
        raise InputError(
            f"There are {found} GPUs, and Keras on {backend} trains on one; set KERAS_BACKEND=jax to train on all."
        )
    batches = plan.batches(pictures.images, pictures.labels, first_step, last_step)
    if backend == "torch":
        from .torch import TorchEngine

        return TorchEngine(state, batches)
    from .tensorflow import TensorFlowEngine

    return TensorFlowEngine(state, batches)
