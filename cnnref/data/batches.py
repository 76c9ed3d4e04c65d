"""The pictures of each training step and their augmentation, which depend on the seed and the step alone.

The batch of any step can be computed from its number, so an interrupted run continues without replaying earlier steps.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..stored_pictures import ImageSource
from .augmentation import Augmentation, Changes

#: Pictures, labels, the share of each label where pictures are mixed (see `Augmentation.mixes`), else 1, and the view
#: of each picture (see `BatchPlan.views`).
Batch = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
T = TypeVar("T")

#: The purposes of the random generators of a seed.
ORDER, CHANGES, INITIAL_FLIPS = range(3)


@dataclass
class BatchPlan:
    """The batches of a run.

    Attributes:
        shape: shape of all training images, [count, height, width, channels].
        batch_size, seed, augmentation: as in the recipe.
        balanced: labels of all training images [count], if every class is to be drawn equally often; None if every
            picture is.
    """

    shape: tuple[int, int, int, int]
    batch_size: int
    seed: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    balanced: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        self._initial_flips = np.random.default_rng([self.seed, INITIAL_FLIPS]).random(self.shape[0]) < 0.5

    @property
    def steps_per_epoch(self) -> int:
        """The number of full batches in the training images; the pictures left over differ from epoch to epoch."""
        return self.shape[0] // self.batch_size

    @property
    def batch_bytes(self) -> int:
        """The most bytes that the pictures of a batch take: those of float32."""
        return 4 * self.batch_size * int(np.prod(self.shape[1:]))

    def step(self, number: int) -> tuple[NDArray[np.int64], Changes]:
        """The indices of the pictures [batch_size] and their changes at a step, counted from 0 over the whole run."""
        epoch, batch = divmod(number, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, self._order_of(np.random.default_rng([self.seed, ORDER, epoch]))
        chosen = self._order[1][batch * self.batch_size : (batch + 1) * self.batch_size]
        mirrored = self._initial_flips[chosen] ^ bool(epoch % 2) if self.augmentation.alternating else None
        random = np.random.default_rng([self.seed, CHANGES, number])
        return chosen, self.augmentation.draw((self.batch_size, *self.shape[1:]), random, mirrored)

    def views(self, chosen: NDArray[np.int64], changes: Changes) -> NDArray[np.int64]:
        """The row of each picture, as it is shown, in a table of all pictures followed by all their mirror images."""
        rows: NDArray[np.int64] = chosen + self.shape[0] * np.asarray(changes.get("mirrored", 0))
        return rows

    def _order_of(self, random: np.random.Generator) -> NDArray[np.int64]:
        """The pictures of an epoch: each once; or those of each class equally often, no one twice more than another."""
        count = self.shape[0]
        if self.balanced is None:
            return random.permutation(count)
        members = [np.flatnonzero(self.balanced == label) for label in np.unique(self.balanced)]
        places = random.permutation(len(members))  # which classes have one more, where they cannot have as many
        quotas = np.full(len(members), count // len(members))
        quotas[places[: count % len(members)]] += 1
        chosen = [
            np.concatenate([random.permutation(one) for _ in range(-(-quota // len(one)))])[:quota]
            for one, quota in zip(members, quotas, strict=True)
        ]
        return random.permutation(np.concatenate(chosen))

    def batches(self, images: ImageSource, labels: NDArray[np.int64], first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps `first` to `last` - 1.

        Yields:
            Augmented pictures [batch_size, height, width, channels] with values 0..255 (uint8, or float32 where values
            are interpolated), their labels [batch_size], how much each counts [batch_size] (the rest is the label of
            the picture that it is mixed with, which is the one at the same place from the end), and their views
            [batch_size].
        """
        for number in range(first, last):
            chosen, changes = self.step(number)
            shares = changes.get("share", np.ones(self.batch_size, np.float32))
            views = self.views(chosen, changes)
            yield self.augmentation.apply(images[chosen], changes), labels[chosen], shares, views


def prefetch(items: Iterator[T], depth: int = 16) -> Generator[T, None, None]:
    """Iterate over `items` in a background thread, up to `depth` items ahead; the generator raises its errors."""
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
