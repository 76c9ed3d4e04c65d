"""Files that are there whole or not at all, and their hashes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file under its final name only when it is complete and on the disk."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(final: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that takes the name `final` if the block succeeds, and vanishes if it does not.

    Raises:
        InputError: `final` exists and is not an empty folder, and `force` is not set.
    """
    refuse_existing(final, force=force)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}."))
    try:
        yield partial
        partial.chmod(0o755)
        if final.is_dir():
            old = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.old."))
            os.replace(final, old)  # a folder may replace an empty folder
            os.replace(partial, final)
            shutil.rmtree(old)
        else:
            os.replace(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(folder: Path, *, force: bool, hint: str = "") -> None:
    """Raise unless `folder` is absent, empty, or may be overwritten."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a folder of that name is to be written; choose another name.")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise InputError(f"{folder} already exists; {hint}choose another folder, or give --force to replace it.")
