"""Writing files and folders: a failure leaves nothing half-written."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.files import (
    check_labels,
    check_place,
    named,
    only_writer,
    read_regular,
    read_text,
    refuse_existing,
    sha256_of,
    whole_folder,
    write_whole,
)
from cnnref.training import Run


def contents(folder: Any) -> Any:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def fail(*_: Any) -> None:
    raise OSError("No space left on device")


@pytest.mark.parametrize("content", ["ä text\n", b"\x00bytes", ""])
def test_a_written_file_has_its_content_and_makes_its_folder(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "new" / "deep" / "file"
    write_whole(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Any
) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert contents(tmp_path) == {"file": "old"}


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file/new", "file/deep/new"):
        with pytest.raises(NotADirectoryError, match="file is a file and no folder") as refusal:
            write_whole(tmp_path / name, "text")
        assert refusal.value.filename == str(tmp_path / name)


def test_a_folder_takes_its_name_when_the_block_has_succeeded(tmp_path: Path) -> None:
    final = tmp_path / "parent" / "final"
    with whole_folder(final) as partial:
        (partial / "a").write_text("1")
        assert not final.exists()
    assert contents(final) == {"a": "1"}
    assert stat.S_IMODE(final.stat().st_mode) == 0o755
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_folder_whose_block_fails_leaves_nothing(tmp_path: Path, error: Any) -> None:
    with pytest.raises(type(error)), whole_folder(tmp_path / "final") as partial:  # noqa: PT012
        (partial / "a").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "a").write_text("old")
    with pytest.raises(InputError, match=r"final already exists; .*force=True"), whole_folder(tmp_path / "final"):
        pytest.fail("the block must not run")
    assert contents(tmp_path / "final") == {"a": "old"}
    assert len(list(tmp_path.iterdir())) == 1


def test_force_replaces_the_folder_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "old").write_text("old")
    with whole_folder(tmp_path / "final", force=True) as partial:
        (partial / "new").write_text("new")
        assert contents(tmp_path / "final") == {"old": "old"}
    assert contents(tmp_path / "final") == {"new": "new"}
    assert len(list(tmp_path.iterdir())) == 1


def test_force_keeps_the_old_folder_if_the_block_fails(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "old").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "final", force=True):
        raise RuntimeError
    assert contents(tmp_path / "final") == {"old": "old"}
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_folder_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    with whole_folder(tmp_path / "final") as partial:
        (partial / "a").write_text("1")
    assert contents(tmp_path / "final") == {"a": "1"}


@pytest.mark.parametrize("force", [False, True])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, force: Any) -> None:
    (tmp_path / "final").write_text("precious")
    with pytest.raises(InputError, match="final is a file"), whole_folder(tmp_path / "final", force=force):
        pytest.fail("the block must not run")
    assert contents(tmp_path) == {"final": "precious"}


def test_the_refusal_carries_the_hint_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="continue it with --resume, choose another"):
        refuse_existing(tmp_path, force=False, hint="continue it with --resume, ")


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    write_whole(tmp_path / "file", content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


#: Writes the folder of the first argument, says so, and waits for a line.
WRITER = """
import sys
from pathlib import Path
from cnnref.files import whole_folder
with whole_folder(Path(sys.argv[1]), force=True) as partial:
    (partial / "new").write_text("new")
    print("writing", flush=True)
    sys.stdin.readline()
"""


def writer(final: Path) -> subprocess.Popen[str]:
    """Another process that is in the middle of writing a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(final)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_folder_that_another_process_writes_is_refused(tmp_path: Path) -> None:
    other = writer(tmp_path / "final")
    with pytest.raises(InputError, match="final is being written by another process"), whole_folder(tmp_path / "final"):
        pytest.fail("the block must not run")
    other.communicate("\n", timeout=60)
    assert contents(tmp_path / "final") == {"new": "new"}


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_text("old")
    (tmp_path / ".final.backup").write_text("the user's own")
    killed = writer(final)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert contents(final) == {"old": "old"}
    assert len(list(tmp_path.iterdir())) == 3
    with whole_folder(final, force=True) as partial:
        (partial / "new").write_text("new")
    assert contents(final) == {"new": "new"}
    assert contents(tmp_path) == {".final.backup": "the user's own"}
    assert sorted(each.name for each in tmp_path.iterdir()) == [".final.backup", "final"]


def test_a_folder_of_locks_that_somebody_else_has_made_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with only_writer(tmp_path / "final"):
        (locks,) = tmp_path.glob("cnnref-locks-*")
    locks.rename(tmp_path / "theirs")
    locks.symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="was made by somebody else"), only_writer(tmp_path / "final"):
        pass


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), only_writer(tmp_path / "run"):
        raise RuntimeError
    with only_writer(tmp_path / "run"), only_writer(tmp_path / "other"):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_replaced_stands_under_its_name_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_text("old")
    monkeypatch.setattr(os, "replace", fail)  # the two steps that would leave a moment without a folder
    with whole_folder(final, force=True) as partial:
        (partial / "new").write_text("new")
    assert contents(final) == {"new": "new"}


def test_only_regular_files_within_the_bound_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.symlink(tmp_path / "file", tmp_path / "link")
    assert read_regular(tmp_path / "link", 5) == b"12345"
    with pytest.raises(InputError, match="has 5 bytes, and a recipe has at most 4"):
        read_regular(tmp_path / "file", 4, "recipe")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (lambda path: read_regular(path, 10), sha256_of, read_text):
            with pytest.raises((InputError, IsADirectoryError)):
                read(path)
    with pytest.raises(InputError, match="has 5 bytes, and a picture has at most 4"):
        sha256_of(tmp_path / "file", 4, "picture")


@pytest.mark.parametrize(
    "label", ["", " cat", "two\nlines", "\x1b[31mred", "a\u202eb", "\ud800", "\u2028", "x" * 501, "tab\t"]
)
def test_what_cannot_be_the_name_of_a_class_is_refused(label: str) -> None:
    with pytest.raises(InputError, match=r"^Class 1 of pets is called .* one line") as told:
        check_labels(["dog", label], "pets")
    assert str(told.value).isprintable()


def test_names_of_classes_that_are_told_apart_pass() -> None:
    check_labels(["dog", "Mikroskop", "größer als 5", "犬", "a, b", "0"], "pets")
    with pytest.raises(InputError, match="pets has two classes called 'dog'"):
        check_labels(["dog", "cat", "dog"], "pets")


def test_a_path_is_given_by_itself_or_by_what_knows_its_folder() -> None:
    assert named("lenet5-mnist", "A bundle") == "lenet5-mnist"
    assert named(Run(Path("runs")), "A run") == Path("runs")
    with pytest.raises(InputError, match="A bundle is given by its name or its path, and not by an object of int"):
        named(3, "A bundle")


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnnref.load(3),
        lambda: cnnref.verify(3),
        lambda: cnnref.benchmark(3),
        lambda: cnnref.export(3, "made"),
        lambda: cnnref.export("lenet5-mnist", 3),
        lambda: cnnref.train(3),
        lambda: cnnref.train("lenet5-digits", out=3),
        lambda: cnnref.data.load(3),
        lambda: cnnref.training.recipe_for(3, "digits"),
        lambda: cnnref.predict("lenet5-mnist", 3),
        lambda: cnnref.predict("lenet5-mnist", np.zeros((28, 28, 1), np.uint8)),
    ],
)
def test_an_object_where_a_name_belongs_is_told(call: Callable[[], object]) -> None:
    with pytest.raises(InputError, match="is given by its name or its path, and not by an object of"):
        call()


def test_a_place_that_cannot_be_written_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    check_place(tmp_path / "new" / "deep" / "plot.png")
    check_place(tmp_path / "file")
    with pytest.raises(InputError, match=r"file/x\.png cannot be written, because .*file is a file and no folder"):
        check_place(tmp_path / "file" / "x.png")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="is read-only for you; choose another folder"):
        check_place(tmp_path / "x.png")
