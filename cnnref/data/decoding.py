"""Picture files to pixels, several at a time, with a bar that shows how far it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pictures import USUAL, PictureRule, check_shape, read_picture

#: Threads that decode; Pillow lets others run while it decodes and resizes.
MOST_THREADS = 8
#: Bad files that a message names.
NAMED = 20
#: Files that are under way at a time, which limits the memory.
AHEAD = 128

T = TypeVar("T")


def decoded(
    files: Iterable[Path], shape: tuple[int, int, int], rule: PictureRule = USUAL
) -> Iterator[NDArray[np.uint8]]:
    """The pictures of files in their order, each uint8 of `shape` [height, width, channels], read as the rule says.

    Raises:
        InputError: a picture cannot be read. The others are still tried, so that the message has all that cannot.
    """

    bad: list[InputError] = []
    for _, found in _tried(files, shape, rule):
        if isinstance(found, InputError):
            bad.append(found)
        elif not bad:
            yield found
    if len(bad) == 1:
        raise bad[0]
    if bad:
        raise InputError(f"{len(bad):,} pictures cannot be read:\n{listed(map(str, bad))}")


def unreadable(files: Iterable[Path], shape: tuple[int, int, int], rule: PictureRule = USUAL) -> dict[Path, str]:
    """The files that cannot be read as pictures of `shape`, and why."""
    return {file: str(found) for file, found in _tried(files, shape, rule) if isinstance(found, InputError)}


def _tried(
    files: Iterable[Path], shape: tuple[int, int, int], rule: PictureRule
) -> Iterator[tuple[Path, NDArray[np.uint8] | InputError]]:
    """Each file with its picture, or with the reason why it cannot be read, in their order."""
    check_shape(*shape)

    def read(file: Path) -> NDArray[np.uint8] | InputError:
        try:
            return read_picture(file, *shape, rule)
        except InputError as error:
            return error

    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        waiting = iter(files)
        while some := list(islice(waiting, AHEAD)):
            yield from zip(some, pool.map(read, some), strict=True)


def listed(lines: Iterable[str]) -> str:
    """A line each, and how many more there are after `NAMED` of them."""
    found = list(lines)
    more = [f"and {len(found) - NAMED:,} more"] if len(found) > NAMED else []
    return "\n".join(f"  {line}" for line in [*found[:NAMED], *more])


def in_memory(files: Sequence[Path], shape: tuple[int, int, int], rule: PictureRule = USUAL) -> NDArray[np.uint8]:
    """The pictures of files as one array [n, *shape].

    Raises:
        InputError: a picture cannot be read, or there is too little memory for all.
    """
    try:
        images = np.empty((len(files), *shape), np.uint8)
    except (MemoryError, ValueError) as error:
        raise InputError(
            f"{len(files):,} pictures of shape {list(shape)} cannot be held in memory ({error})."
        ) from None
    for place, picture in zip(images, decoded(files, shape, rule), strict=True):
        place[:] = picture
    return images


def with_bar(items: Iterable[T], total: int, title: str) -> Iterator[T]:
    """The items, while a bar on standard error shows how many have been taken, if that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    yield from track(items, title, total, console=console, transient=True, disable=hidden)
