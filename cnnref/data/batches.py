"""Training batches in an order that is a function of seed and epoch alone, prepared ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .augmentation import Augmentation

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]
T = TypeVar("T")


def training_batches(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    seed: int,
    augmentation: Augmentation | None = None,
    first_epoch: int = 0,
) -> Iterator[Batch]:
    """Endless shuffled batches ([batch, height, width, channels] float32 0..255, [batch] int64), from `first_epoch` on.

    Every epoch has `len(images) // batch_size` full batches; the pictures left over differ from epoch to epoch.
    Starting at `first_epoch` gives what the stream from epoch 0 gives there, bit for bit.
    """
    steps = len(images) // batch_size
    epoch = first_epoch
    while steps:
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(len(images))
        for step in range(steps):
            chosen = order[step * batch_size : (step + 1) * batch_size]
            batch = augmentation(images[chosen], random) if augmentation else images[chosen].astype(np.float32)
            yield batch, labels[chosen]
        epoch += 1


def prefetch(items: Iterator[T], depth: int = 16) -> Iterator[T]:
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
