import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_layouts import python2_pickle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cnnref.data.pickles import read_pickle
from cnnref.errors import DatasetError

plain = st.binary(min_size=1, max_size=8) | st.text(max_size=8) | st.integers()
uint8_arrays = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3))


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.text(max_size=5), plain | st.lists(plain, max_size=4), max_size=4),
    uint8_arrays,
    st.integers(2, 4),
)
def test_what_was_written_is_read_back(content: Any, array: Any, protocol: Any) -> None:
    found = read_pickle(pickle.dumps(content | {"an array": array}, protocol), "file")
    np.testing.assert_array_equal(found.pop("an array"), array)
    assert found == {key: value for key, value in content.items() if key != "an array"}


@pytest.mark.parametrize("order", "CF")
def test_python_2_arrays_and_strings_are_read(order: Any) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3).copy(order)
    written = python2_pickle({"data": array, "labels": [3, 4], "filenames": ["a.png", "b\xe9.png"]})
    assert b"cnumpy.core.multiarray\n_reconstruct" in written
    found = read_pickle(written, "file")
    np.testing.assert_array_equal(found["data"], array)
    assert found["labels"] == [3, 4]
    assert found["filenames"] == [b"a.png", b"b\xe9.png"]


class Attack:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_pickle_that_names_a_function_is_refused_and_not_run(tmp_path: Path, protocol: Any) -> None:
    target = tmp_path / "was_run"
    attack = Attack(os.mkdir, (str(target),))
    content = pickle.dumps({"data": np.zeros(3, np.uint8), "labels": [attack]}, protocol)
    with pytest.raises(DatasetError, match=r"^batch asks for posix\.mkdir.*nothing was run"):
        read_pickle(content, "batch")
    assert not target.exists()
    pickle.loads(content)  # the attack is a real one
    assert target.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("builtins.eval", b"cbuiltins\neval\n(S'1'\ntR."),
        ("__builtin__.eval", b"c__builtin__\neval\n(S'1'\ntR."),
        ("numpy.load", b"cnumpy\nload\n(S'file'\ntR."),
        ("numpy.core.multiarray.fromfile", b"cnumpy.core.multiarray\nfromfile\n(S'file'\ntR."),
        ("numpy.dtype.__class__", b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93."),
        ("os.system", b"(S'true'\nios\nsystem\n."),
    ],
)
def test_anything_but_the_four_names_is_refused(name: str, content: Any) -> None:
    with pytest.raises(DatasetError, match=f"asks for {name}"):
        read_pickle(content, "batch")


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\ndtype\n}S'code'\nI1\nsb.",  # state for a class
        b"cnumpy\ndtype\n(N}S'__init__'\nI1\nstb.",
        b"c_codecs\nencode\n(N}S'__new__'\nI1\nstb.",
        b"c_codecs\nencode\n(Vx\nVzlib\ntR.",  # a codec that is none of ours
        b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(I9\ntNI00\nS'x'\ntb.",  # 9 values of 1 byte, no type
    ],
)
def test_the_stand_ins_cannot_be_bent(content: Any) -> None:
    with pytest.raises(DatasetError, match="not a complete pickle of arrays"):
        read_pickle(content, "batch")
    test_python_2_arrays_and_strings_are_read("C")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds a list where a dict"),
        ({"data": {"deeper": 1}}, "holds a dict that is no array"),
        ({"data": [[1]]}, "holds a list that is no array"),
        ({"data": 1.5}, "holds a float"),
        ({"data": None}, "holds a NoneType"),
        ({"data": True}, "holds a bool"),
        ({"data": [0, True]}, "holds a list that is no array"),
        ({3: 1}, "has a key of type int"),
        ({"data": np.zeros(3)}, "an array of type 'f8' where uint8"),
        ({"data": np.array([[1]], object)}, "an array of type 'O8' where uint8"),
    ],
)
def test_only_plain_data_comes_out(value: Any, message: Any) -> None:
    with pytest.raises(DatasetError, match=message):
        read_pickle(pickle.dumps(value, 2), "batch")


def test_no_part_of_a_file_passes_for_the_file() -> None:
    content = python2_pickle({"data": np.arange(40, dtype=np.uint8), "labels": [1, 2, 3]})
    for length in range(len(content)):
        with pytest.raises(DatasetError, match="batch is not a complete pickle"):
            read_pickle(content[:length], "batch")
    with pytest.raises(DatasetError, match="2 bytes follow the end"):
        read_pickle(content + b"..", "batch")


def nested(levels: int, *, twice: bool) -> bytes:
    """A dict whose key is a tuple in a tuple in a tuple, each of which holds the inner one once or twice."""
    again = b"2\x86" if twice else b"\x85"  # duplicate the object, and make a pair; or make a tuple of one
    return b"\x80\x02}K\x01" + again * levels + b"K\x00s."


@pytest.mark.parametrize(("levels", "twice"), [(80, True), (2_000_000, False), (40, False)])
def test_what_is_nested_without_end_is_refused_before_it_is_made(levels: int, twice: bool) -> None:
    with pytest.raises(DatasetError, match="nested too deeply"):
        read_pickle(nested(levels, twice=twice), "file")


def test_a_number_of_millions_of_digits_is_refused() -> None:
    number = b"\x8b" + (4_000_000).to_bytes(4, "little") + b"\x01" * 4_000_000
    with pytest.raises(DatasetError, match="number of 31999993 bits"):
        read_pickle(b"\x80\x02}X\x01\x00\x00\x00a" + number + b"s.", "file")
