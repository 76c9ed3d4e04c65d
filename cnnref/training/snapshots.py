"""Snapshots: the weights of a small network before the first step and after a few epochs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..environment import keras
from ..errors import InputError
from . import checkpoint
from .callbacks import Callback
from .checkpoint import Progress

#: The most weights of a network with snapshots, and of all its snapshots together: 16 MB.
LARGEST_NETWORK, LARGEST_TOTAL = 500_000, 4_000_000

FILE = re.compile(r"epoch-(\d{5})\.npz")


class SnapshotWriter(Callback):
    """Stores the weights of the network before the first step (epoch 0) and after some of the epochs.

    After a kill it may be ahead of the last checkpoint; the epochs that are done again then store the same.

    Args:
        folder: of the snapshots.
        epochs: after which the weights are stored.
        progress: of the run.
    """

    def __init__(self, folder: Path, epochs: tuple[int, ...], progress: Progress) -> None:
        self._folder, self._epochs, self._progress, self._due = folder, epochs, progress, False

    def before_steps(self, variables: Mapping[str, keras.Variable]) -> None:
        """Store the weights that the run begins with, if it does begin here."""
        if self._progress.step == 0 and 0 in self._epochs:
            self._write(0, variables)

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """Remember whether this epoch is one of those."""
        self._due = row["epoch"] in self._epochs

    def at_save_point(self, variables: Mapping[str, keras.Variable], *, last: bool) -> None:
        """Store the weights, right after the epoch."""
        if self._due:
            self._write(len(self._progress.rows), variables)
            self._due = False

    def _write(self, epoch: int, variables: Mapping[str, keras.Variable]) -> None:
        checkpoint.save_weights(self._folder / f"epoch-{epoch:05d}.npz", variables)


def list_snapshots(folder: Path) -> dict[int, Path]:
    """The files of a run's snapshots by their epochs, the first epoch first."""
    found = {int(match[1]): path for path in folder.glob("epoch-*.npz") if (match := FILE.fullmatch(path.name))}
    return dict(sorted(found.items()))


def check_size(epochs: tuple[int, ...], model: keras.Model) -> None:
    """Refuse snapshots of a network that is too large for them, before anything is trained.

    Raises:
        InputError: it has too many weights, or all snapshots together have.
    """
    count, kept = model.count_params(), len(set(epochs))
    if epochs and count > LARGEST_NETWORK:
        raise InputError(
            f"snapshots.epochs are for networks of at most {LARGEST_NETWORK:,} weights, and {model.name} has "
            f"{count:,}; leave them out."
        )
    if kept * count > LARGEST_TOTAL:
        raise InputError(
            f"snapshots.epochs names {kept} epochs, and {model.name} has {count:,} weights; "
            f"at most {LARGEST_TOTAL // count} of its snapshots are kept, so name fewer epochs."
        )
