"""Writing files and folders so that a failure leaves nothing half-written, and the hashes of files."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import InputError, option, printable

#: Ends the name of what is not finished; only this package removes what is named so.
PARTIAL = ".partial"

#: Of the Linux kernel: paths are relative to the working folder, and two names change places.
_WORKING_FOLDER, _EXCHANGE = -100, 2


#: The most characters of the name of a recipe, a run or a bundle; and of a class.
LONGEST_NAME, LONGEST_LABEL = 100, 500


def named(given: object, what: str) -> str | Path:
    """The name or the path that a caller gives; of a bundle or a run, which know their folder, that folder.

    Args:
        given: by the caller, of whatever type.
        what: is named, for the message, such as "A bundle".

    Raises:
        InputError: it is no text and no path.
    """
    place = getattr(given, "folder", given)
    if isinstance(place, str | Path):
        return place
    raise InputError(f"{what} is given by its name or its path, and not by an object of {type(given).__name__}.")


def check_name(name: str, what: str) -> None:
    """Refuse what cannot be the name of a file or folder everywhere, or would lead out of the folder it is put in.

    Args:
        name: what somebody or some file calls it.
        what: a word for the messages, such as "a recipe".

    Raises:
        InputError: the name is empty or longer than `LONGEST_NAME` characters, begins with a dot, or has a slash, a
            backslash, a colon, or a character that is not shown.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputError(f"The name of {what} has {len(name)} characters; give one of 1 to {LONGEST_NAME}.")
    if name.startswith(".") or set(name) & set("/\\:") or printable(name) != name or name != name.strip():
        raise InputError(
            f"{printable(name)!r} cannot be the name of {what}, which becomes a file or folder: it may not begin with "
            "a dot, begin or end with a space, or have a slash, a backslash, a colon or a hidden character."
        )


def check_labels(labels: Sequence[str], where: str) -> None:
    """Refuse names of classes that could not stand in a list with one name a line, or not be told apart.

    Args:
        labels: the names in their order.
        where: what has them, for the message.

    Raises:
        InputError: a name is empty, begins or ends with a space, is longer than `LONGEST_LABEL` characters, or has a
            character that is not shown; or two classes have one name.
    """
    for index, label in enumerate(labels):
        plain = printable(label, LONGEST_LABEL) == label == label.strip()
        if not plain or not label:
            raise InputError(
                f"Class {index} of {where} is called '{printable(label)}'; the name of a class is one line of at most "
                f"{LONGEST_LABEL} characters, without a space at its ends and without hidden characters."
            )
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InputError(f"{where} has two classes called '{twice}'; give each class a name of its own.")


def sha256_of(path: Path, most: int | None = None, what: str = "file") -> str:
    """SHA-256 of a regular file, in hexadecimal.

    Raises:
        InputError: it is a pipe, a device or a folder, or larger than `most` bytes, where that is given; the message
            calls it `what`.
        OSError: it is missing or cannot be read.
    """
    with _opened(path, most, what) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file under its final name only when it is complete and on the disk.

    Raises:
        OSError: the file cannot be written; the error names `path`, and what stood there before stands there still.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = _unfinished(path)
    try:
        _make_folder(path.parent)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    """A new name beside `path` for what is not finished.

    It is known before anything has it, so that what has it is removed at whatever moment a signal comes.
    """
    return path.parent / f".{path.name[:100]}.{secrets.token_hex(6)}{PARTIAL}"


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; a file in the way is named."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{place.name} is a file and no folder", str(place))
    folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def whole_folder(final: Path, *, force: bool = False, marker: str = "") -> Iterator[Path]:
    """Yield an empty folder that takes the name `final` if the block succeeds, and vanishes if it does not.

    While the block runs, no other process writes `final`. What an earlier process that was killed has left of the same
    folder is removed. A folder that is replaced stands under its name until the new one does.

    Raises:
        InputError: `final` may not be replaced, see `refuse_existing`, or another process is writing it.
    """
    with only_writer(final):
        refuse_existing(final, force=force, marker=marker)
        _make_folder(final.parent)
        remove_partial(final.parent, final.name)
        partial = _unfinished(final)
        try:
            partial.mkdir(mode=0o700)
            yield partial
            partial.chmod(0o755)
            if final.is_dir() and not _exchange(partial, final):
                old = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name[:100]}.", suffix=PARTIAL))
                os.replace(final, old)  # a folder may replace an empty folder
                os.replace(partial, final)
                shutil.rmtree(old)
            elif not final.is_dir():
                os.replace(partial, final)
        finally:
            _remove(partial)


def _remove(folder: Path) -> None:
    """Remove an unfinished folder, whatever signal comes meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change names in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # not Linux, or an old C library
        return False
    paths = (_WORKING_FOLDER, os.fsencode(one), _WORKING_FOLDER, os.fsencode(other))
    return bool(rename(*paths, _EXCHANGE) == 0)


def remove_partial(folder: Path, name: str = "") -> None:
    """Remove the unfinished files and folders that a killed process has left: all, or those that were to be `name`.

    Only a process that holds the lock of the folder or file may do so (see `only_writer`).
    """
    for each in folder.glob(f".*{PARTIAL}"):
        if each.name.startswith(f".{name[:100]}.") if name else True:
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where this package keeps what it can make or fetch again: ~/.cache/cnnref, or below XDG_CACHE_HOME."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnnref"


@contextlib.contextmanager
def only_writer(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder, so that two processes of this user do not write it at the same time.

    The lock is a file in the user's temporary folder, not beside the folder, and ends with the process that holds it.
    With `wait`, the block begins when the other process has ended.

    Raises:
        InputError: another process holds it, and it is not waited for; or somebody else has made the folder of locks.
    """
    locks = Path(tempfile.gettempdir()) / f"cnnref-locks-{os.getuid() if hasattr(os, 'getuid') else ''}"
    locks.mkdir(mode=0o700, exist_ok=True)
    if locks.is_symlink() or (hasattr(os, "getuid") and locks.stat().st_uid != os.getuid()):
        raise InputError(f"{locks}, for locks, was made by somebody else; have it removed, or name another TMPDIR.")
    name = hashlib.sha256(os.path.realpath(folder).encode(errors="surrogateescape")).hexdigest()[:32]
    lock = FileLock(locks / f"{name}.lock")
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise InputError(
            f"{folder} is being written by another process; wait for it, or choose another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()


def read_regular(path: Path, most: int, what: str = "file") -> bytes:
    """The bytes of a regular file, or of what a link to one points to.

    Args:
        path: the file.
        most: the most bytes it may have.
        what: what the message calls the file.

    Raises:
        InputError: it is a pipe, a device or a folder, or larger than `most` bytes.
        OSError: it is missing or cannot be read.
    """
    with _opened(path, most, what) as stream:
        return stream.read(most)


#: The most bytes of a text, such as a list of labels.
LARGEST_TEXT = 64 << 20


def read_text(path: Path, what: str = "text") -> str:
    """A regular file of UTF-8 text of at most 64 MB; see `read_regular`.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
    """
    return read_regular(path, LARGEST_TEXT, what).decode("utf-8")


@contextlib.contextmanager
def _opened(path: Path, most: int | None, what: str) -> Iterator[io.BufferedReader]:
    """A regular file of at most `most` bytes, open for reading."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer must not block
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is no regular file, so it is not read; give a {what}.")
        if most is not None and found.st_size > most:
            raise InputError(f"{path} has {found.st_size:,} bytes, and a {what} has at most {most:,}; it is not read.")
        yield stream


def check_place(path: Path) -> None:
    """Raise InputError unless a file or folder could be made at `path`, before time is spent on what is to be there."""
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir():
        raise InputError(f"{path} cannot be written, because {place} is a file and no folder; choose another name.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be written, because {place} is read-only for you; choose another folder.")


def refuse_existing(folder: Path, *, force: bool, marker: str = "", hint: str = "") -> None:
    """Raise unless `folder` is absent, empty, or may be replaced.

    It may be replaced with `force`, and only if it holds the file `marker`: a slip of the finger must not cost
    somebody another folder.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a folder of that name is to be written; choose another name.")
    if not folder.is_dir():
        check_place(folder)
        return
    if not any(folder.iterdir()):
        return
    if not force:
        raise InputError(
            f"{folder} already exists; {hint}choose another folder, or give {option('force', True)} to replace it."
        )
    if marker and not (folder / marker).is_file():
        raise InputError(
            f"{folder} has no {marker}, so {option('force', True)} does not replace it; choose another folder."
        )
