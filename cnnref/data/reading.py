"""Bytes off a disk, and checks that every reader makes. A `place` is the name that a message gives."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from ..errors import DatasetError

#: Labels as a file has them.
RawLabels = np.ndarray | list[int]


def read_bytes(path: Path, *, gzipped: bool) -> bytes:
    """The whole content of a file; of a gzip file, what was compressed, once its length and CRC agree."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error}).") from None
    if not gzipped:
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(
            f"{path} is no whole gzip file: {error} ({len(content):,} bytes found); get the file again."
        ) from error


def check_counts(images: np.ndarray, images_place: str, labels: RawLabels, labels_place: str) -> None:
    """Raise unless there are images, and as many labels."""
    if len(images) != len(labels):
        raise DatasetError(
            f"{images_place} holds {len(images):,} images and {labels_place} {len(labels):,} labels; "
            "the two do not belong together."
        )
    if len(images) == 0:
        raise DatasetError(f"{images_place} holds no images.")


def checked_labels(labels: RawLabels, classes: int, place: str) -> np.ndarray:
    """Labels as int64 [n], after each has been found in 0..classes - 1."""
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    for record, label in enumerate(values):
        if not 0 <= label < classes:
            raise DatasetError(f"{place} has label {label} at record {record:,}; labels go from 0 to {classes - 1}.")
    return np.array(values, np.int64)
