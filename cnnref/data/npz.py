"""NumPy's .npz without NumPy's trust: arrays only, each read to its end so that its CRC counts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import DatasetError


def read_npz(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file. Nothing pickled is opened.

    Raises:
        DatasetError: the file is no whole zip archive, lacks one of the arrays, or holds one that is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _read_array(archive, name, path) for name in names}
    except DatasetError:
        raise
    except Exception as error:  # Damage is met with almost any exception, here and below.
        raise DatasetError(f"{path} is no whole .npz file ({error}); get the file again.") from error


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    members = archive.namelist()
    if f"{name}.npy" not in members:
        found = ", ".join(member.removesuffix(".npy") for member in members) or "nothing"
        raise DatasetError(f"{path} has no array {name}; it holds {found}.")
    try:
        stream = io.BytesIO(archive.read(f"{name}.npy"))
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:
        raise DatasetError(f"{name} in {path} is damaged or no plain array ({error}); get the file again.") from error
    if surplus := len(stream.read()):
        raise DatasetError(f"{name} in {path} is damaged: {surplus:,} bytes follow the end of the array.")
    return array
