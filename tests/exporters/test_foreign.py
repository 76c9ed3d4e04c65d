"""A Keras model that is not ours: what a run would know is said at its export."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import verify

import cnnref
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError
from cnnref.models.saving import save_model
from cnnref.runtimes import open_artifact, read_samples

MEAN, STD = 0.3, 0.4


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small network for digits that takes normalized values, as a .keras file, trained for a moment."""
    from cnnref.data import load

    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 5, strides=2, activation="relu")(image)
    x = layers.SeparableConv2D(16, 3, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(10, activation="softmax")(x))
    data = load("digits")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit((data.train_images / 255 - MEAN) / STD, data.train_labels, epochs=3, verbose=0)
    path = tmp_path_factory.mktemp("foreign") / "mine.keras"
    save_model(model, path)
    return path


def test_it_is_calibrated_measured_and_labelled(foreign: Any, tmp_path: Path) -> None:
    names = [f"digit {number}" for number in range(10)]
    made = cnnref.export(
        foreign, tmp_path / "made", labels=names, mean=[MEAN], std=[STD], dataset="digits", formats=["onnx", "tflite"]
    )
    assert made.labels == tuple(names)
    assert made.preprocessing["mean"] == [pytest.approx(MEAN)]
    assert made.preprocessing["std"] == [pytest.approx(STD)]
    assert made.document["calibration"]["from"] == "training images of digits"
    samples = read_samples(made)
    assert set(samples.labels.tolist()) == set(range(10))
    wanted = keras.saving.load_model(foreign).predict((samples.images / 255 - MEAN) / STD, verbose=0)
    for name in ("model.onnx", "model.tflite"):
        np.testing.assert_allclose(open_artifact(made, name).run(samples.images), wanted, atol=1e-5)
        assert open_artifact(made, name).embedded()["labels"] == names
    report = json.loads((made.folder / "report.json").read_text())
    tested = {check["file"]: check["test"]["images"] for check in report["checks"] if check["test"]}
    assert set(tested) == {artifact.name for artifact in made.runnable()}
    assert set(tested.values()) == {359}
    again = cnnref.load(made.folder).predict(samples.images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(again, wanted, atol=1e-6)
    assert verify(made.folder).ok


def test_without_a_data_set_int8_is_left_out_and_said_so(foreign: Any, tmp_path: Path) -> None:
    made = cnnref.export(foreign, tmp_path / "made", formats=["tflite"])
    assert "model.dynamic.tflite" in made.artifacts
    assert "model.int8.tflite" not in made.artifacts
    assert "the name of a data set" in made.document["left_out"]["model.int8.tflite"]
    assert made.document["calibration"] is None


def test_int8_by_name_without_calibration_images_is_refused(foreign: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the name of a data set and the folder that has it"):
        cnnref.export(foreign, tmp_path / "made", precisions=["int8"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mean": [0.1, 0.2]}, "2 numbers for mean and 1 channels"),
        ({"std": [0.0]}, "positive std"),
        ({"std": [float("nan")]}, "positive std"),
        ({"labels": ["one"]}, "1 labels for the 10 outputs"),
        ({"dataset": "cifar10"}, "28x28x1|cifar"),
        ({"data_dir": "."}, "name the data set with dataset, or leave data_dir out"),
        ({"input_dtype": "int16"}, "no input type 'int16'"),
        ({"top_k": 11}, "top-k is 11"),
        ({"integer_io": "int4"}, "'int4'"),
        ({"precisions": ["fp8"]}, "no precision 'fp8'"),
        ({"opset": 12}, "choose 13 to 24"),
        ({"opset": 17, "formats": ["tflite"]}, "opset 17 would be for ONNX files"),
        ({"layout": "nchw", "formats": ["keras"]}, "layout 'nchw' would be for ONNX files"),
        ({"integer_io": "uint8", "formats": ["onnx"]}, "would be for model.int8.tflite, which is not to be written"),
        ({"integer_io": "uint8", "precisions": ["fp16"]}, "would be for model.int8.tflite"),
        ({"integer_io": "uint8"}, "cannot be written in int8, no calibration images"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(foreign: Any, tmp_path: Path, arguments: Any, words: Any) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        cnnref.export(foreign, tmp_path / "made", **arguments)
    assert len(str(refusal.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_two_inputs_and_no_image_are_refused_whatever_is_said_of_the_preprocessing(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    two = keras.Model([image, keras.Input((3,), name="more")], layers.Dense(2)(layers.Flatten()(image)))
    vector = keras.Input((5,))
    for model, words in ((two, "2 inputs"), (keras.Model(vector, layers.Dense(2)(vector)), "not an image")):
        with pytest.raises(ExportError, match=words):
            cnnref.export(model, tmp_path / "made", mean=[0.5], std=[0.5])
    assert list(tmp_path.iterdir()) == []


def test_fresh_weights_are_calibrated_with_noise_and_it_is_said(tmp_path: Path) -> None:
    made = cnnref.export("resnet8", tmp_path / "made", formats=["tflite"], precisions=["int8"])
    assert set(made.artifacts) == {"model.keras", "model.tflite", "model.int8.tflite"}
    assert "noise" in made.document["calibration"]["from"]
    assert not any(check["test"] for check in json.loads((made.folder / "report.json").read_text())["checks"])
