"""A constant of a reduced .onnx file that was changed is named, however little it moves the results."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from in_process import verify
from onnx import numpy_helper
from tiny_bundle import rehash

from cnnref.runtimes import find_bundle
from cnnref.runtimes.constants import other_constants

SHIPPED = find_bundle("lenet5-mnist")


def changed(values: np.ndarray, factor: float) -> np.ndarray:
    if values.dtype.kind == "f":
        return (values * np.float32(factor)).astype(values.dtype)
    return (values + 1).astype(values.dtype)


@pytest.mark.parametrize("file", ["model.int8.onnx", "model.fp16.onnx"])
def test_every_constant_of_a_layer_is_held_to_the_float32_file(file: str, tmp_path: Path) -> None:
    assert other_constants(SHIPPED / file, SHIPPED / "model.onnx") == []
    model, seen, unseen = onnx.load(SHIPPED / file), set(), set()
    for place, tensor in enumerate(model.graph.initializer):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        content = numpy_helper.from_array(changed(numpy_helper.to_array(tensor), 1.01), tensor.name)
        other.graph.initializer[place].CopyFrom(content)
        (tmp_path / "other.onnx").write_bytes(other.SerializeToString())
        found = other_constants(tmp_path / "other.onnx", SHIPPED / "model.onnx")
        (seen if found else unseen).add(tensor.name)
    # What is not seen are biases in integers, and steps and zeros of what flows into no layer with weights.
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert {arrays[name].size for name in unseen if arrays[name].dtype != np.int32} <= {1}
    assert seen >= {"normalization.scale", "normalization.offset"}
    assert (len(unseen) > 0) == (file == "model.int8.onnx")


@pytest.mark.parametrize("factor", [1.001, 1.01, 2.0])
def test_a_changed_preprocessing_with_new_hashes_is_named(factor: float, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    model = onnx.load(bundle / "model.int8.onnx")
    (scale,) = (tensor for tensor in model.graph.initializer if tensor.name == "normalization.scale")
    scale.CopyFrom(numpy_helper.from_array(changed(numpy_helper.to_array(scale), factor), scale.name))
    (bundle / "model.int8.onnx").write_bytes(model.SerializeToString())
    rehash(bundle)
    told = "model.int8.onnx: its normalization.scale is not that of the float32 file, rounded"
    assert told in verify(bundle, only=["model.int8.onnx"]).problems
    (bundle / "model.onnx").write_bytes(b"")
    assert told not in verify(bundle, only=["model.int8.onnx"]).problems, "there is nothing to hold it to"
