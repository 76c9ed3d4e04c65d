"""A file that cannot be written is left out with its reason, and the others are written, verified and kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import verify
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.environment import keras, layers
from cnnref.errors import ExportError
from cnnref.models.saving import save_model
from cnnref.runtimes import Bundle, read_bundle, read_report


@keras.saving.register_keras_serializable("cnnref_tests")
class Digamma(layers.Layer):
    """An operator that neither ONNX nor TFLite has; TensorFlow itself computes it."""

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.math.digamma(x + 1)


def network(name: str = "odd_one") -> Any:
    image = keras.Input((6, 6, 3))
    x = Digamma(name=name)(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(x)), name="odd")


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return cnnref.export(network(), tmp_path_factory.mktemp("partial") / "out")


def test_the_format_that_can_be_written_is_there_and_holds(partial: Bundle) -> None:
    assert list(partial.artifacts) == ["model.keras", "saved_model"]
    assert verify(partial.folder).ok
    assert set(partial.left_out) == {
        *("model.onnx", "model.fp16.onnx", "model.int8.onnx"),
        *("model.tflite", "model.fp16.tflite", "model.dynamic.tflite", "model.int8.tflite"),
    }


def test_each_reason_is_one_line_and_stands_wherever_a_reader_looks(partial: Bundle) -> None:
    assert "Digamma" in partial.left_out["model.tflite"]
    assert "same graph as model.onnx" in partial.left_out["model.fp16.onnx"]
    assert "calibration images" in partial.left_out["model.int8.tflite"]
    card = (partial.folder / "README.md").read_text(encoding="utf-8")
    report = read_report(partial.folder)
    assert report["left_out"] == json.loads((partial.folder / "bundle.json").read_text())["left_out"]
    for file, why in partial.left_out.items():
        assert why.isprintable()
        assert 10 < len(why) < 600
        assert f"There is no `{file}`: " in card


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"formats": ["onnx"]}, r"model\.onnx cannot be written: "),
        ({"formats": ["saved_model", "tflite"]}, r"model\.tflite cannot be written: .*Digamma"),
        ({"precisions": ["fp16"]}, r"model\.fp16\.onnx cannot be written: .*; model\.fp16\.tflite cannot be written"),
    ],
)
def test_what_is_asked_for_by_name_and_not_possible_is_an_error(tmp_path: Path, options: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words) as refusal:
        cnnref.export(network(), tmp_path / "out", **options)
    assert str(refusal.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_is_missing_and_its_exit_status_does(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "odd.keras")
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["export", str(tmp_path / "odd.keras"), "--out", str(out)])
    assert done.exit_code == 3
    assert f"Verified and written: {out}, without model.onnx and model.tflite" in done.stdout
    for file, why in read_bundle(out).left_out.items():
        assert f"no {file}: {why}" in done.stdout
    (row,) = (line for line in done.stdout.splitlines() if line.split()[:1] == ["model.onnx"])
    assert row.rstrip().endswith("left out")
    done = CliRunner().invoke(app, ["verify", str(out)])
    assert done.exit_code == 0


@keras.saving.register_keras_serializable("cnnref_tests")
class Softsign(layers.Layer):
    """An operator that tf2onnx has, computed by TensorFlow and not by keras.ops."""

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.softsign(x)


def test_what_the_native_engine_has_no_form_for_goes_through_tf2onnx(tmp_path: Path) -> None:
    image = keras.Input((6, 6, 3))
    x = layers.Normalization(mean=[100.0, 120, 140], variance=[900.0, 900, 900])(image)
    x = layers.Flatten()(Softsign(name="odd_one")(layers.Conv2D(4, 3)(x)))
    made = cnnref.export(keras.Model(image, layers.Dense(2, activation="softmax")(x)), tmp_path / "out")
    written = made.document["artifacts"]["model.onnx"]
    assert (written["engine"], written["opset"]) == ("tf2onnx", 18)
    assert "only the native engine" in made.left_out["model.fp16.onnx"]
    assert "`model.onnx` was written by tf2onnx at opset 18" in (made.folder / "README.md").read_text(encoding="utf-8")
    assert verify(made.folder).ok
