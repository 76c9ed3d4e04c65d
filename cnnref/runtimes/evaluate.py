"""How often a loaded artifact is right, and how often two of them agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


class Runs(Protocol):
    """Anything that turns images into probabilities, a `Runner` for one."""

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]: ...


def accuracy(runner: Runs, images: NDArray[Any], labels: NDArray[Any], batch: int = 256) -> float:
    """Top-1 accuracy from 0 to 1; a single output is a yes from 0.5 on.

    Args:
        images: uint8 or float32 [n, height, width, channels], 0..255.
        labels: whole numbers [n], from 0 on.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(f"the labels are {labels.dtype} {list(labels.shape)}, not one whole number for each image.")
    scores = run_in_batches(runner, images, batch)
    classes = max(scores.shape[1], 2)
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"the labels go from {labels.min()} to {labels.max()}, and the model has {classes} classes.")
    return float(np.mean(top1(scores) == labels))


def agreement(first: Runs, second: Runs, images: NDArray[Any], batch: int = 256) -> float:
    """Share of the images, from 0 to 1, for which two artifacts decide for the same class."""
    decided = [top1(run_in_batches(runner, images, batch)) for runner in (first, second)]
    return float(np.mean(decided[0] == decided[1]))


def top1(scores: NDArray[Any]) -> NDArray[np.int64]:
    """The decided class for each row of [n, classes]."""
    if scores.shape[1] == 1:
        return (scores[:, 0] >= 0.5).astype(np.int64)
    return scores.argmax(axis=1)


def run_in_batches(runner: Runs, images: NDArray[Any], batch: int) -> NDArray[np.float32]:
    """Probabilities [n, classes] of any number of images, `batch` at a time."""
    return np.concatenate([runner.run(part) for part in batches(images, batch)])


def batches(images: NDArray[Any], batch: int) -> Iterator[NDArray[Any]]:
    """The images, `batch` at a time; the last part may be shorter."""
    if len(images) == 0:
        raise InputError("there are no images to run.")
    if batch < 1:
        raise InputError(f"the batch is {batch}; give 1 or more.")
    for start in range(0, len(images), batch):
        yield images[start : start + batch]
