"""Others can feed our .tflite files and name the classes: the standard metadata, and the labels packed in."""

import io
import zipfile
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from flatbuffers.table import Table
from hypothesis import given, settings

from cnnref.errors import VerificationError
from cnnref.exporters.contract import Contract
from cnnref.exporters.tensorflow.tflite_metadata import (
    METADATA_NAME,
    packed_files,
    read_standard_metadata,
    standard_metadata,
    with_files,
)
from cnnref.runtimes.tflite_metadata import MODEL, metadata_entry

LABELS = ("Ärger", "日本語", "two words", "🦊", 'quote " and \\')


def contract(**changes: Any) -> Any:
    facts = {
        "name": "net",
        "shape": (16, 24, 3),
        "labels": LABELS,
        "activation": "softmax",
        "preprocessing": {"mean": [0.5] * 3, "std": [0.2] * 3, "formula": ""},
        "weights_sha256": "0123456789abcdef" * 4,
    }
    return Contract(**(facts | changes))


def shell(metadata: Any, name: Any = METADATA_NAME) -> Any:
    """A .tflite without a network: the first buffer is empty, as it always is, and the second has the metadata."""
    buffers, entries = [{}, {"data": metadata}], [{"name": name, "buffer": 1}]
    return MODEL.write("Model", {"version": 3, "buffers": buffers, "metadata": entries}, b"TFL3")


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    name=TEXT,
    labels=st.lists(LINE, min_size=1, max_size=12),
    shape=st.tuples(st.integers(1, 4096), st.integers(1, 4096), st.sampled_from([1, 3])),
    activation=st.sampled_from(["softmax", "sigmoid", None]),
    dtype=st.sampled_from(["float32", "uint8", "int8"]),
    top_k=st.integers(0, 3),
    labels_file=LINE,
)
def test_what_is_written_is_read(
    name: str, labels: Any, shape: Any, activation: Any, dtype: Any, top_k: Any, labels_file: Any
) -> None:
    given_contract = contract(name=name, labels=tuple(labels), shape=shape, activation=activation, top_k=top_k)
    metadata = standard_metadata(given_contract, input_dtype=dtype, labels_file=labels_file)
    text = "".join(f"{label}\n" for label in labels).encode()
    content = with_files(shell(metadata), {labels_file.replace("/", "_"): text})
    found = read_standard_metadata(content)
    assert found == {
        "name": name,
        "description": found["description"],
        "version": "0123456789ab",
        "author": "cnnref",
        "license": "Apache-2.0",
        "min_parser_version": "1.0.0",
        "input": "image",
        "outputs": ["probabilities", "top_indices", "top_scores"] if top_k else ["probabilities"],
        "color": "RGB" if shape[2] == 3 else "GRAYSCALE",
        "size": shape[:2],
        "mean": [0.0] * shape[2],
        "std": [1.0] * shape[2],
        "labels_file": labels_file,
    }
    assert str(len(labels)) in found["description"]
    assert list(packed_files(content).values()) == [text]
    assert standard_metadata(given_contract, input_dtype=dtype, labels_file=labels_file) == metadata


class Numbered:
    """A flatbuffer table by field numbers, read without our schema."""

    def __init__(self, content: Any, place: Any = None) -> None:
        self.table = Table(content, Table(content, 0).Indirect(0) if place is None else place)

    def slot(self, number: Any) -> Any:
        offset = self.table.Offset(4 + 2 * number)
        assert offset, f"field {number} is absent"
        return self.table.Pos + offset

    def text(self, number: Any) -> Any:
        return self.table.String(self.slot(number)).decode()

    def byte(self, number: Any) -> Any:
        return self.table.Bytes[self.slot(number)]

    def whole(self, number: Any) -> Any:
        return int.from_bytes(self.table.Bytes[self.slot(number) :][:4], "little")

    def inner(self, number: Any) -> Any:
        return Numbered(self.table.Bytes, self.table.Indirect(self.slot(number)))

    def floats(self, number: Any) -> Any:
        start = self.table.Indirect(self.slot(number))
        return np.frombuffer(self.table.Bytes, "<f4", self.table.Bytes[start], start + 4).tolist()

    def elements(self, number: Any) -> Any:
        start = self.table.Indirect(self.slot(number))
        places = range(start + 4, start + 4 + 4 * self.table.Bytes[start], 4)
        return [Numbered(self.table.Bytes, self.table.Indirect(place)) for place in places]


@pytest.mark.parametrize(("channels", "color_space"), [(3, 1), (1, 2)])
def test_the_fields_have_the_numbers_of_the_published_schema(channels: Any, color_space: Any) -> None:
    given_contract = contract(shape=(16, 24, channels), top_k=2)
    model = Numbered(standard_metadata(given_contract, input_dtype="uint8"))
    assert [model.text(number) for number in (0, 2, 4, 5, 7)] == [
        "net",
        "0123456789ab",
        "cnnref",
        "Apache-2.0",
        "1.0.0",
    ]
    (graph,) = model.elements(3)
    (image,) = graph.elements(2)
    assert image.text(0) == "image"
    content = image.inner(3)
    assert content.byte(0) == 2  # ImageProperties
    assert content.inner(1).byte(0) == color_space
    size = content.inner(1).inner(1)
    assert (size.whole(0), size.whole(1)) == (24, 16)  # width, height
    (unit,) = image.elements(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert unit.inner(1).floats(0) == [0.0] * channels  # mean
    assert unit.inner(1).floats(1) == [1.0] * channels  # std
    assert (image.inner(5).floats(0), image.inner(5).floats(1)) == ([255.0], [0.0])  # max, min
    outputs = graph.elements(3)
    assert [output.text(0) for output in outputs] == ["probabilities", "top_indices", "top_scores"]
    files = [output.elements(6)[0] for output in outputs[:2]]
    assert [(file.text(0), file.byte(2)) for file in files] == [
        ("labels.txt", 2),
        ("labels.txt", 3),
    ]  # of axis, of values


def test_packing_twice_gives_the_same_bytes_whatever_the_order_and_leaves_the_model_in_front() -> None:
    model = shell(standard_metadata(contract(), input_dtype="float32"))
    packed = with_files(model, {"labels.txt": b"a\n", "more.txt": b"b"})
    assert packed == with_files(model, {"more.txt": b"b", "labels.txt": b"a\n"})
    assert packed.startswith(model)
    assert packed_files(packed) == {"labels.txt": b"a\n", "more.txt": b"b"}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        # MediaPipe takes the bytes from where they lie in the file.
        assert packed[archive.getinfo("labels.txt").header_offset :].startswith(b"PK\3\4")
        assert all(entry.compress_size == entry.file_size for entry in archive.infolist())


def test_a_damaged_byte_of_the_metadata_is_noticed_or_leaves_it_readable() -> None:
    content = shell(standard_metadata(contract(), input_dtype="float32"))
    noticed = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        try:
            read_standard_metadata(bytes(damaged))
        except VerificationError:
            noticed += 1
    assert noticed > len(content) // 10


def test_no_damaged_byte_of_a_packed_file_goes_unnoticed() -> None:
    model, files = shell(b""), {"labels.txt": b"cat\ndog\n"}
    packed = with_files(model, files)
    start, noticed = packed.index(b"cat"), 0
    for position in range(len(model), len(packed)):
        for flip in (0xFF, 0x01):
            damaged = bytearray(packed)
            damaged[position] ^= flip
            try:
                assert packed_files(bytes(damaged)) == files
                assert not start <= position < start + 8
            except VerificationError:
                noticed += 1
    assert noticed > 16


def test_a_cut_file_is_refused() -> None:
    packed = with_files(shell(standard_metadata(contract(), input_dtype="int8")), {"labels.txt": b"cat\n"})
    for size in range(0, len(packed), 7):
        with pytest.raises(VerificationError):
            packed_files(packed[:size])
    for size in range(0, len(packed) // 2, 7):
        with pytest.raises(VerificationError):
            read_standard_metadata(packed[:size])


def test_what_is_missing_is_named() -> None:
    other = shell(b"{}", name="cnnref")
    assert metadata_entry(other, "cnnref") == b"{}"
    with pytest.raises(VerificationError, match="no metadata 'TFLITE_METADATA'"):
        read_standard_metadata(other)
    with pytest.raises(VerificationError, match="not of the schema M001"):
        read_standard_metadata(shell(b"12345678"))
    with pytest.raises(VerificationError, match=r"it is no \.tflite file"):
        read_standard_metadata(b"PK\3\4 and more")
    with pytest.raises(VerificationError, match="missing or damaged"):
        packed_files(other)
    with pytest.raises(VerificationError, match="archive is empty"):
        packed_files(with_files(other, {}))


def test_a_compressed_file_is_refused_because_mediapipe_cannot_read_it() -> None:
    stream = io.BytesIO(shell(b""))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "cat\n" * 50)
    with pytest.raises(VerificationError, match=r"'labels\.txt' is compressed"):
        packed_files(stream.getvalue())
