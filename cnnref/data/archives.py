"""Reading bytes: a plain or gzip file, and the files in a folder or in a .tar.gz by name."""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
import zlib
from pathlib import Path
from typing import Protocol

from ..errors import DatasetError, InputError, printable
from ..files import read_regular

#: Bytes of the largest file of a data set, compressed or not: CIFAR's archives have 186 million when they are unpacked.
LARGEST = 1 << 30


def read_bytes(path: Path, *, gzipped: bool, most: int = LARGEST) -> bytes:
    """The whole content of a file; a gzip file is decompressed, and its length and checksum are verified.

    Raises:
        DatasetError: the file cannot be read, is no regular file, has more than `most` bytes (packed or unpacked), or
            is not a complete gzip file.
    """
    try:
        content = read_regular(path, most, "file of a data set")
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error}).") from None
    except InputError as error:
        raise DatasetError(str(error)) from None
    if not gzipped:
        return content
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(most + 1)
            if len(unpacked) > most:
                raise DatasetError(f"{path} unpacks to more than {most:,} bytes; do not use the file.")
            return unpacked
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(
            f"{path} is not a complete gzip file: {error} ({len(content):,} bytes found); get the file again."
        ) from error


class Files(Protocol):
    """Files that are read by name."""

    def place(self, name: str) -> str:
        """The name of the file for messages."""

    def read(self, name: str) -> bytes | None:
        """The whole content of a file; None if there is no file of that name."""


class Folder:
    """The files directly in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self, name: str) -> str:
        """The name of the file for messages."""
        return str(self._path / name)

    def read(self, name: str) -> bytes | None:
        """The whole content of a file; None if there is no file of that name."""
        path = self._path / name
        return read_bytes(path, gzipped=False) if path.exists() else None


class Archive:
    """The files in one folder of a .tar.gz, which is decompressed in memory; nothing is written to the disk.

    Raises:
        DatasetError: the archive is damaged or cut short, or the path of a member leads out of the archive.
    """

    def __init__(self, path: Path, folder: str) -> None:
        self._path = path
        self._content = memoryview(read_bytes(path, gzipped=True))
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(self._content), mode="r:") as tar:
                members = tar.getmembers()
        except Exception as error:  # the sizes of a damaged header make almost any exception
            reason = printable(str(error))
            raise DatasetError(f"{path} is not a complete tar archive ({reason}); get the file again.") from error
        for member in members:
            if _leads_outside(member):
                name = printable(member.name)
                raise DatasetError(f"{path} has the member {name!r}, which points outside of it; do not use the file.")
            parent, name = posixpath.split(posixpath.normpath(member.name))
            if parent in (folder, "") and member.isfile() and not member.issparse():
                if name in self._members:
                    raise DatasetError(f"{path} has two members {printable(name)!r}; do not use the file.")
                self._members[name] = member

    def place(self, name: str) -> str:
        """The name of the file for messages."""
        return f"{name} in {self._path}"

    def read(self, name: str) -> bytes | None:
        """The whole content of a file; None if there is no file of that name."""
        if (member := self._members.get(name)) is None:
            return None
        content = bytes(self._content[member.offset_data : member.offset_data + member.size])
        if len(content) != member.size:
            raise DatasetError(
                f"{self.place(name)} is cut short: expected {member.size:,} bytes, found {len(content):,}."
            )
        return content


def _leads_outside(member: tarfile.TarInfo) -> bool:
    """Whether the path of a member, or of the target of a link, is absolute or leads out of the archive."""
    if posixpath.isabs(member.name) or ".." in member.name.split("/"):
        return True
    if not (member.issym() or member.islnk()):
        return False
    # A symbolic link is relative to its own folder, a hard link to the archive.
    start = posixpath.dirname(member.name) if member.issym() else ""
    target = posixpath.normpath(posixpath.join(start, member.linkname))
    return posixpath.isabs(target) or target.split("/")[0] == ".."
