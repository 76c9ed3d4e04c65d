"""TensorFlow: a step as one compiled function, fed by a thread that prepares the batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...data.batches import Batch, prefetch
from ..learner import Learner
from .fused_batch_norm import fused_batch_norm


class TensorFlowEngine:
    """See `cnnref.training.engines.Engine`."""

    stride = 16

    def __init__(self, learner: Learner, batches: Iterator[Batch]) -> None:
        self._batches = prefetch(batches)
        self._learner = learner
        self._compiled = tf.function(self._step, reduce_retracing=True, autograph=False)

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`."""
        found = [self._compiled(*map(tf.convert_to_tensor, next(self._batches))) for _ in range(first, last)]
        losses, right = (
            np.array([value.numpy() for value in values], np.float32) for values in zip(*found, strict=True)
        )
        return losses, right

    def close(self) -> None:
        """End the thread."""
        self._batches.close()

    def _step(self, images: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape, fused_batch_norm(self._learner.network):
            loss, right = self._learner.forward(images, labels)
        self._learner.update(tape.gradient(loss, [variable.value for variable in self._learner.trained]))
        return loss, right
