"""A reader for pickles that come from elsewhere: it gives data and calls nothing.

The Python versions of CIFAR are pickles of dicts with uint8 arrays. An unpickler runs what the file names, so
this one knows the four names that such an array takes, and answers each with a stand-in of its own: no
function outside this file is ever called with what a file says.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from ..errors import DatasetError

#: What may stand in a list, or beside arrays as a value of the dict.
PLAIN = (bytes, str, int)


def read_pickle(content: bytes, place: str) -> dict[str, Any]:
    """The dict in a pickle, written by Python 2 or 3.

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
    except Exception as error:  # The unpickler meets damage with almost any exception.
        raise DatasetError(
            f"{place} is no whole pickle of arrays ({error}; {len(content):,} bytes found); get it again."
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
    # One level of lists and no more: nested ones could be made to unfold without end.
    if isinstance(item, PLAIN) or (isinstance(item, list) and all(isinstance(leaf, PLAIN) for leaf in item)):
        return item
    raise DatasetError(f"{place} holds a {type(item).__name__} that is no array, string, number, or list of such.")


# The stand-ins are classes with a `__setstate__`: a pickle can write attributes into anything without one.


class _Bytes(bytes):
    """For `_codecs.encode`, by which old protocols write bytes: a text whose characters are the bytes."""

    def __new__(cls, text: str, encoding: str) -> _Bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
        return super().__new__(cls, text.encode("latin-1"))

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("bytes with a state")


class _DataType:
    """For `numpy.dtype`. The only type is unsigned bytes, for which the rest of the state has no meaning."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of type {code!r} where uint8 was expected")

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """For `numpy.core.multiarray._reconstruct`: an array whose shape and values arrive as its state."""

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
    ("numpy", "ndarray"): "the type that _reconstruct is told to make, which is always this",
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
