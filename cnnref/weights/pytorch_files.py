"""PyTorch's files without PyTorch: a pickle of containers and tensors, and the numbers of the tensors beside it.

A file that torch.save has written since 1.6 is a zip archive with the pickle in `NAME/data.pkl` and the numbers of
each storage in `NAME/data/KEY`. An older one is five pickles, one after the other (a magic number, the version, facts
about the machine, the tensors, the keys of the storages), and then for each key the count as int64 and the numbers.

An unpickler runs what a file names. This one knows the few names that tensors and containers take, and answers each
with a stand-in of its own, so nothing else is ever called. A tensor cannot have more numbers than its storage holds,
and a storage no more than the file, so that memory is bounded by the size of the file.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import InputError, printable

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

#: The types of storages as NumPy knows them; bfloat16 is the upper half of a float32.
STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_pytorch(path: Path) -> Any:
    """What a file of PyTorch holds: containers with a `Tensor` in the place of each tensor.

    Raises:
        InputError: the file is cut short or damaged, or holds more than tensors and plain containers.
    """
    with _damage_explained(path):
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)


def values_of(tensor: Tensor, path: Path) -> np.ndarray:
    """The numbers of a tensor of `read_pytorch(path)`; bfloat16 as float32 of the same values.

    Raises:
        InputError: the file is cut short or damaged where they are.
    """
    with _damage_explained(path):
        return tensor.numpy()


@contextlib.contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError):
        raise
    except EOFError:
        raise InputError(f"{path} is not a complete PyTorch checkpoint: it ends too early; get it again.") from None
    except Exception as error:  # an unpickler and a zip archive meet damage with almost any exception
        lines = str(error).strip().splitlines()
        reason = lines[0].rstrip(".") if lines else type(error).__name__
        raise InputError(
            f"{path} is not a complete PyTorch checkpoint ({reason}; {path.stat().st_size:,} bytes); get it again."
        ) from None


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise pickle.UnpicklingError(f"{len(pickles)} entries are called data.pkl")
        base = pickles[0].removesuffix("data.pkl")
        tells_order = f"{base}byteorder" in archive.namelist()
    content = _Numbers(path, base, "<")
    if tells_order and content.entry("byteorder") == b"big":
        content = replace(content, order=">")
    return _Unpickler(io.BytesIO(content.entry("data.pkl")), path, content).load()


@dataclass(frozen=True)
class _Numbers:
    """The entries of an archive. A storage is read when its first tensor is asked for its values."""

    path: Path
    base: str
    order: Literal["<", ">"]

    def entry(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as archive:
            facts = archive.getinfo(self.base + name)
            if facts.compress_type != zipfile.ZIP_STORED:  # torch.save never compresses; a bomb does
                raise pickle.UnpicklingError(f"{facts.filename} is compressed")
            return archive.read(facts)


class Storage:
    """The numbers that one or more tensors look into: [count] of a type."""

    __slots__ = ("_bytes", "_numbers", "count", "key", "kind")

    def __init__(self, kind: str, key: str, count: int, numbers: _Numbers | None) -> None:
        self.kind, self.key, self.count = kind, key, count
        self._numbers = numbers
        self._bytes: bytes | None = None

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a storage with a state")

    @property
    def size(self) -> int:
        """How many bytes the numbers take."""
        return self.count * np.dtype(STORAGES[self.kind]).itemsize

    def fill(self, content: bytes) -> None:
        """Take the numbers, which an old file has behind the tensors."""
        self._bytes = content

    def values(self) -> np.ndarray:
        """The numbers, [count]."""
        order: Literal["<", ">"] = self._numbers.order if self._numbers else "<"
        if self._bytes is None:
            if self._numbers is None:
                raise pickle.UnpicklingError(f"the numbers of storage {self.key} are missing")
            self._bytes = self._numbers.entry(f"data/{self.key}")
        if len(self._bytes) != self.size:
            raise pickle.UnpicklingError(
                f"storage {self.key} has {len(self._bytes):,} bytes and {self.size:,} are named"
            )
        stored = np.frombuffer(self._bytes, np.dtype(STORAGES[self.kind]).newbyteorder(order))
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)


class Tensor:
    """A tensor before its numbers are read: the part of a storage that it looks into."""

    __slots__ = ("_offset", "_shape", "_storage", "_strides")

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> None:
        whole = all(isinstance(number, int) and number >= 0 for number in (offset, *shape, *strides))
        if not isinstance(storage, Storage) or not whole or len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor that is no part of a storage")
        end = offset + 1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if math.prod(shape) and (end > storage.count or math.prod(shape) > storage.count):
            raise pickle.UnpicklingError(f"a tensor of shape {tuple(shape)} in a storage of {storage.count:,} numbers")
        self._storage, self._offset, self._shape, self._strides = storage, offset, tuple(shape), tuple(strides)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a tensor with a state")

    def numpy(self) -> np.ndarray:
        """The tensor as an array; bfloat16 as float32 of the same values."""
        values = self._storage.values()
        if not math.prod(self._shape):
            values = np.zeros(self._shape, values.dtype)
        else:
            steps = [step * values.itemsize for step in self._strides]
            values = as_strided(values[self._offset :], self._shape, steps, writeable=False)
        if self._storage.kind == "BFloat16Storage":
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values


# The stand-ins are classes with a `__setstate__`: a pickle can write attributes into anything without one.


class _Dict(dict[Any, Any]):
    """For OrderedDict, whose state in a file is at most the versions of the modules, which are of no use here."""

    def __setstate__(self, state: object) -> None:
        pass


class _Tuple(tuple[Any, ...]):
    """For torch.Size."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a shape with a state")


class _Kind:
    """For the type of a storage, which is named and never called."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a type with a state")


class _Parameter:
    """For the function that makes a parameter of a tensor: it gives the tensor."""

    def __new__(cls, data: Any, *_: Any) -> Any:
        return data

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a parameter with a state")


KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch", "Size"): _Tuple,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    **{(module, name): _Kind(name) for module in ("torch", "torch.storage") for name in STORAGES},
}


class _Unpickler(pickle._Unpickler):
    """The one that is written in Python: the other takes gigabytes where a damaged file names a high number."""

    def __init__(self, stream: Any, path: Path, numbers: _Numbers | None = None) -> None:
        super().__init__(stream, encoding="utf-8")
        self._path, self._numbers = path, numbers
        self.storages: dict[str, Storage] = {}

    def refuse_bytes(self) -> None:
        """Stands for the instruction that takes the memory of an array of bytes before it reads it."""
        raise pickle.UnpicklingError("an array of bytes, which no tensor is made of")

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: refuse_bytes}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise InputError(
                f"{self._path} holds more than tensors, and nothing of it was run (it asks for "
                f"{printable(f'{module}.{name}')}); write its state_dict() alone into a file and give that."
            )
        return KNOWN[module, name]

    def persistent_load(self, identity: Any) -> Any:
        """A storage: ("storage", type, key, device, count), in old files with what part of another storage it is."""
        word, kind, key, _, count, *view = identity
        if word == "module":  # a class with its source, from before 0.4
            return kind
        if word != "storage" or not isinstance(kind, _Kind) or not isinstance(count, int) or count < 0:
            raise pickle.UnpicklingError("a storage that is not described as one")
        if any(view):
            raise pickle.UnpicklingError("a storage that is part of another one; save it again with a newer PyTorch")
        found = self.storages.setdefault(str(key), Storage(kind.name, str(key), count, self._numbers))
        if (found.kind, found.count) != (kind.name, count):
            raise pickle.UnpicklingError(f"storage {key} is described in two ways")
        return found


def _read_legacy(path: Path) -> Any:
    if path.stat().st_size == 0:
        raise pickle.UnpicklingError("it is empty")
    # Mapped, a file gives what it has, where reading takes the memory for what a damaged one asks for.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
        magic, version, _ = (_Unpickler(stream, path).load() for _ in range(3))
        if (magic, version) != (MAGIC, PROTOCOL):
            raise pickle.UnpicklingError("it does not begin as one")
        unpickler = _Unpickler(stream, path)
        content = unpickler.load()
        for key in _Unpickler(stream, path).load():
            storage = unpickler.storages[str(key)]
            count = int.from_bytes(stream.read(8), "little")
            if count != storage.count:
                raise pickle.UnpicklingError(f"storage {key} has {count:,} numbers and {storage.count:,} are named")
            storage.fill(stream.read(storage.size))
    return content
