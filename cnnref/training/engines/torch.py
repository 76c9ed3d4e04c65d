"""PyTorch: eager steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.batches import Batch, prefetch
from ..train_state import TrainState

#: Bytes of the batches that wait.
AHEAD = 64 << 20


class TorchEngine:
    """See `cnnref.training.engines.Engine`."""

    steps_per_call = 16

    def __init__(self, state: TrainState, batches: Iterator[Batch], batch_bytes: int) -> None:
        self._batches = prefetch(batches, depth=int(np.clip(AHEAD // batch_bytes, 2, 16)))
        self._state = state
        for variable in state.network.variables:
            trained = any(variable is other for other in state.trained)
            variable.value.requires_grad_(trained and variable.value.is_floating_point())

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`."""
        found = [self._step(*next(self._batches)) for _ in range(first, last)]
        losses, right = (np.array(values, np.float32) for values in zip(*found, strict=True))
        return losses, right

    def close(self) -> None:
        """End the thread."""
        self._batches.close()

    def _step(self, *batch: NDArray[np.generic]) -> tuple[float, float]:
        values = [variable.value for variable in self._state.trained]
        loss, right = self._state.forward(*(torch.as_tensor(part) for part in batch))
        gradients = torch.autograd.grad(loss, values)
        with torch.no_grad():
            self._state.update(gradients)
        return float(loss.detach()), float(right)
