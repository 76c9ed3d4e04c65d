"""TensorFlow: a compiled loop over several steps, fed by a thread that prepares the batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...data.batches import Batch, prefetch
from ..train_state import TrainState
from .fused_batch_norm import fused_batch_norm

#: Steps between two returns to Python: at most so many, and about a second's worth.
MAX_STEPS_PER_CALL = 16
#: Bytes of the batches of one call; twice as many wait for the next.
AHEAD = 32 << 20


class TensorFlowEngine:
    """See `cnnref.training.engines.Engine`."""

    def __init__(self, state: TrainState, batches: Iterator[Batch], batch_bytes: int) -> None:
        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()  # on a CPU the operators used are deterministic already
        self.steps_per_call = 1
        self._most = int(np.clip(AHEAD // batch_bytes, 1, MAX_STEPS_PER_CALL))
        self._batches = prefetch(batches, depth=2 * self._most)
        self._state = state
        self._compiled = tf.function(self._loop, reduce_retracing=True, autograph=False)

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`."""
        began = time.monotonic()
        steps = zip(*(next(self._batches) for _ in range(first, last)), strict=True)
        losses, right = self._compiled(*(tf.convert_to_tensor(np.stack(parts)) for parts in steps))
        found = losses.numpy(), right.numpy()
        pace = (last - first) / (time.monotonic() - began)
        self.steps_per_call = int(np.clip(pace, 1, self._most))
        return found

    def close(self) -> None:
        """End the thread."""
        self._batches.close()

    def _loop(self, images: Any, labels: Any, shares: Any, views: Any) -> tuple[Any, Any]:
        """All steps of [steps, batch, ...] of all parts of a batch; losses and right answers [steps]."""
        count = tf.shape(labels)[0]
        found = [tf.TensorArray(tf.float32, count) for _ in range(2)]

        def body(place: Any, losses: Any, right: Any) -> tuple[Any, Any, Any]:
            loss, correct = self._step(images[place], labels[place], shares[place], views[place])
            return place + 1, losses.write(place, loss), right.write(place, correct)

        # One after the other: a step begins with the weights that the one before it left.
        _, losses, right = tf.while_loop(lambda place, *_: place < count, body, (0, *found), parallel_iterations=1)
        return losses.stack(), right.stack()

    def _step(self, images: Any, labels: Any, shares: Any, views: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape, fused_batch_norm(self._state.network):
            loss, right = self._state.forward(images, labels, shares, views)
        self._state.update(tape.gradient(loss, [variable.value for variable in self._state.trained]))
        return loss, right
