import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from data_layouts import tar_gz

from cnnref.data.archives import Archive, Folder, read_bytes
from cnnref.errors import DatasetError


def archive(tmp_path: Path, content: Any) -> Any:
    path = tmp_path / "set.tar.gz"
    path.write_bytes(content)
    return Archive(path, "inside")


def with_member(name: Any, kind: Any = tarfile.REGTYPE, link: Any = "") -> Any:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member)
    return stream.getvalue()


def test_a_folder_and_an_archive_of_it_read_alike(tmp_path: Path) -> None:
    files = {"a.bin": bytes(1024), "b": b"\x01" * 513}
    folder = tmp_path / "inside"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for prefix in ("inside/", "./inside/", ""):
        packed = archive(tmp_path, tar_gz({prefix + name: content for name, content in files.items()}))
        for source in (packed, Folder(folder)):
            assert {name: source.read(name) for name in files} == files
            assert source.read("c") is None
    assert packed.place("b") == f"b in {tmp_path / 'set.tar.gz'}"


def test_files_of_other_folders_do_not_count(tmp_path: Path) -> None:
    assert archive(tmp_path, tar_gz({"elsewhere/a": b"1", "inside/deeper/a": b"2"})).read("a") is None


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("/etc/passwd", tarfile.REGTYPE, ""),
        ("../outside", tarfile.REGTYPE, ""),
        ("inside/../../outside", tarfile.REGTYPE, ""),
        ("inside/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("inside/link", tarfile.SYMTYPE, "../../outside"),
        ("inside/link", tarfile.LNKTYPE, "../outside"),
    ],
)
def test_a_member_that_points_outside_is_refused_by_name(tmp_path: Path, name: str, kind: Any, link: Any) -> None:
    with pytest.raises(DatasetError, match=f"set.tar.gz has the member '{name}', which points outside"):
        archive(tmp_path, with_member(name, kind, link))


def test_a_link_inside_is_allowed_and_is_no_file(tmp_path: Path) -> None:
    assert archive(tmp_path, with_member("inside/link", tarfile.SYMTYPE, "../inside/file")).read("link") is None


def test_no_part_of_an_archive_passes_for_the_archive(tmp_path: Path) -> None:
    content = tar_gz({"inside/a": bytes(range(256)) * 8, "inside/b": b"end"})
    for length in range(0, len(content), 5):
        with pytest.raises(DatasetError, match=r"set\.tar\.gz is not a complete"):
            archive(tmp_path, content[:length])


def test_a_tar_that_was_cut_before_it_was_compressed_is_refused_or_lacks_the_file(tmp_path: Path) -> None:
    content = gzip.decompress(tar_gz({"inside/a": b"a" * 600, "inside/b": b"b" * 600}))
    start_of_b = 512 + 1024
    for length in (100, 512, 700, 1111, start_of_b + 512, start_of_b + 1000, start_of_b + 1111):
        with pytest.raises(DatasetError, match=r"not a complete tar archive|is cut short"):
            archive(tmp_path, gzip.compress(content[:length])).read("b")
    assert archive(tmp_path, gzip.compress(content[: start_of_b + 7])).read("b") is None


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for folder in ("set/", "./set/"):
            tar.addfile(tarfile.TarInfo(f"{folder}part"))
    (tmp_path / "set.tar.gz").write_bytes(stream.getvalue())
    with pytest.raises(DatasetError, match="two members 'part'"):
        Archive(tmp_path / "set.tar.gz", "set")


@pytest.mark.parametrize("size", ["100000000000000000000", "-1"])
def test_a_member_of_an_impossible_size_is_refused(size: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("part")
        member.pax_headers = {"size": size}
        tar.addfile(member)
    with pytest.raises(DatasetError, match=r"is not a complete tar archive|is cut short"):
        Archive(tmp_path / "set.tar.gz", "").read("part")


def test_a_gzip_file_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1 << 24)))
    with pytest.raises(DatasetError, match=r"bomb\.gz unpacks to more than 1,048,576 bytes"):
        read_bytes(tmp_path / "bomb.gz", gzipped=True, most=1 << 20)


def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/dev/zero", tmp_path / "zeros")
    for name in ("pipe", "zeros"):
        with pytest.raises(DatasetError, match="is no regular file"):
            read_bytes(tmp_path / name, gzipped=False)
