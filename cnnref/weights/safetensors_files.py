"""Safetensors files: the length of a header, the header in JSON, and the numbers of all tensors, little-endian.

    {"fc.weight": {"dtype": "F32", "shape": [1000, 512], "data_offsets": [0, 2048000]}, "__metadata__": {...}}

The format is described at https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

#: The types as NumPy knows them; bfloat16 is the upper half of a float32.
TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip

#: The length of a header that the format allows.
LONGEST_HEADER = 100_000_000


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors by name; bfloat16 as float32 of the same values.

    Raises:
        InputError: the file is cut short or damaged, or has a type of numbers that NumPy does not know.
    """
    size = path.stat().st_size
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, LONGEST_HEADER):
            raise _damaged(path, f"its header would have {length:,} bytes, and the file has {size:,}")
        header = _header(path, stream.read(length))
        # Mapped, a file takes the memory of the tensors that are used, and a sparse one none.
        numbers = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))[8 + length :]
    found = {name: _tensor(path, name, facts, numbers) for name, facts in header.items()}
    end = 0
    for place, name in sorted((facts["data_offsets"], name) for name, facts in header.items()):
        if place[0] != end:  # as the format says, so that no tensor is another one's
            raise _damaged(path, f"{name!r} begins at byte {place[0]:,}, and the one before it ends at {end:,}")
        end = place[1]
    if end != len(numbers):
        raise _damaged(path, f"its tensors take {end:,} bytes, and {len(numbers):,} are there")
    return found


def _header(path: Path, content: bytes) -> dict[str, Any]:
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no table of tensors")
    header.pop("__metadata__", None)
    return header


def _tensor(path: Path, name: str, facts: Any, numbers: memoryview) -> np.ndarray:
    try:
        kind, shape, (start, end) = facts["dtype"], facts["shape"], facts["data_offsets"]
        count = math.prod(shape)
        if not isinstance(kind, str):
            raise TypeError("a type that is no text")
        whole = all(type(number) is int and number >= 0 for number in (*shape, start, end))
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, f"{name!r} is not described as a tensor") from None
    if kind not in TYPES:
        raise InputError(
            f"{path} has numbers of the type {kind!r} under {name!r}; save it with one of {', '.join(TYPES)}."
        )
    if not whole or end - start != count * np.dtype(TYPES[kind]).itemsize or end > len(numbers):
        raise _damaged(path, f"{name!r} of shape {shape} does not have its numbers in it")
    values = np.frombuffer(numbers, TYPES[kind], count, start).reshape(shape)
    return (values.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else values


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path} is not a complete safetensors file ({why}); get it again.")
