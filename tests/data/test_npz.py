import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnref.data.array_files import read_npz
from cnnref.errors import DatasetError


@pytest.fixture
def path(tmp_path: Path) -> Any:
    return tmp_path / "set.npz"


def member(array: Any, **options: Any) -> Any:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def write(path: Any, **members: Any) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_back(path: Any, save: Any) -> None:
    arrays = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3), "b": np.asfortranarray(np.eye(3))}
    save(path, **arrays)
    found = read_npz(path, ["a", "b"])
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_part_of_a_file_passes_for_the_file(path: Any, save: Any) -> None:
    save(path, a=np.arange(200, dtype=np.uint8))
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(DatasetError, match=r"set\.npz is not a complete \.npz file"):
            read_npz(path, ["a"])


def test_a_flipped_bit_is_found_by_the_crc(path: Any) -> None:
    np.savez(path, a=np.full(500, 77, np.uint8))
    content = bytearray(path.read_bytes())
    content[content.index(b"M" * 100) + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a in .*set\.npz is damaged .*CRC"):
        read_npz(path, ["a"])


def test_a_missing_array_is_named_with_those_that_are_there(path: Any) -> None:
    np.savez(path, a=np.zeros(1), c=np.zeros(1))
    with pytest.raises(DatasetError, match="has no array b; it holds a, c"):
        read_npz(path, ["a", "b"])


def test_a_pickled_array_is_refused_and_not_run(path: Any, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "was_run"), "w"))

    write(path, a=member(np.array([Attack()], object), allow_pickle=True), b=pickle.dumps(Attack()))
    for name in "ab":
        with pytest.raises(DatasetError, match=f"{name} in .* is damaged or not a plain array"):
            read_npz(path, [name])
    assert not (tmp_path / "was_run").exists()


def test_an_array_shorter_or_longer_than_its_header_says_is_refused(path: Any) -> None:
    write(path, short=member(np.zeros(9))[:-1], long=member(np.zeros(9)) + b"1")
    with pytest.raises(DatasetError, match=r"short in .* is damaged"):
        read_npz(path, ["short"])
    with pytest.raises(DatasetError, match=r"long in .* is damaged: 1 bytes follow"):
        read_npz(path, ["long"])


def test_a_zip_of_a_later_version_is_refused(path: Any) -> None:
    write(path, a=member(np.zeros(3)))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99  # the version that is needed to unpack it
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"set\.npz is not a complete \.npz file \(zip file version"):
        read_npz(path, ["a"])
