"""Which pictures a training step sees and how they are changed: a function of seed and step alone.

Any step can be asked for by its number, so a run goes on where it stopped without replaying what came before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .augmentation import Augmentation, Changes

Batch = tuple[NDArray[Any], NDArray[np.int64]]
T = TypeVar("T")

#: What the generators of a seed are for.
ORDER, CHANGES, FIRST_SIDES = range(3)


@dataclass
class BatchPlan:
    """The batches of a run.

    Attributes:
        shape: of all training images, [count, height, width, channels].
        batch_size, seed, augmentation: of the recipe.
    """

    shape: tuple[int, int, int, int]
    batch_size: int
    seed: int
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        self._first_sides = np.random.default_rng([self.seed, FIRST_SIDES]).random(self.shape[0]) < 0.5

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in the training images; the pictures left over differ from epoch to epoch."""
        return self.shape[0] // self.batch_size

    def step(self, number: int) -> tuple[NDArray[np.int64], Changes]:
        """The pictures' places [batch_size] and their changes at a step, counted from 0 over the whole run."""
        epoch, place = divmod(number, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng([self.seed, ORDER, epoch]).permutation(self.shape[0])
        chosen = self._order[1][place * self.batch_size : (place + 1) * self.batch_size]
        mirrored = self._first_sides[chosen] ^ bool(epoch % 2) if self.augmentation.alternating else None
        random = np.random.default_rng([self.seed, CHANGES, number])
        return chosen, self.augmentation.draw((self.batch_size, *self.shape[1:]), random, mirrored)

    def batches(self, images: NDArray[np.uint8], labels: NDArray[np.int64], first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps from `first` to before `last`: changed pictures 0..255 (uint8, or float32 where
        pixels are interpolated) and labels."""
        for number in range(first, last):
            chosen, changes = self.step(number)
            yield self.augmentation.apply(images[chosen], changes), labels[chosen]


def prefetch(items: Iterator[T], depth: int = 16) -> Generator[T, None, None]:
    """Iterate in a background thread, `depth` items ahead; an error there is raised here."""
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def fill() -> None:
        try:
            for item in items:
                while not stopped.is_set():
                    try:
                        ready.put((item, None), timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if stopped.is_set():
                    return
            ready.put((None, StopIteration()))
        except BaseException as error:
            ready.put((None, error))

    threading.Thread(target=fill, daemon=True, name="prefetch").start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
