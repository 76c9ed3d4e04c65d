"""A folder on disk or a .tar.gz in memory, read by file name in the same way."""

from __future__ import annotations

import io
import posixpath
import tarfile
from pathlib import Path
from typing import Protocol

from ..errors import DatasetError
from .reading import read_bytes


class Files(Protocol):
    """Named files in one place."""

    def place(self, name: str) -> str:
        """What a message calls the file."""

    def read(self, name: str) -> bytes | None:
        """The whole file; None if there is none of that name."""


class Folder:
    """The files directly in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self, name: str) -> str:
        """What a message calls the file."""
        return str(self._path / name)

    def read(self, name: str) -> bytes | None:
        """The whole file; None if there is none of that name."""
        path = self._path / name
        return read_bytes(path, gzipped=False) if path.exists() else None


class Archive:
    """The files in one folder of a .tar.gz, which is decompressed in memory; nothing is written to the disk.

    Raises:
        DatasetError: the archive is damaged or cut short, or a member is named so as to leave its folder.
    """

    def __init__(self, path: Path, folder: str) -> None:
        self._path = path
        self._content = memoryview(read_bytes(path, gzipped=True))
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            with tarfile.open(fileobj=io.BytesIO(self._content), mode="r:") as tar:
                members = tar.getmembers()
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise DatasetError(f"{path} is no whole tar archive ({error}); get the file again.") from error
        for member in members:
            if _leaves(member):
                raise DatasetError(
                    f"{path} has the member {member.name!r}, which points outside of it; do not use the file."
                )
            parent, name = posixpath.split(posixpath.normpath(member.name))
            if parent in (folder, "") and member.isfile() and not member.issparse():
                self._members[name] = member

    def place(self, name: str) -> str:
        """What a message calls the file."""
        return f"{name} in {self._path}"

    def read(self, name: str) -> bytes | None:
        """The whole file; None if there is none of that name."""
        if (member := self._members.get(name)) is None:
            return None
        content = bytes(self._content[member.offset_data : member.offset_data + member.size])
        if len(content) != member.size:
            raise DatasetError(
                f"{self.place(name)} is cut short: expected {member.size:,} bytes, found {len(content):,}."
            )
        return content


def _leaves(member: tarfile.TarInfo) -> bool:
    """Whether a member, or what it links to, is absolute or climbs out of the archive."""
    if posixpath.isabs(member.name) or ".." in member.name.split("/"):
        return True
    if not (member.issym() or member.islnk()):
        return False
    # A symbolic link is relative to its own folder, a hard link to the archive.
    start = posixpath.dirname(member.name) if member.issym() else ""
    target = posixpath.normpath(posixpath.join(start, member.linkname))
    return posixpath.isabs(target) or target.split("/")[0] == ".."
