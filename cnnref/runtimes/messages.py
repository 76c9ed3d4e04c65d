"""What a process and its child say to each other: JSON with arrays, and nothing that could be run.

A message is two lengths, a JSON object, and the bytes of the arrays that the object describes under "arrays".
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: The most bytes of the JSON object, and of all arrays together.
LARGEST_OBJECT, LARGEST_ARRAYS = 64 << 20, 1 << 30

_LENGTHS = struct.Struct(">QQ")


class DamagedMessageError(ValueError):
    """What was read is no message."""


def send(stream: IO[bytes], content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a message.

    Raises:
        OSError: the other side is gone.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    described = {name: [array.dtype.name, list(array.shape)] for name, array in whole.items()}
    head = json.dumps({**content, "arrays": described}).encode()
    stream.write(_LENGTHS.pack(len(head), sum(array.nbytes for array in whole.values())))
    stream.write(head)
    for array in whole.values():
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """Read a message; None at the end of the stream.

    Raises:
        DamagedMessageError: it is none, or larger than the bounds.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    of_head, of_arrays = _LENGTHS.unpack(lengths)
    if of_head > LARGEST_OBJECT or of_arrays > LARGEST_ARRAYS:
        raise DamagedMessageError(f"it has {of_head + of_arrays:,} bytes")
    head, rest = stream.read(of_head), stream.read(of_arrays)
    if len(head) < of_head or len(rest) < of_arrays:
        return None
    try:
        content = json.loads(head)
        arrays: dict[str, NDArray[Any]] = {}
        start = 0
        for name, (dtype, shape) in content.pop("arrays").items():
            kind = np.dtype(dtype)
            if kind.kind not in "fiub" or not all(type(size) is int and size >= 0 for size in shape):
                raise ValueError(f"an array of {dtype}")
            count = math.prod(shape)
            arrays[name] = np.frombuffer(rest, kind, count, start).reshape(shape).copy()
            start += count * kind.itemsize
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedMessageError(str(error)) from None
    return content, arrays
