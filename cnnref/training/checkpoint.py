"""The whole state of a run between two epochs: weights, optimizer, and which epoch comes next.

One .npz file of plain arrays an epoch, written whole or not at all; the last two are kept.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from ..environment import keras, ops
from ..errors import InputError
from ..files import write_whole

KEPT = 2


def save(folder: Path, epoch: int, fingerprint: str, model: keras.Model) -> Path:
    """Store the state after `epoch` epochs of a compiled model."""
    arrays = {name: ops.convert_to_numpy(variable) for name, variable in _variables(model).items()}
    buffer = io.BytesIO()
    np.savez(buffer, epoch=epoch, fingerprint=fingerprint, **arrays)
    path = folder / f"epoch-{epoch:04d}.npz"
    write_whole(path, buffer.getvalue())
    for old in list_checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def restore(path: Path, fingerprint: str, model: keras.Model) -> int:
    """Put a stored state into a compiled model of the same recipe.

    Returns:
        The number of epochs done.

    Raises:
        InputError: the file is damaged or of another recipe.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"The checkpoint {path} is damaged ({error}); delete it, and --resume goes on from the one before."
        ) from None
    if str(state.get("fingerprint")) != fingerprint:
        raise InputError(
            f"The checkpoint {path} belongs to another recipe; resume with the recipe in its run folder, "
            "or start over with --force."
        )
    for name, variable in _variables(model).items():
        if name not in state or state[name].shape != tuple(variable.shape):
            raise InputError(f"The checkpoint {path} has no fitting {name}; it was written by another version.")
        variable.assign(state[name])
    return int(state["epoch"])


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run, the newest last."""
    return sorted(folder.glob("epoch-*.npz"))


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable under a name that is the same each time: its place, and its path for people."""
    model.optimizer.build(model.trainable_variables)
    named = [("model", v) for v in model.variables] + [("optimizer", v) for v in model.optimizer.variables]
    # Keras numbers the optimizers of a process (sgd, sgd_1), so that name is left out.
    own = f"{model.optimizer.name}/"
    return {f"{kind}/{index:04d}/{v.path.removeprefix(own)}": v for index, (kind, v) in enumerate(named)}
