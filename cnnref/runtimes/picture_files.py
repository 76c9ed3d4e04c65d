"""The accuracy of a bundle's files on pictures that are too many to be in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..pictures import read_picture
from .artifacts import open_artifact
from .bundle import Bundle

#: Pictures in memory at a time.
BATCH = 32


@dataclass(frozen=True)
class Scores:
    """How often the right class is the best one, or among the five best, from 0 to 1; and among how many pictures."""

    top1: float
    top5: float
    images: int


def accuracy_on_files(
    bundle: Bundle,
    pictures: Sequence[tuple[Path, int]],
    artifacts: Sequence[str],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Scores]:
    """Run files of a bundle on pictures with known classes, each read once, as the bundle says.

    Args:
        bundle: a classifier.
        pictures: path and class of each.
        artifacts: the names of the files to run.
        tell: is told how many pictures are done.

    Raises:
        InputError: a picture cannot be read.
        VerificationError: a file cannot be loaded or run.
    """
    runners = {name: open_artifact(bundle, name) for name in artifacts}
    right = {name: np.zeros(2, np.int64) for name in artifacts}
    for start in range(0, len(pictures), BATCH):
        part = pictures[start : start + BATCH]
        images = np.stack([read_picture(path, *bundle.shape, bundle.picture) for path, _ in part])
        wanted = np.array([index for _, index in part])
        for name, runner in runners.items():
            best = np.argsort(-runner.run(images), axis=1, kind="stable")[:, :5]
            hits = best == wanted[:, None]
            right[name] += (hits[:, 0].sum(), hits.any(axis=1).sum())
        tell(f"{start + len(part):,} of {len(pictures):,} pictures")
    count = len(pictures)
    return {name: Scores(float(one / count), float(five / count), count) for name, (one, five) in right.items()}
