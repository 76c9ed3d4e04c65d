"""Keras' cache folder and Keras' download. Keras only moves the bytes; the readers here read them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..environment import keras


@dataclass(frozen=True)
class Download:
    """One published file, as keras.datasets gets it."""

    origin: str
    #: None where keras.datasets states none.
    sha256: str | None = None
    #: Sub-folder of the cache that the file goes to.
    folder: str = ""


def cache_folder() -> Path:
    """Where Keras keeps data sets. Says the same as Keras without importing it."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home).expanduser() / "datasets"


def fetch(downloads: Iterable[Download]) -> Path:
    """Have Keras fetch the files into its cache, and return the folder they are in.

    Raises:
        Exception: whatever Keras raises; it has no class of its own for a refused download.
    """
    paths = []
    with contextlib.redirect_stdout(sys.stderr):  # Keras' progress bar is no part of a command's output
        for download in downloads:
            name = download.origin.rsplit("/", 1)[1]
            subfolder = os.path.join("datasets", download.folder)
            path = keras.utils.get_file(
                name, origin=download.origin, file_hash=download.sha256, cache_subdir=subfolder, extract=False
            )
            paths.append(Path(path))
    return paths[0].parent
