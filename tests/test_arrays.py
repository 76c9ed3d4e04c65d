"""Arrays from .npz files: what is not exactly what its header says is refused before memory is asked for."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from cnnref.arrays import read_npz
from cnnref.errors import InputError


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
        with pytest.raises(InputError, match=r"set\.npz is not a complete \.npz file"):
            read_npz(path, ["a"])


def test_a_flipped_bit_is_found_by_the_crc(path: Any) -> None:
    np.savez(path, a=np.full(500, 77, np.uint8))
    content = bytearray(path.read_bytes())
    content[content.index(b"M" * 100) + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a in .*set\.npz is damaged .*CRC"):
        read_npz(path, ["a"])


def test_a_missing_array_is_named_with_those_that_are_there(path: Any) -> None:
    np.savez(path, a=np.zeros(1), c=np.zeros(1))
    with pytest.raises(InputError, match="has no array b; it holds a, c"):
        read_npz(path, ["a", "b"])


def test_a_pickled_array_is_refused_and_not_run(path: Any, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "was_run"), "w"))

    write(path, a=member(np.array([Attack()], object), allow_pickle=True), b=pickle.dumps(Attack()))
    for name in "ab":
        with pytest.raises(InputError, match=f"{name} in .* is damaged or not a plain array"):
            read_npz(path, [name])
    assert not (tmp_path / "was_run").exists()


def test_an_array_shorter_or_longer_than_its_header_says_is_refused(path: Any) -> None:
    write(path, short=member(np.zeros(9))[:-1], long=member(np.zeros(9)) + b"1")
    with pytest.raises(InputError, match=r"short in .* is damaged"):
        read_npz(path, ["short"])
    with pytest.raises(InputError, match=r"long in .* is damaged .*has 72 bytes, and 73 follow"):
        read_npz(path, ["long"])


def test_a_zip_of_a_later_version_is_refused(path: Any) -> None:
    write(path, a=member(np.zeros(3)))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99  # the version that is needed to unpack it
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"set\.npz is not a complete \.npz file \(zip file version"):
        read_npz(path, ["a"])


def test_an_array_of_terabytes_is_refused_before_it_is_made(path: Any) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (98 << 40,)})
    write(path, a=header.getvalue())
    with pytest.raises(InputError, match=r"a in .* is damaged .* and 0 follow"):
        read_npz(path)


def test_a_member_that_unpacks_to_more_than_it_can_hold_is_refused(path: Any) -> None:
    write(path, a=member(np.zeros(3)))
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + 24  # the size after unpacking, in the table at the end
    content[start : start + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="which it cannot hold"):
        read_npz(path)


def test_a_name_that_stands_twice_is_refused(path: Any) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", member(np.zeros(3)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", member(np.ones(3)))
    with pytest.raises(InputError, match=r"two members a\.npy"):
        read_npz(path)


def test_an_encrypted_member_and_an_unknown_method_are_refused(path: Any) -> None:
    for offset, value in ((8, 1), (10, 77)):  # the flags and the method in the table at the end
        write(path, a=member(np.zeros(3)))
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + offset] = value
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"set\.npz is damaged or not|is not a complete"):
            read_npz(path)


def test_only_a_regular_file_is_opened(path: Any) -> None:
    os.mkfifo(path)
    with pytest.raises(InputError, match="is no regular file"):
        read_npz(path)


KINDS = arrays_of.array_shapes(min_dims=0, min_side=0, max_side=5).flatmap(
    lambda shape: arrays_of.arrays(st.sampled_from([np.uint8, np.int64, np.float32, np.float64, np.bool_]), shape)
)
NAMES = st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=8)


@settings(max_examples=25)  # each writes and reads files
@given(st.dictionaries(NAMES, KINDS, max_size=4), st.booleans())
def test_of_a_sound_file_the_same_is_read_as_numpy_reads(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], compressed: bool
) -> None:
    path = tmp_path_factory.mktemp("sound") / "set.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", member(array))
    found = read_npz(path)
    with np.load(path) as known:
        assert list(found) == known.files == list(arrays)
        for name in arrays:
            assert found[name].dtype == known[name].dtype
            np.testing.assert_array_equal(found[name], known[name])


@settings(max_examples=50)
@given(st.integers(0, 300) | st.integers(0, 2**31 - 1))
def test_what_a_member_says_to_hold_is_bounded_by_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, claimed: int
) -> None:
    """The size in the header is refused before it is asked for, or is what is there."""
    path = tmp_path_factory.mktemp("claimed") / "set.npz"
    write(path, a=member(np.arange(10, dtype=np.uint8)))
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    true = int.from_bytes(content[place : place + 4], "little")
    content[place : place + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(content)
    if claimed == true:
        assert read_npz(path)["a"].size == 10
        return
    with pytest.raises(InputError, match=r"which it cannot hold|complete|damaged") as told:
        read_npz(path)
    assert ("which it cannot hold" in str(told.value)) == (claimed > 1032 * true + 1024)
