"""The whole state of a run between two steps: weights, optimizer, average, and the log so far.

One .npz file of plain arrays; the last two are kept. A file appears under its name only when it is complete. The order
of the pictures and their augmentation are functions of seed and step, so the step's number stands for them.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import read_npz
from ..environment import keras, ops
from ..errors import DivergedError, InputError, option, printable
from ..files import write_whole

KEPT = 2

#: The file with the best weights, and how the names of the network's variables begin in a state.
BEST, NETWORK = "best.npz", "model"

#: What Keras numbers through a process, so that the same network has another number in the next; its place in the state
#: tells one from another.
NUMBERED = re.compile(r"(seed_generator)_\d+")

#: Writing checkpoints may take this share of a run.
SHARE = 0.01


@dataclass
class Progress:
    """How far a run has come, and what it has logged.

    Attributes:
        step: steps done.
        phase: which part of the run the state belongs to.
        seconds: spent on training until here.
        rows, timings: of the epochs that are over.
        loss_sum, right, seen: of the epoch that is not: sum of the steps' losses, right answers, steps.
    """

    step: int = 0
    phase: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    timings: list[dict[str, float]] = field(default_factory=list)
    loss_sum: float = 0.0
    right: float = 0.0
    seen: int = 0

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch so far."""
        return self.loss_sum / self.seen

    def accuracy(self, batch_size: int) -> float:
        """Share (0..1) of right answers in the epoch so far."""
        return self.right / (self.seen * batch_size)

    def count(self, losses: NDArray[np.float32], right: NDArray[np.float32]) -> None:
        """Add steps that were just done: the loss of each [n], and its count of right answers [n]."""
        for loss, correct in zip(losses.tolist(), right.tolist(), strict=True):
            self.loss_sum += loss
            self.right += correct
        self.seen += len(losses)
        self.step += len(losses)

    @property
    def best_epoch(self) -> int:
        """The first of the epochs with the best validation accuracy, counted from 1; 0 where nothing was validated."""
        found = [row.get("val_accuracy", -1.0) for row in self.rows]
        return found.index(max(found)) + 1 if found and max(found) >= 0 else 0

    def end_epoch(self, row: dict[str, float], timing: dict[str, float]) -> None:
        """Log an epoch that is over, and begin to count the next one."""
        self.rows.append(row)
        self.timings.append(timing)
        self.loss_sum = self.right = self.seen = 0


@dataclass(frozen=True)
class Checkpoint:
    """A stored state: the file, how far the run was, and the values of its variables by name."""

    path: Path
    progress: Progress
    values: dict[str, NDArray[Any]]


class Cadence:
    """Says when the next checkpoint is due: rarely enough to cost less than `SHARE` of the time.

    Args:
        least: seconds between two checkpoints, even if they cost nothing.
        clock: gives the time in seconds.
    """

    def __init__(self, least: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._clock = least, clock
        self._last = self._clock()
        self._wait = least

    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() - self._last >= self._wait

    def wrote(self, seconds: float) -> None:
        """A checkpoint was written just now and took `seconds`."""
        self._last = self._clock()
        self._wait = max(self._least, seconds / SHARE)


def save(folder: Path, fingerprint: str, progress: Progress, variables: Mapping[str, keras.Variable]) -> Path:
    """Store the state after `progress.step` steps.

    Raises:
        InputError: the disk is full or the folder cannot be written; the checkpoints before it stay.
        DivergedError: a weight is no finite number; likewise.
    """
    arrays = {name: ops.convert_to_numpy(variable.value) for name, variable in variables.items()}
    if wrong := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise DivergedError(
            f"After step {progress.step} {wrong[0]} is no longer finite; the last good checkpoint is kept. Try a lower "
            "optimizer.learning_rate."
        )
    buffer = io.BytesIO()
    np.savez(buffer, fingerprint=fingerprint, progress=json.dumps(asdict(progress)), **arrays)
    path = folder / f"step-{progress.step:08d}.npz"
    try:
        write_whole(path, buffer.getvalue())
    except OSError as error:
        raise InputError(
            f"The checkpoint {path} cannot be written: {error.strerror or error}; the one before it is kept. Make room "
            f"and go on with {option('resume', True)}."
        ) from None
    for old in [*list_checkpoints(folder)[:-KEPT], *folder.glob(".step-*")]:  # the latter are what a kill left
        old.unlink()
    return path


def read(path: Path, fingerprint: str) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is damaged or of another recipe.
    """
    try:
        state = read_npz(path)
        found, progress = str(state.pop("fingerprint")), Progress(**json.loads(str(state.pop("progress"))))
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged ({printable(str(error))}); delete it, and {option('resume', True)} goes "
            "on from the one before."
        ) from None
    if found != fingerprint:
        raise InputError(
            f"The checkpoint {path} belongs to another recipe or to other data; resume with the recipe in its run "
            f"folder and the data that it was started with, or start over with {option('force', True)}."
        )
    return Checkpoint(path, progress, state)


def read_last(folder: Path, fingerprint: str) -> Checkpoint | None:
    """The newest checkpoint of a folder; None if it has none.

    Raises:
        InputError: the file is damaged or of another recipe.
    """
    found = list_checkpoints(folder)
    return read(found[-1], fingerprint) if found else None


def restore(stored: Checkpoint, variables: Mapping[str, keras.Variable]) -> None:
    """Put a stored state into variables of the same names.

    Raises:
        InputError: a variable is missing in the file or has another shape there.
    """
    values = {NUMBERED.sub(r"\1", name): value for name, value in stored.values.items()}
    wanted = {NUMBERED.sub(r"\1", name): variable for name, variable in variables.items()}
    for name, variable in wanted.items():
        if name not in values or values[name].shape != tuple(variable.shape):
            raise InputError(f"The checkpoint {stored.path} has no fitting {name}; it was written by another version.")
    for name, variable in wanted.items():
        variable.assign(values[name])


def save_weights(path: Path, variables: Mapping[str, keras.Variable]) -> None:
    """Store the weights of the network alone, out of a whole state.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    buffer = io.BytesIO()
    weights = {name: one for name, one in variables.items() if name.startswith(NETWORK)}
    np.savez(buffer, **{name: ops.convert_to_numpy(one.value) for name, one in weights.items()})
    try:
        write_whole(path, buffer.getvalue())
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; make room and go on with {option('resume', True)}."
        ) from None


def restore_weights(path: Path, variables: Mapping[str, keras.Variable]) -> None:
    """Put stored weights back into the network.

    Raises:
        InputError: the file is missing, damaged, or of another network.
    """
    try:
        values = read_npz(path)
    except (OSError, InputError) as error:
        raise InputError(f"The weights in {path} cannot be read ({printable(str(error))}); train again.") from None
    weights = {name: one for name, one in variables.items() if name.startswith(NETWORK)}
    restore(Checkpoint(path, Progress(), values), weights)


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run, the newest last."""
    return sorted(folder.glob("step-*.npz"))
