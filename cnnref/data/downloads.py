"""Keras' cache folder and download. Keras only fetches the files; this package reads them itself."""

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
    """One published file, with the address and hash that keras.datasets has."""

    origin: str
    #: None where keras.datasets has no hash.
    sha256: str | None = None
    #: Sub-folder of the cache for the file.
    folder: str = ""


def cache_folder() -> Path:
    """The folder in which Keras keeps data sets, found by Keras' rule without importing Keras."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(os.path.expanduser(home)) / "datasets"


def fetch(downloads: Iterable[Download]) -> Path:
    """Let Keras download the files into its cache, and return their folder.

    Raises:
        Exception: any exception of Keras, which has no special class for a failed download.
    """
    paths = []
    with contextlib.redirect_stdout(sys.stderr):  # Keras' progress bar does not belong into a command's output
        for download in downloads:
            name = download.origin.rsplit("/", 1)[1]
            subfolder = os.path.join("datasets", download.folder)
            path = keras.utils.get_file(
                name, origin=download.origin, file_hash=download.sha256, cache_subdir=subfolder, extract=False
            )
            paths.append(Path(path))
    return paths[0].parent
