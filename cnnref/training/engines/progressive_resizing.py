"""A run whose pictures change their size: one engine after the other, each compiled for one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..train_state import TrainState
from . import Engine

Found = tuple[NDArray[np.float32], NDArray[np.float32]]


class ProgressiveResizing:
    """An engine made of several; see `cnnref.training.engines.Engine`.

    Args:
        state: is set to the picture size of each part.
        parts: of the run, in order: height of the pictures (0: as they are) and the step before which it ends.
        first: the step that will be asked for first.
        make: `make_engine` with all that every part shares.
    """

    def __init__(
        self, state: TrainState, parts: Sequence[tuple[int, int]], first: int, make: Callable[..., Engine]
    ) -> None:
        self._state, self._make = state, make
        self._parts = [part for part in parts if part[1] > first]
        self._engine, self._end = self._next(first)

    @property
    def steps_per_call(self) -> int:
        """How many steps a call of `run` is best given."""
        return self._engine.steps_per_call

    def run(self, first: int, last: int) -> Found:
        """Do the steps from `first` to before `last`."""
        found: list[Found] = []
        while first < last:
            if first == self._end:
                self._engine.close()
                self._engine, self._end = self._next(first)
            stop = min(last, self._end)
            found.append(self._engine.run(first, stop))
            first = stop
        losses, right = (np.concatenate(values) for values in zip(*found, strict=True))
        return losses, right

    def close(self) -> None:
        """End what runs in the background."""
        self._engine.close()

    def _next(self, first: int) -> tuple[Engine, int]:
        size, end = self._parts.pop(0)
        self._state.set_image_size(size)
        return self._make(first_step=first, last_step=end), end
