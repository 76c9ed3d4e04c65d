"""Writing files and folders: a failure leaves nothing half-written."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from cnnref.errors import InputError
from cnnref.files import refuse_existing, sha256_of, whole_folder, write_whole


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
    with pytest.raises(InputError, match=r"final already exists; .*--force"), whole_folder(tmp_path / "final"):
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
