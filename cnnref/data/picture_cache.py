"""Folders of pictures that are larger than memory: decoded once into a cache, and read from there ever after.

    CACHE/pictures-3f0c...-224x224x3/   train.npy  test.npy   uint8 [n, height, width, channels], class after class
                                        index.json            what they were made from, and the pictures of each class

A folder of pictures has one cache for each size that it is read in. It is made anew when a picture was added, removed
or changed: when the digest of all names, sizes and times of change is another.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError, InputError
from ..files import only_writer, read_regular, whole_folder
from ..pictures import USUAL, PictureRule
from ..stored_pictures import StoredPictures, write_pictures
from .decoding import decoded, with_bar

INDEX = "index.json"
#: Bytes of the largest index that is read.
LARGEST_INDEX = 16 << 20
#: The form of the cache, which a change of the code that decodes has to raise.
FORM = 1


@dataclass(frozen=True)
class Part:
    """The training or the test part of a folder: its files class after class, and how many each class has."""

    files: Sequence[Path]
    counts: Sequence[int]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each file: int64 [n]."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)


#: The training and the test part of a folder, and what is left out of them, with the reasons.
Divided = tuple[Part, Part, list[str]]
Stored = tuple[StoredPictures, NDArray[np.int64], StoredPictures, NDArray[np.int64], list[str]]


def cached_pictures(
    folder: Path,
    classes: Sequence[Mapping[str, Sequence[Path]]],
    shape: tuple[int, int, int],
    divide: Callable[[], Divided],
    *,
    cache: Path,
    quiet: bool,
    rule: PictureRule = USUAL,
    skip_bad: bool = False,
) -> Stored:
    """The pictures of a folder, from the cache, which is made if it is not there.

    Args:
        folder: of the pictures.
        classes: all its files, by class, for each folder that has classes.
        shape: height, width and channels that they are read in.
        divide: gives the training and the test part; called only if there is no cache yet.
        cache: the folder that the cache is in, or is put into.
        quiet: says and shows nothing on standard error.
        rule: how they come to that size.
        skip_bad: whether `divide` leaves out what cannot be read; a cache without such pictures is not for others.

    Returns:
        Training pictures and labels, test pictures and labels, and what is left out.

    Raises:
        InputError: a picture cannot be read, or there is no room for the cache.
        DatasetError: the folder cannot be divided.
    """
    digest = digest_of(folder, classes, shape) + "-skipped" * skip_bad
    ruled = "" if rule == USUAL else f"\0{rule}"  # each rule has a cache of its own
    name = hashlib.sha256(f"{folder}{ruled}".encode(errors="surrogateescape")).hexdigest()[:16]
    place = cache / f"pictures-{name}-{'x'.join(map(str, shape))}"
    with only_writer(place / INDEX, wait=True):  # whoever comes second finds the cache of the first
        if (found := _read(place, digest, shape)) is not None:
            return found
        divided = divide()
        try:
            _write(place, divided, digest, shape, str(folder), quiet=quiet, rule=rule)
        except OSError as error:
            raise InputError(
                f"The pictures of {folder} cannot be kept in {place} ({error.strerror or error}); make room there."
            ) from None
        made = _read(place, digest, shape)
    if made is None:
        raise DatasetError(f"{place} was changed while it was made; start again.")
    return made


def digest_of(folder: Path, classes: Sequence[Mapping[str, Sequence[Path]]], shape: tuple[int, int, int]) -> str:
    """SHA-256 over name, size and time of change of all files, the shape, and the version of what decodes them."""
    from PIL import __version__ as pillow

    digest = hashlib.sha256(f"{FORM} {pillow} {shape}".encode())
    for file in chain.from_iterable(files for part in classes for files in part.values()):
        state = file.stat() if file.exists() else file.lstat()  # a link to nothing cannot be read, and is told so later
        line = f"\0{os.path.relpath(file, folder)}\0{state.st_size}\0{state.st_mtime_ns}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read(place: Path, digest: str, shape: tuple[int, int, int]) -> Stored | None:
    """What is in the cache; None if there is nothing, or something else."""
    try:
        index = json.loads(read_regular(place / INDEX, LARGEST_INDEX))
        if index["sources"] != digest:
            return None
        train, test = (StoredPictures(place / f"{part}.npy") for part in ("train", "test"))
        train_labels, test_labels = (Part((), index[part]).labels for part in ("train", "test"))
        skipped = [str(one) for one in index.get("skipped", [])]
    except (OSError, ValueError, KeyError, TypeError):  # the errors of damaged files among them
        return None
    fits = train.shape == (len(train_labels), *shape) and test.shape == (len(test_labels), *shape)
    return (train, train_labels, test, test_labels, skipped) if fits else None


def _write(
    place: Path,
    divided: Divided,
    digest: str,
    shape: tuple[int, int, int],
    folder: str,
    *,
    quiet: bool,
    rule: PictureRule,
) -> None:
    """Decode all pictures into the cache, which appears under its name when it is complete."""
    train, test, skipped = divided
    parts = (train, test)
    count = sum(len(part.files) for part in parts)
    needed = count * int(np.prod(shape))
    there = next(parent for parent in place.absolute().parents if parent.is_dir())
    if (free := shutil.disk_usage(there).free) < needed:
        raise InputError(
            f"The {count:,} pictures of {folder} take {needed / 1e9:,.1f} GB when they are decoded, and {there} has "
            f"{free / 1e9:,.1f} GB of room; make room there, or choose smaller pictures with image_size."
        )
    if not quiet:
        print(f"Decoding {count:,} pictures once into {place} ({needed / 1e9:,.1f} GB) ...", file=sys.stderr)
    pictures = decoded(chain.from_iterable(part.files for part in parts), shape, rule)
    if not quiet:
        pictures = with_bar(pictures, count, "Decoding pictures")
    with whole_folder(place, force=True, marker=INDEX) as made:
        for name, part in zip(("train", "test"), parts, strict=True):
            some = (next(pictures) for _ in part.files)
            write_pictures(made / f"{name}.npy", shape, len(part.files), some)
        index: dict[str, Any] = {
            "sources": digest,
            "folder": folder,
            **dict(zip(("train", "test"), map(_counts, parts), strict=True)),
        }
        if skipped:
            index["skipped"] = skipped
        (made / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _counts(part: Part) -> list[int]:
    return [int(count) for count in part.counts]
