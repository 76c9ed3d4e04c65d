"""What an export refuses, and what is left when it fails: nothing, or everything but the file that failed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import verify

import cnnref
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.exporters import writers as artifacts
from cnnref.runtimes import read_bundle


def nothing_left(folder: Any) -> Any:
    return list(folder.iterdir()) == []


def test_a_file_that_computes_something_else_is_not_kept(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = artifacts.onnx_model

    def wrong(model: Any, *args: Any, **kwargs: Any) -> Any:
        written = honest(model, *args, **kwargs)
        bias = next(weight for weight in written.graph.initializer if weight.name == "logits.bias")
        values = np.frombuffer(bias.raw_data, np.float32) + np.arange(10, dtype=np.float32) * 0.01
        bias.raw_data = values.tobytes()
        return written

    monkeypatch.setattr(artifacts, "onnx_model", wrong)
    with pytest.raises(VerificationError, match=r"not kept: model\.onnx: at batch 1 it differs"):
        cnnref.export(run.folder, tmp_path / "out", formats=["onnx"])
    assert nothing_left(tmp_path)
    with pytest.raises(
        VerificationError, match=r"what failed now ends in \.failed.*model\.onnx: at batch 1 it differs"
    ):
        cnnref.export(run.folder, tmp_path / "out", formats=["onnx", "tflite"], precisions=["fp16"])
    kept = read_bundle(tmp_path / "out")
    assert list(kept.artifacts) == ["model.keras", "model.tflite", "model.fp16.tflite"]
    assert set(kept.left_out) == {"model.onnx", "model.fp16.onnx"}
    assert "same graph as model.onnx" in kept.left_out["model.fp16.onnx"]
    assert verify(kept.folder).ok


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    model = cnnref.build("lenet5")
    model.get_layer("conv1").bias.assign(np.full(6, np.nan))
    with pytest.raises(ExportError, match="finite"):
        cnnref.export(model, tmp_path / "out")
    assert nothing_left(tmp_path)


def test_models_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    left, right = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    two = keras.Model([left, right], layers.Dense(2)(layers.Flatten()(left + right)))
    vector = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    for model, words in (
        (two, "2 inputs"),
        (vector, "not an image"),
    ):
        with pytest.raises(ExportError, match=words):
            cnnref.export(model, tmp_path / "out")
    with pytest.raises(InputError, match="2 labels for the 10 outputs"):
        cnnref.export(cnnref.build("lenet5"), tmp_path / "out", labels=["a", "b"])
    assert nothing_left(tmp_path)


def test_impossible_arguments_are_named(tmp_path: Path) -> None:
    for options, words in (
        ({"opset": 12}, "13 to 24"),
        ({"opset": 21, "engine": "tf2onnx"}, "up to 18"),
        ({"layout": "chwn"}, "layout 'chwn'"),
        ({"formats": ["coreml"]}, "format 'coreml'"),
    ):
        with pytest.raises(InputError, match=words):
            cnnref.export("lenet5", tmp_path / "out", **options)
    assert nothing_left(tmp_path)


def test_an_existing_bundle_is_kept_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    cnnref.export("lenet5", out, formats=["onnx"])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="force=True"):
        cnnref.export("lenet5_relu", out, formats=["onnx"])
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    cnnref.export("lenet5_relu", out, formats=["onnx"], force=True)
    assert read_bundle(out).name == "lenet5_relu"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_never_replaces_what_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(InputError):
            cnnref.export("lenet5", tmp_path, formats=["onnx"], force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_unknown_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to export"):
        cnnref.export(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(InputError, match="not a run folder"):
        cnnref.export(tmp_path, tmp_path / "out")
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"broken\.keras"):
        cnnref.export(broken, tmp_path / "out")


def test_a_reduced_file_that_fails_loses_its_name_and_the_rest_is_kept(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnref.exporters.tensorflow.integers import IntegerWriter

    honest = IntegerWriter.write

    def wrong(writer: Any, *arguments: Any) -> bytes:
        return honest(writer, *arguments).replace(b'"labels": ["0"', b'"labels": ["9"')

    monkeypatch.setattr(IntegerWriter, "write", wrong)
    with pytest.raises(VerificationError, match=r"model\.int8\.tflite: embedded labels: label 0 is '9'"):
        cnnref.export(run.folder, tmp_path / "out", formats=["tflite"])
    kept = read_bundle(tmp_path / "out")
    assert list(kept.artifacts) == ["model.keras", "model.tflite", "model.fp16.tflite", "model.dynamic.tflite"]
    assert (kept.folder / "model.int8.tflite.failed").is_file()
    assert "model.int8.tflite.failed" not in kept.files
    assert "embedded labels" in kept.document["left_out"]["model.int8.tflite"]
    assert verify(kept.folder).ok


def test_a_full_disk_leaves_nothing_behind(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Path.write_bytes

    def full(path: Any, content: Any) -> Any:
        if path.name == "model.int8.tflite":
            raise OSError(28, "No space left on device", str(path))
        return honest(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="No space left on device") as refusal:
        cnnref.export(run.folder, tmp_path / "out", formats=["tflite"])
    assert "Traceback" not in str(refusal.value)
    assert nothing_left(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises((ExportError, InputError), match="file"):
        cnnref.export(run.folder, tmp_path / "file" / "out")
