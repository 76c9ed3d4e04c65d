"""Writing files and folders so that a failure leaves nothing half-written, and the hashes of files."""

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
def whole_folder(final: Path, *, force: bool = False, marker: str = "") -> Iterator[Path]:
    """Yield an empty folder that takes the name `final` if the block succeeds, and vanishes if it does not.

    Raises:
        InputError: `final` may not be replaced, see `refuse_existing`.
    """
    refuse_existing(final, force=force, marker=marker)
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


def refuse_existing(folder: Path, *, force: bool, marker: str = "", hint: str = "") -> None:
    """Raise unless `folder` is absent, empty, or may be replaced.

    It may be replaced with `force`, and only if it holds the file `marker`: a slip of the finger must not cost
    somebody another folder.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a folder of that name is to be written; choose another name.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not force:
        raise InputError(f"{folder} already exists; {hint}choose another folder, or give --force to replace it.")
    if marker and not (folder / marker).is_file():
        raise InputError(f"{folder} has no {marker}, so --force does not replace it; choose another folder.")
