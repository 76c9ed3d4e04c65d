"""The IDX format of MNIST: two zero bytes, the type, the rank, the sizes as big-endian uint32, and the values."""

from __future__ import annotations

import math
import struct

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
