"""The accuracy of a bundle's files on pictures that are too many to be in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..pictures import read_picture
from .classifier import Classifier

#: Pictures in memory at a time.
BATCH = 32


@dataclass(frozen=True)
class Scores:
    """How often the right class is the best one, or among the five best, from 0 to 1; and among how many pictures."""

    top1: float
    top5: float
    images: int


def accuracy_on_files(
    classifiers: Sequence[Classifier],
    pictures: Sequence[tuple[Path, int]],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Scores]:
    """Run the files of a bundle on pictures with known classes, each read once, as the bundle says.

    Args:
        classifiers: the files, which take the same pictures.
        pictures: path and class of each.
        tell: is told how many pictures are done.

    Raises:
        InputError: a picture cannot be read.
        VerificationError: a file cannot be run.
    """
    first = classifiers[0]
    right = {one.file: np.zeros(2, np.int64) for one in classifiers}
    for start in range(0, len(pictures), BATCH):
        part = pictures[start : start + BATCH]
        images = np.stack([read_picture(path, *first.shape, first.picture) for path, _ in part])
        wanted = np.array([index for _, index in part])
        for one in classifiers:
            best = np.argsort(-one.runner.run(images), axis=1, kind="stable")[:, :5]
            hits = best == wanted[:, None]
            right[one.file] += (hits[:, 0].sum(), hits.any(axis=1).sum())
        tell(f"{start + len(part):,} of {len(pictures):,} pictures")
    count = len(pictures)
    return {name: Scores(float(one / count), float(five / count), count) for name, (one, five) in right.items()}
