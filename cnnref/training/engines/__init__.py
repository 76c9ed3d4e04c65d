"""Engines: how a learner's steps are run on each backend of Keras. All of them compute the same steps.

tensorflow.py   a compiled step, batches prepared by a thread
jax.py          one compiled scan over many steps; pictures and augmentation live on the device; data-parallel
torch.py        eager steps
relay.py        one of these after the other, where pictures grow during a run
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...data.batches import BatchPlan
from ...environment import keras
from ...errors import InputError
from ..train_state import Learner


class Engine(Protocol):
    """Runs the steps of a learner, in order."""

    #: How many steps a call of `run` is best given.
    stride: int

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`; gives each step's loss [n] and count of right answers [n]."""
        ...

    def close(self) -> None:
        """End what runs in the background."""
        ...


def make_engine(
    learner: Learner,
    plan: BatchPlan,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    first_step: int = 0,
    last_step: int,
    devices: str = "one",
) -> Engine:
    """The engine of the running backend.

    Args:
        learner, plan, images, labels: what learns, and from what.
        first_step, last_step: which steps will be asked for, in order.
        devices: "one", or "all": data-parallel on every device of the host, and of all hosts of a JAX cluster.

    Raises:
        InputError: the backend trains on one device only and there are several.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from .jax import JaxEngine

        return JaxEngine(learner, plan, images, labels, devices=devices)
    from ...environment import accelerators

    if devices == "all" and (found := len(accelerators())) > 1:
        raise InputError(
            f"There are {found} GPUs, and Keras on {backend} trains on one; set KERAS_BACKEND=jax to train on all."
        )
    batches = plan.batches(images, labels, first_step, last_step)
    if backend == "torch":
        from .torch import TorchEngine

        return TorchEngine(learner, batches)
    from .tensorflow import TensorFlowEngine

    return TensorFlowEngine(learner, batches)
