"""A safe reader for pickled dicts of arrays: it returns data and calls no function that a file names.

The Python versions of CIFAR are pickles of dicts with uint8 arrays. An ordinary unpickler calls what the file names.
This one accepts only the names that such an array needs, and replaces each with a class of this file, so no
function outside of this file is ever called with arguments from a file.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from ..errors import DatasetError

#: Types of the items of a list, and of values of the dict that are neither arrays nor lists.
PLAIN = (bytes, str, int)


def read_pickle(content: bytes, place: str) -> dict[str, Any]:
    """Read the dict in a pickle that was written by Python 2 or 3.

    Returns:
        Keys as str; values are uint8 arrays, bytes, str, int, or lists of the last three. Python 2's strings
        are bytes.

    Raises:
        DatasetError: the file is cut short or damaged, names a function or class that no array needs, or
            holds anything else than the above. `place` is the file's name in the message.
    """
    stream = io.BytesIO(content)
    try:
        value = _DataUnpickler(stream, place).load()
    except DatasetError:
        raise
    except Exception as error:  # Damaged pickles cause almost any exception.
        raise DatasetError(
            f"{place} is not a complete pickle of arrays ({error}; {len(content):,} bytes found); get it again."
        ) from error
    if surplus := len(stream.read()):
        raise DatasetError(f"{place} is damaged: {surplus:,} bytes follow the end of the pickle.")
    if not isinstance(value, dict):
        raise DatasetError(f"{place} holds a {type(value).__name__} where a dict of arrays was expected.")
    return {_key(key, place): _data(item, place) for key, item in value.items()}


def _key(key: Any, place: str) -> str:
    if not isinstance(key, (bytes, str)):
        raise DatasetError(f"{place} has a key of type {type(key).__name__} where names were expected.")
    return key.decode("latin-1") if isinstance(key, bytes) else key


def _data(item: Any, place: str) -> Any:
    if isinstance(item, _Array):
        return item.values
    # Nested lists are refused, because shared references in them could expand without limit.
    if isinstance(item, PLAIN) or (isinstance(item, list) and all(isinstance(leaf, PLAIN) for leaf in item)):
        return item
    raise DatasetError(f"{place} holds a {type(item).__name__} that is no array, string, number, or list of such.")


# Every replacement has a `__setstate__`, because a pickle could set attributes of a class without one.


class _Bytes(bytes):
    """Replaces `_codecs.encode`, with which old protocols store bytes as a text of as many characters."""

    def __new__(cls, text: str, encoding: str) -> _Bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
        return super().__new__(cls, text.encode("latin-1"))

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("bytes with a state")


class _DataType:
    """Replaces `numpy.dtype`. The only type is unsigned bytes, for which the rest of the state has no meaning."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of type {code!r} where uint8 was expected")

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Replaces `numpy.core.multiarray._reconstruct`: an array whose shape and values are set as its state."""

    values: np.ndarray

    def __init__(self, *_: object) -> None:
        self.values = np.zeros(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _DataType, bool, bytes]) -> None:
        _, shape, kind, fortran, values = state
        if not isinstance(kind, _DataType) or len(values) != math.prod(shape):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(values):,} bytes")
        self.values = np.frombuffer(values, np.uint8).reshape(shape, order="F" if fortran else "C")


KNOWN: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _Bytes,
    ("numpy", "dtype"): _DataType,
    ("numpy", "ndarray"): "the type that _reconstruct is told to make, which is always this one",
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _DataUnpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, place: str) -> None:
        super().__init__(stream, encoding="bytes")
        self._place = place

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise DatasetError(
                f"{self._place} asks for {module}.{name}, which no data set needs; "
                "nothing was run, do not use the file."
            )
        return KNOWN[module, name]
