"""A safe reader for pickled dicts of arrays: it returns data and calls no function that a file names.

The Python versions of CIFAR are pickles of dicts with uint8 arrays. An ordinary unpickler calls what the file names.
This one accepts only the names that such an array needs, and replaces each with a class of this file, so no
function outside of this file is ever called with arguments from a file.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

from ..errors import DatasetError, printable

#: Types of the items of a list, and of values of the dict that are neither arrays nor lists.
PLAIN = (bytes, str, int)

#: Bounds of what a pickle makes: how deep objects are nested, how many parts they have, and the bits of a number.
DEEPEST, LARGEST_OBJECT, LARGEST_INTEGER = 32, 10_000_000, 1024


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
        _refuse_nesting(content, place)
        value = _DataUnpickler(stream, place).load()
    except DatasetError:
        raise
    except Exception as error:  # Damaged pickles cause almost any exception.
        reason = printable(str(error))
        raise DatasetError(
            f"{place} is not a complete pickle of arrays ({reason}; {len(content):,} bytes found); get it again."
        ) from error
    if surplus := len(stream.read()):
        raise DatasetError(f"{place} is damaged: {surplus:,} bytes follow the end of the pickle.")
    if not isinstance(value, dict):
        raise DatasetError(f"{place} holds a {type(value).__name__} where a dict of arrays was expected.")
    return {_key(key, place): _data(item, place) for key, item in value.items()}


def _refuse_nesting(content: bytes, place: str) -> None:
    """Raise if the pickle makes objects that are nested too deeply, or that would be too large without sharing.

    An object that holds another one twice, which holds a third one twice and so on, is small in the file, and takes for
    ever to compare or to hash. The opcodes are followed with depth and size of each object instead of the object.
    """
    stack: list[tuple[int, int] | None] = []  # depth and size of each object; None for a mark
    memo: dict[int, tuple[int, int]] = {}
    marks = 0  # how many are in it
    for opcode, argument, _ in pickletools.genops(content):
        if isinstance(argument, int) and argument.bit_length() > LARGEST_INTEGER:
            raise DatasetError(f"{place} has a number of {argument.bit_length()} bits, which no data set needs.")
        if opcode.name == "MEMOIZE" or "PUT" in opcode.name:
            memo[len(memo) if argument is None else int(argument)] = stack[-1] or (0, 0)
            continue
        if "GET" in opcode.name:
            stack.append(memo[int(argument or 0)])
            continue
        parts: list[tuple[int, int]] = []
        for kind in reversed(opcode.stack_before):
            if kind is pickletools.stackslice:
                while (part := stack.pop()) is not None:
                    parts.append(part)
            elif kind is not pickletools.markobject:
                parts.append(stack.pop() or (0, 0))
        if pickletools.markobject in opcode.stack_before:
            marks -= 1
        if pickletools.markobject in opcode.stack_after:
            marks += 1
        # What is still open is nested, too: without end, it is refused before it ends.
        depth = max(marks, 1 + max((part[0] for part in parts), default=0))
        size = 1 + sum(part[1] for part in parts)
        if depth > DEEPEST or size > LARGEST_OBJECT:
            raise DatasetError(
                f"{place} holds an object that is nested too deeply for a dict of arrays; do not use it."
            )
        stack += [None if kind is pickletools.markobject else (depth, size) for kind in opcode.stack_after]


def _key(key: Any, place: str) -> str:
    if not isinstance(key, (bytes, str)):
        raise DatasetError(f"{place} has a key of type {type(key).__name__} where names were expected.")
    return key.decode("latin-1") if isinstance(key, bytes) else key


def _data(item: Any, place: str) -> Any:
    if isinstance(item, _Array):
        return item.values
    # Nested lists are refused, because shared references in them could expand without limit.
    if _is_plain(item) or (isinstance(item, list) and all(map(_is_plain, item))):
        return item
    raise DatasetError(f"{place} holds a {type(item).__name__} that is no array, string, number, or list of such.")


def _is_plain(item: Any) -> bool:
    return isinstance(item, PLAIN) and not isinstance(item, bool)  # a truth value is no label


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
        if not (isinstance(kind, _DataType) and isinstance(values, bytes) and isinstance(shape, tuple)):
            raise pickle.UnpicklingError("an array with a state that is not an array's")
        if any(type(side) is not int for side in shape) or len(values) != math.prod(shape):
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
                f"{self._place} asks for {printable(f'{module}.{name}')}, which no data set needs; "
                "nothing was run, do not use the file."
            )
        return KNOWN[module, name]
