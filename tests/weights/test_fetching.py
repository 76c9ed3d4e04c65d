"""Fetching, against a server on loopback that breaks off, lies about the length, or sends another file."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnnref.errors import InputError
from cnnref.weights.catalogue import Weights, weights
from cnnref.weights.fetching import Place, fetch, find

CONTENT = bytes(range(256)) * 12_000  # three blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Gives CONTENT as `behaviour` says, and takes down what it was asked."""

    content, behaviour = CONTENT, "honest"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        behaviour, content = self.server.behaviour, self.server.content
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and behaviour != "no ranges" else 0
        if behaviour == "absent":
            return self.send_error(404)
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            return self.end_headers()
        sent = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(sent) + (1000 if behaviour == "says more" else 0)))
        self.end_headers()
        if len(self.server.ranges) < {"breaks": 3, "no ranges": 2}.get(behaviour, 0):
            sent = sent[: len(sent) // 2]
        if behaviour == "always breaks":
            sent = b""
        with contextlib.suppress(ConnectionError):
            self.wfile.write(sent)
        self.close_connection = True
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def entry(server: Server) -> Weights:
    url = f"http://127.0.0.1:{server.server_port}/models/resnet50-{SHA256[:8]}.pth"
    return replace(weights("resnet50"), url=url, digest=("sha256", SHA256[:8]))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=None, cache=tmp_path / "cache")


def left(place: Place) -> list[str]:
    return sorted(path.name for path in place.cache.iterdir() if path.suffix != ".lock")


def test_a_file_is_fetched_once_and_found_from_then_on(entry: Weights, place: Place, server: Server) -> None:
    assert find(entry, place) is None
    told: list[str] = []
    path = fetch(entry, place, tell=told.append)
    assert path.read_bytes() == CONTENT
    assert left(place) == [entry.file]
    assert "2.9 of 2.9 MB" in told[-1]
    assert fetch(entry, place) == find(entry, place) == path
    assert server.ranges == [None]


@pytest.mark.parametrize("behaviour", ["breaks", "no ranges"])
def test_a_transfer_that_breaks_off_goes_on_or_begins_again(
    entry: Weights, place: Place, server: Server, behaviour: str
) -> None:
    server.behaviour = behaviour
    assert fetch(entry, place).read_bytes() == CONTENT
    assert len(server.ranges) == {"breaks": 3, "no ranges": 2}[behaviour]
    assert server.ranges[1] == f"bytes={len(CONTENT) // 2}-"


def test_what_an_interrupted_command_left_is_gone_on_with(entry: Weights, place: Place, server: Server) -> None:
    place.cache.mkdir()
    (place.cache / f"{entry.file}.part").write_bytes(CONTENT[:1000])
    assert fetch(entry, place).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_a_part_that_is_whole_already_gets_its_name(entry: Weights, place: Place, server: Server) -> None:
    place.cache.mkdir()
    (place.cache / f"{entry.file}.part").write_bytes(CONTENT)
    assert fetch(entry, place).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_longer_than_the_file_is_dropped(entry: Weights, place: Place, server: Server) -> None:
    place.cache.mkdir()
    (place.cache / f"{entry.file}.part").write_bytes(CONTENT + b"more")
    assert fetch(entry, place).read_bytes() == CONTENT
    assert len(server.ranges) == 2


def sentence(entry: Weights, place: Place, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        fetch(entry, place, **options)
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in (entry.name, entry.url, SHA256[:8], str(place.folder or place.cache)))
    return message


def test_another_file_is_refused_and_nothing_of_it_is_kept(entry: Weights, place: Place, server: Server) -> None:
    server.content = CONTENT[:-1] + b"x"
    assert "has sent another file" in sentence(entry, place)
    assert left(place) == []


def test_a_part_of_another_file_does_not_spoil_the_next_attempt(entry: Weights, place: Place, server: Server) -> None:
    place.cache.mkdir()
    (place.cache / f"{entry.file}.part").write_bytes(b"x" * 1000)
    assert "has sent another file" in sentence(entry, place)
    assert fetch(entry, place).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_a_server_that_promises_more_than_it_has_is_told(entry: Weights, place: Place, server: Server) -> None:
    server.behaviour = "says more"
    message = sentence(replace(entry, digest=("sha256", "0" * 8 + SHA256[:8])), place)
    assert "1000 more expected" in message or "has sent another file" in message


@pytest.mark.parametrize(("behaviour", "why"), [("absent", "Not Found"), ("always breaks", "more expected")])
def test_a_server_that_does_not_give_the_file_is_told(
    entry: Weights, place: Place, server: Server, behaviour: str, why: str
) -> None:
    server.behaviour = behaviour
    assert why in sentence(entry, place)
    assert left(place) == []


def test_without_a_network_the_sentence_says_where_to_put_the_file(
    entry: Weights, place: Place, server: Server
) -> None:
    nobody = replace(entry, url="http://127.0.0.1:9/resnet50.pth")
    assert "cannot be fetched from" in sentence(nobody, place)
    assert "nothing may be fetched" in sentence(entry, replace(place, offline=True))
    assert server.ranges == []


def test_the_users_folder_comes_first_and_its_file_is_checked(
    entry: Weights, place: Place, server: Server, tmp_path: Path
) -> None:
    mine = replace(place, folder=tmp_path / "mine")
    mine.folder.mkdir()
    (mine.folder / entry.file).write_bytes(CONTENT)
    assert fetch(entry, mine) == mine.folder / entry.file
    (mine.folder / entry.file).write_bytes(CONTENT[:-10])
    assert "is not the file that" in sentence(entry, mine)
    assert server.ranges == []


def test_a_mirror_stands_in_for_the_address(entry: Weights, place: Place, server: Server) -> None:
    elsewhere = replace(entry, url=f"https://nowhere.invalid/models/{entry.file}")
    mirror = f"http://127.0.0.1:{server.server_port}/mirror/"
    assert fetch(elsewhere, replace(place, mirror=mirror)).read_bytes() == CONTENT


def test_two_processes_fetch_one_file_once(entry: Weights, place: Place, server: Server) -> None:
    threads = [threading.Thread(target=fetch, args=(entry, place)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (place.cache / entry.file).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_disk_that_takes_nothing_is_told_in_one_sentence(entry: Weights, place: Place, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert "make room there" in sentence(entry, place)


def test_the_environment_names_folder_mirror_and_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("", str(tmp_path)), ("_MIRROR", "https://mirror.example/")):
        monkeypatch.setenv(f"CNNREF_WEIGHTS{name}", value)
    monkeypatch.setenv("CNNREF_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    cache = tmp_path / "x" / "cnnref" / "weights"
    assert Place.of_environment() == Place(tmp_path, cache, "https://mirror.example/", offline=True)


def test_the_installed_package_gives_lite0_without_a_network(lite0_file: Path, place: Place) -> None:
    assert fetch(weights("efficientnet_lite0"), replace(place, offline=True)) == lite0_file
