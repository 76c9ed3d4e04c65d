"""Pictures that stay in a file: uint8 [n, height, width, channels], of which only what is asked for is in memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .errors import DatasetError

#: Pictures that are copied at a time where a whole part is asked for.
CHUNK = 256


class StoredPictures:
    """The pictures of an .npy file, or a part of them. Indexing it like an array gives an array that is a copy.

    The file is mapped into memory for each access and let go afterwards, so that what has been read does not count as
    memory of this process. It stays open, so that a file that takes its name changes nothing.

    Args:
        path: an .npy file of uint8 [n, height, width, channels] in C order.

    Raises:
        DatasetError: the file is something else, or has another size than it says.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, path: Path) -> None:
        self._stream = open(path, "rb")  # noqa: SIM115 - it stays open as long as the pictures are used
        try:
            if npy.read_magic(self._stream) != (1, 0):
                raise ValueError("another version")
            shape, in_columns, dtype = npy.read_array_header_1_0(self._stream)
            if in_columns or dtype != np.uint8 or len(shape) != 4:
                raise ValueError(f"{dtype} {list(shape)}")
            self._offset = self._stream.tell()
            if os.fstat(self._stream.fileno()).st_size != self._offset + int(np.prod(shape, dtype=np.int64)):
                raise ValueError("another size than its header says")
        except ValueError as error:
            self._stream.close()
            raise DatasetError(f"{path} does not hold pictures ({error}); remove it, and it is made anew.") from None
        self._whole = shape
        self._rows: NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[n, height, width, channels]."""
        return (len(self), *self._whole[1:])

    @property
    def size(self) -> int:
        """The number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self._whole[0] if self._rows is None else len(self._rows)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        """The pictures of an index, a slice, an array of indices or a mask, copied out of the file."""
        rows = index if self._rows is None else self._rows[index]
        mapped = mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)  # ends with the last view of it
        if len(mapped) != self._offset + int(np.prod(self._whole, dtype=np.int64)):
            raise DatasetError(f"{self._stream.name} was changed while it was in use; start again.")
        whole = np.frombuffer(mapped, np.uint8, offset=self._offset) if self._whole[0] else np.zeros(0, np.uint8)
        found: NDArray[np.uint8] = np.array(whole.reshape(self._whole)[rows])
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All pictures in memory, for what can work on arrays alone."""
        found = np.empty(self.shape, np.uint8)
        for start in range(0, len(self), CHUNK):
            found[start : start + CHUNK] = self[start : start + CHUNK]
        return found if dtype is None else found.astype(dtype)

    def part(self, chosen: NDArray[np.bool_]) -> StoredPictures:
        """The pictures of a mask [n], which stay in the file."""
        other = object.__new__(StoredPictures)
        other._stream, other._offset, other._whole = self._stream, self._offset, self._whole
        other._rows = np.flatnonzero(chosen) if self._rows is None else self._rows[chosen]
        return other


#: What a data set has its pictures in.
ImageSource = np.ndarray | StoredPictures


def part_of(pictures: ImageSource, chosen: NDArray[np.bool_]) -> ImageSource:
    """The pictures of a mask [n], where they are: in memory, or in their file."""
    return pictures.part(chosen) if isinstance(pictures, StoredPictures) else pictures[chosen]


def write_pictures(path: Path, shape: tuple[int, int, int], count: int, pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Write `count` pictures of a shape as one .npy file, one after the other."""
    header = {"descr": npy.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": (count, *shape)}
    with open(path, "wb") as stream:
        npy.write_array_header_1_0(stream, header)
        for picture in pictures:
            stream.write(np.ascontiguousarray(picture, np.uint8).tobytes())
        stream.flush()
        os.fsync(stream.fileno())
