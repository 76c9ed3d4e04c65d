"""A constant of a reduced file that was changed is named, however little it moves the results."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from in_process import verify
from onnx import numpy_helper
from tiny_bundle import edit, rehash

from cnnref.exporters.tensorflow.tflite_file import packed
from cnnref.exporters.tensorflow.tflite_metadata import with_files
from cnnref.runtimes import find_bundle, read_bundle
from cnnref.runtimes.constants import Graph, constants_sha256, other_constants, reach
from cnnref.runtimes.onnx_constants import read_onnx
from cnnref.runtimes.tflite_constants import read_tflite
from cnnref.runtimes.tflite_metadata import packed_files

SHIPPED = find_bundle("lenet5-mnist")
WHOLE = {"onnx": read_onnx(SHIPPED / "model.onnx"), "tflite": read_tflite(SHIPPED / "model.tflite")}
REDUCED = ("model.fp16.onnx", "model.int8.onnx", "model.fp16.tflite", "model.dynamic.tflite", "model.int8.tflite")
TYPES = {
    schema.TensorType.FLOAT32: "<f4",
    schema.TensorType.FLOAT16: "<f2",
    schema.TensorType.INT8: "i1",
    schema.TensorType.INT32: "<i4",
}


def read(path: Path) -> Graph:
    return read_onnx(path) if path.suffix == ".onnx" else read_tflite(path)


def changed(values: np.ndarray, factor: float) -> np.ndarray:
    if values.dtype.kind == "f":
        return (values * np.float32(factor)).astype(values.dtype)
    return (values + 1).astype(values.dtype)


def changed_onnx(path: Path, name: str, factor: float) -> bytes:
    model = onnx.load(path)
    (found,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    found.CopyFrom(numpy_helper.from_array(changed(numpy_helper.to_array(found), factor), name))
    return model.SerializeToString()


def changed_tflite(path: Path, change: Callable[[Any, Any], object]) -> bytes:
    """The file after something is done to its tables."""
    content = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model, model.subgraphs[0])
    return with_files(packed(model), packed_files(content))


def values_of(model: Any, tensor: Any) -> np.ndarray | None:
    """The numbers of a constant that a network computes with."""
    data = model.buffers[tensor.buffer].data
    known = data is not None and tensor.type in TYPES
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), TYPES[tensor.type]) if known else None


def with_values(tensor: int, factor: float) -> Callable[[Any, Any], None]:
    def change(model: Any, graph: Any) -> None:
        found = graph.tensors[tensor]
        content = changed(values_of(model, found), factor).tobytes()
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.frombuffer(content, np.uint8)
        found.buffer = len(model.buffers) - 1

    return change


def with_step(tensor: int, factor: float, zero: int = 0) -> Callable[[Any, Any], None]:
    def change(_: Any, graph: Any) -> None:
        found = graph.tensors[tensor].quantization = copy.copy(graph.tensors[tensor].quantization)
        found.scale = np.asarray(found.scale, np.float32) * np.float32(factor)
        found.zeroPoint = np.asarray(found.zeroPoint, np.int64) + zero

    return change


def changes(file: str) -> Iterator[tuple[str, bool, bytes]]:
    """What of a file is changed, whether it must be found, and the changed file: every number, one after the other.

    What the float32 file need not show is the biases of integer files, and the steps and zeros of what flows through
    them: what writes such a tensor and what reads it share them, and the function stays the same but for its rounding.
    bundle.json shows them.
    """
    path = SHIPPED / file
    if path.suffix == ".onnx":
        model = onnx.load(path)
        readers = {name: node.op_type for node in model.graph.node for name in node.input}
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            flows = values.size == 1 and readers[tensor.name] in ("QuantizeLinear", "DequantizeLinear")
            yield tensor.name, not flows and values.dtype != np.int32, changed_onnx(path, tensor.name, 1.01)
        return
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for place, tensor in enumerate(model.subgraphs[0].tensors):
        values, name = values_of(model, tensor), tensor.name.decode()
        integers = tensor.quantization is not None and tensor.quantization.scale is not None
        if values is not None:
            must = not (integers and tensor.type == schema.TensorType.INT32)
            yield name, must, changed_tflite(path, with_values(place, 1.01))
        if integers:
            pixels = name in ("image", "tfl.quantize")
            yield f"step of {name}", values is not None or pixels, changed_tflite(path, with_step(place, 1.01))
            if values is None:
                yield f"zero of {name}", pixels, changed_tflite(path, with_step(place, 1, zero=1))


@pytest.mark.parametrize("file", REDUCED)
def test_every_constant_of_a_layer_is_held_to_the_float32_file(file: str, tmp_path: Path) -> None:
    whole, path = WHOLE[file.rpartition(".")[2]], tmp_path / file
    exported = read_bundle(SHIPPED).artifacts[file].constants_sha256
    graph = read(SHIPPED / file)
    assert (other_constants(graph, whole), constants_sha256(graph)) == ([], exported)
    unseen, count = [], 0
    for name, must, content in changes(file):
        path.write_bytes(content)
        graph = read(path)
        count += must
        unseen += [name] * (constants_sha256(graph) == exported or (must and not other_constants(graph, whole)))
    assert not unseen
    assert count >= 10


@pytest.mark.parametrize("file", ["model.int8.onnx", "model.int8.tflite"])
def test_a_number_that_no_other_file_shows_is_held_to_the_export(file: str, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    named = {name: content for name, must, content in changes(file) if not must}
    for name in ("conv1.b32", "zero of conv1_tanh_1/Tanh"):
        if name in named:
            (bundle / file).write_bytes(named[name])
    rehash(bundle)
    told = f"{file}: it computes with other numbers than those that were exported"
    assert verify(bundle, only=[file]).problems == [told]
    edit(bundle, lambda document: document["artifacts"][file].pop("constants_sha256"))
    assert verify(bundle, only=[file]).ok, "an older bundle does not have it"


def test_a_card_that_repeats_no_facts_or_is_gone_is_named(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    card = bundle / "README.md"
    card.write_text(card.read_text().replace("SHA-256 of the facts", "The facts"))
    rehash(bundle)
    told = "README.md: it does not repeat the hash of the facts in bundle.json"
    assert verify(bundle, only=["README.md"]).problems == [told]
    card.unlink()
    rehash(bundle)
    assert len(verify(bundle, only=["README.md"]).problems) == 1


def test_the_reach_of_integers_is_around_their_zero() -> None:
    assert reach(np.array([33], np.uint8), np.array([0.5])) == (-16.5, 111.0)
    assert reach(np.array([-128], np.int8), np.array([1.0])) == (0.0, 255.0)


@pytest.mark.parametrize("factor", [1.001, 1.01, 2.0])
def test_a_changed_preprocessing_with_new_hashes_is_named(factor: float, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    (bundle / "model.int8.onnx").write_bytes(changed_onnx(bundle / "model.int8.onnx", "normalization.scale", factor))
    rehash(bundle)
    told = "model.int8.onnx: its normalization.scale is not that of the float32 file, rounded"
    assert told in verify(bundle, only=["model.int8.onnx"]).problems
    (bundle / "model.onnx").write_bytes(b"")
    assert told not in verify(bundle, only=["model.int8.onnx"]).problems, "there is nothing to hold it to"


@pytest.mark.parametrize("factor", [1.01, 1.1, 2.0])
def test_so_is_that_of_each_tflite(factor: float, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    files = [file for file in REDUCED if file.endswith("tflite")]
    for file in files:
        model = schema.ModelT.InitFromPackedBuf((bundle / file).read_bytes(), 0)
        named = [tensor.name for tensor in model.subgraphs[0].tensors]
        place = named.index(b"normalization_1/Cast/x")
        change = with_step(place, factor) if "int8" in file else with_values(place, factor)
        (bundle / file).write_bytes(changed_tflite(bundle / file, change))
    rehash(bundle)
    told = verify(bundle, only=files).problems
    for file in files:
        assert f"{file}: its normalization_1/Cast/x is not that of the float32 file, rounded" in told


def test_what_is_read_in_another_step_than_it_is_written_in_is_named(tmp_path: Path) -> None:
    model = onnx.load(SHIPPED / "model.int8.onnx")
    node = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and "u8" in node.input[0]][-1]
    (step,) = (tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    model.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(step) * np.float32(1.01), "other"))
    node.input[1] = "other"
    onnx.save(model, tmp_path / "other.onnx")
    assert f"step of {node.input[0]}" in other_constants(read_onnx(tmp_path / "other.onnx"), WHOLE["onnx"])


@pytest.mark.parametrize("file", ["model.int8.onnx", "model.int8.tflite"])
def test_a_bias_that_no_rounding_of_weights_explains_is_named(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    if path.suffix == ".onnx":
        model = onnx.load(SHIPPED / file)
        (found,) = (tensor for tensor in model.graph.initializer if tensor.name == "conv1.b32")
        found.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(found), found.name))
        onnx.save(model, path)
    else:

        def twice(model: Any, graph: Any) -> None:
            biases = [one for one in graph.tensors if one.type == schema.TensorType.INT32]
            (found,) = (one for one in biases if one.name == b"conv1_1/BiasAdd")
            values = 2 * values_of(model, found)
            model.buffers[found.buffer].data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)

        path.write_bytes(changed_tflite(SHIPPED / file, twice))
    assert len(other_constants(read(path), WHOLE[path.suffix[1:]])) == 1
