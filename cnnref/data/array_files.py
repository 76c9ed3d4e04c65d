"""The two file formats of MNIST: IDX, and NumPy's .npz.

An IDX file has two zero bytes, the type, the rank, the sizes as big-endian uint32, and the values. In an .npz file only
plain arrays are read, each to its end, so that its checksum is verified.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import DatasetError

UINT8 = 0x08


def parse_idx(content: bytes, rank: int, place: str) -> np.ndarray:
    """The array in an IDX file of unsigned bytes.

    Args:
        content: the whole file, decompressed.
        rank: the number of dimensions that it must have: 1 for labels, 3 for images.
        place: the name of the file for messages.

    Returns:
        uint8, read-only, of the shape that the header states.

    Raises:
        DatasetError: the magic number is wrong, or the file is not exactly as long as its header says.
    """
    header = 4 + 4 * rank
    if len(content) < header:
        raise DatasetError(
            f"{place} is cut short: expected an IDX header of {header} bytes, found {len(content)} bytes."
        )
    magic, *shape = struct.unpack_from(f">{1 + rank}I", content)
    if magic != (UINT8 << 8 | rank):
        raise DatasetError(
            f"{place} is not the IDX file it should be: expected magic number 0x{UINT8 << 8 | rank:08x} "
            f"(unsigned bytes, rank {rank}), found 0x{magic:08x}."
        )
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise DatasetError(
            f"{place} is damaged or cut short: its header states {'x'.join(map(str, shape))} values, so "
            f"expected {expected:,} bytes, found {len(content):,}."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_npz(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file. Pickled objects are refused.

    Raises:
        DatasetError: the file is not a complete zip archive, or one of the arrays is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _read_array(archive, name, path) for name in names}
    except DatasetError:
        raise
    except Exception as error:  # Damaged files cause almost any exception, here and below.
        raise DatasetError(f"{path} is not a complete .npz file ({error}); get the file again.") from error


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    members = archive.namelist()
    if f"{name}.npy" not in members:
        found = ", ".join(member.removesuffix(".npy") for member in members) or "nothing"
        raise DatasetError(f"{path} has no array {name}; it holds {found}.")
    try:
        stream = io.BytesIO(archive.read(f"{name}.npy"))
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:
        raise DatasetError(
            f"{name} in {path} is damaged or not a plain array ({error}); get the file again."
        ) from error
    if surplus := len(stream.read()):
        raise DatasetError(f"{name} in {path} is damaged: {surplus:,} bytes follow the end of the array.")
    return array
