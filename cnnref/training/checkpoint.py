"""The whole state of a run between two steps: weights, optimizer, average, and the log so far.

One .npz file of plain arrays, written whole or not at all; the last two are kept. The order of the pictures and their
augmentation are functions of seed and step, so the step's number stands for them.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..environment import keras, ops
from ..errors import DivergedError, InputError
from ..files import write_whole

KEPT = 2

#: Writing checkpoints may take this share of a run.
SHARE = 0.01


@dataclass
class Progress:
    """How far a run is, and what it has logged.

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


class Cadence:
    """Says when the next checkpoint is due: rarely enough to cost less than `SHARE` of the time.

    Args:
        least: seconds between two checkpoints, even if they cost nothing.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._last = time.monotonic()
        self._wait = least

    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() - self._last >= self._wait

    def wrote(self, seconds: float) -> None:
        """A checkpoint was written just now and took `seconds`."""
        self._last = time.monotonic()
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
            "and go on with --resume."
        ) from None
    for old in [*list_checkpoints(folder)[:-KEPT], *folder.glob(".step-*")]:  # the latter are what a kill left
        old.unlink()
    return path


def read(path: Path, fingerprint: str) -> tuple[Progress, dict[str, np.ndarray]]:
    """A stored state: how far the run was, and the values of its variables.

    Raises:
        InputError: the file is damaged or of another recipe.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = {name: stored[name] for name in stored.files}
        found, progress = str(state.pop("fingerprint")), Progress(**json.loads(str(state.pop("progress"))))
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"The checkpoint {path} is damaged ({error}); delete it, and --resume goes on from the one before."
        ) from None
    if found != fingerprint:
        raise InputError(
            f"The checkpoint {path} belongs to another recipe; resume with the recipe in its run folder, "
            "or start over with --force."
        )
    return progress, state


def restore(path: Path, state: Mapping[str, np.ndarray], variables: Mapping[str, keras.Variable]) -> None:
    """Put a stored state into variables of the same names.

    Raises:
        InputError: a variable is missing in the file or has another shape there.
    """
    for name, variable in variables.items():
        if name not in state or state[name].shape != tuple(variable.shape):
            raise InputError(f"The checkpoint {path} has no fitting {name}; it was written by another version.")
    for name, variable in variables.items():
        variable.assign(state[name])


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run, the newest last."""
    return sorted(folder.glob("step-*.npz"))
