import re
from typing import Any

import numpy as np
import pytest
from data_layouts import idx_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cnnref.data.idx import parse_idx
from cnnref.errors import DatasetError

any_array = st.sampled_from([1, 3]).flatmap(
    lambda rank: arrays(np.uint8, array_shapes(min_dims=rank, max_dims=rank, min_side=0, max_side=5))
)


@settings(deadline=None, max_examples=50)
@given(any_array)
def test_what_was_written_is_read_back(array: Any) -> None:
    np.testing.assert_array_equal(parse_idx(idx_bytes(array), array.ndim, "file"), array)


@settings(deadline=None, max_examples=50)
@given(any_array, st.data())
def test_no_part_of_a_file_passes_for_the_file(array: Any, data: Any) -> None:
    content = idx_bytes(array)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DatasetError, match=r"^file is .*cut short: .*expected .* bytes, found|^file is cut short"):
        parse_idx(content[:length], array.ndim, "file")


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(DatasetError, match="expected 11 bytes, found 12"):
        parse_idx(idx_bytes(np.zeros(3, np.uint8)) + b"\0", 1, "file")


@pytest.mark.parametrize("magic", [b"\0\0\x08\x01", b"\0\0\x0d\x03", b"\x03\x08\0\0", b"PK\x03\x04"])
def test_another_magic_number_is_named(magic: Any) -> None:
    content = magic + idx_bytes(np.zeros((2, 28, 28), np.uint8))[4:]
    with pytest.raises(DatasetError, match=re.escape(f"0x00000803 (unsigned bytes, rank 3), found 0x{magic.hex()}")):
        parse_idx(content, 3, "file")
