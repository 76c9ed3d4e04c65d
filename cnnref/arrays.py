"""Reading .npz files that nobody vouches for: every size is checked against the file before memory is asked for."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, printable
from .files import read_regular

#: Bytes of the largest .npz file that is read, and of all its arrays together.
LARGEST_FILE, LARGEST_CONTENT = 4 << 30, 8 << 30

#: Deflate makes nothing more than this many times smaller.
DEFLATE_LIMIT = 1032


def read_npz(
    path: Path, names: Iterable[str] | None = None, *, error: type[InputError] = InputError
) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, all or the named ones. Pickled objects are refused, nothing is executed.

    Args:
        path: the file, as `numpy.savez` writes it.
        names: the arrays that it must have; None reads all.
        error: the kind of `InputError` that is raised.

    Raises:
        InputError: the file is not a complete zip archive of plain arrays, or one of the named is missing; the message
            names file and array.
        OSError: the file cannot be read.
    """
    content = read_regular(path, LARGEST_FILE, "file of arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive, path, error)
            wanted = list(members) if names is None else list(names)
            if missing := [name for name in wanted if name not in members]:
                found = printable(", ".join(members) or "nothing")
                raise error(f"{path} has no array {printable(missing[0])}; it holds {found}.")
            return {name: _array(archive, members[name], path, error) for name in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as damage:
        raise error(f"{path} is not a complete .npz file ({printable(str(damage))}); get the file again.") from None


def _members(archive: zipfile.ZipFile, path: Path, error: type[InputError]) -> dict[str, zipfile.ZipInfo]:
    """The members by the names of their arrays."""
    found: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for member in archive.infolist():
        name = printable(member.filename)
        total += member.file_size
        if member.filename.removesuffix(".npy") in found:
            raise error(f"{path} has two members {name}; do not use the file.")
        if member.file_size > DEFLATE_LIMIT * member.compress_size + 1024 or total > LARGEST_CONTENT:
            raise error(
                f"{path} says that {name} has {member.file_size:,} bytes, which it cannot hold; do not use the file."
            )
        found[member.filename.removesuffix(".npy")] = member
    return found


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, error: type[InputError]) -> NDArray[Any]:
    """One array, whose header must fit the bytes that follow it."""
    where = f"{printable(member.filename.removesuffix('.npy'))} in {path}"
    try:
        content = archive.read(member)
        if len(content) != member.file_size:
            raise ValueError(f"it has {len(content):,} bytes, and {member.file_size:,} by the list of members")
        stream = io.BytesIO(content)
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        left, needed = len(content) - stream.tell(), math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        if needed != left:
            raise ValueError(f"shape {list(shape)} of {dtype} has {needed:,} bytes, and {left:,} follow")
        stream.seek(0)
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as damage:  # a damaged header raises almost anything
        raise error(
            f"{where} is damaged or not a plain array ({printable(str(damage))}); get the file again."
        ) from None
    return array
