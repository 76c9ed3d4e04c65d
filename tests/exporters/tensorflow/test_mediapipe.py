"""MediaPipe's ImageClassifier opens our RGB .tflite files as they are, and answers what LiteRT answers.

MediaPipe lives in an environment of its own; CNNREF_MEDIAPIPE_PYTHON names its Python.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import answers, forget, randomise, some_images, spread

import cnnref
from cnnref.environment import keras, layers
from cnnref.exporters.contract import contract_of
from cnnref.exporters.tensorflow.tflite_metadata import packed_files, read_standard_metadata
from cnnref.pictures import read_picture

#: MediaPipe has an environment of its own, which `bash scripts/test.sh --all` prepares.
pytestmark = pytest.mark.exhaustive

MEDIAPIPE = os.environ.get("CNNREF_MEDIAPIPE_PYTHON")
LABELS = ("Ärger", "日本語", "two words", "🦊", 'quote " and \\')

#: The files of one RGB network: precision, type of the pixels, type at the ends of the integer file.
EXPORTS = {
    "float32": ("float32", "float32", "float32"),
    "uint8 pixels": ("float32", "uint8", "float32"),
    "int8": ("int8", "float32", "float32"),
    "int8, uint8 ends": ("int8", "float32", "uint8"),
}


def pictures(count: Any) -> Any:
    """uint8 [count, 16, 24, 3]."""
    return np.clip(128 + 60 * some_images((16, 24, 3), count), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> Iterator[Any]:
    image = keras.Input((16, 24, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    model = keras.Model(image, layers.Softmax()(layers.Dense(len(LABELS), name="logits")(x)))
    yield spread(randomise(model), pictures(8).astype(np.float32), deviation=3.0)
    forget()


@pytest.fixture(scope="module")
def exported(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The .tflite files of EXPORTS."""
    from cnnref.exporters.calibration import Calibration
    from cnnref.exporters.tensorflow.graph import serving_function, serving_module
    from cnnref.exporters.tensorflow.tflite import tflite_model

    folder, calibration = tmp_path_factory.mktemp("tflite"), Calibration(pictures(20), "drawn pictures", 0)
    written = {}
    for name, (precision, pixels, ends) in EXPORTS.items():
        promise = contract_of(network, "net", LABELS, input_dtype=pixels)
        options = {"precision": precision, "calibration": calibration, "integer_io": ends}
        content = tflite_model(serving_function(serving_module(network, promise)), promise, **options)
        written[name] = folder / f"{name.replace(', ', '-').replace(' ', '-')}.tflite"
        written[name].write_bytes(content)
    return written


def by_litert(path: Any, images: Any) -> Any:
    """Each image by itself, as MediaPipe feeds them."""
    from cnnref.runtimes.litert import LiteRTRunner

    runner = LiteRTRunner(path)
    return np.concatenate([runner.run(image[None]) for image in images])


@pytest.mark.parametrize("name", EXPORTS)
def test_litert_runs_a_file_with_packed_labels(name: str, exported: Any, network: Any) -> None:
    content = exported[name].read_bytes()
    found = read_standard_metadata(content)
    assert (found["size"], found["color"]) == ((16, 24), "RGB")
    assert packed_files(content)[found["labels_file"]].decode().split("\n") == [*LABELS, ""]
    expected = answers(network, pictures(8).astype(np.float32))
    result = by_litert(exported[name], pictures(8))
    assert np.abs(result - expected).max() <= (0.05 if name.startswith("int8") else 1e-5)
    assert len(set(expected.argmax(1))) > 1, "pictures that are all of one class show nothing"


@pytest.fixture(scope="module")
def mediapipe(exported: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What MediaPipe makes of every file."""
    return by_mediapipe(exported, pictures(8), tmp_path_factory.mktemp("images"))


def by_mediapipe(files: dict[str, Path], images: Any, folder: Path) -> dict[str, Any]:
    """What MediaPipe makes of files on images of their size; see mediapipe_classify.py."""
    if not MEDIAPIPE:
        pytest.skip(
            "set CNNREF_MEDIAPIPE_PYTHON to the Python of an environment that has MediaPipe, made with: "
            "python -m venv ENV && ENV/bin/pip install mediapipe==1.2.2"
        )
    np.save(folder / "images.npy", images)
    command = [MEDIAPIPE, Path(__file__).with_name("mediapipe_classify.py"), folder / "images.npy", *files.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    return {name: reports[str(path)] for name, path in files.items()}


@pytest.mark.parametrize("name", EXPORTS)
def test_mediapipe_names_the_class_with_the_score_that_litert_gives(name: str, exported: Any, mediapipe: Any) -> None:
    assert "refused" not in mediapipe[name], mediapipe[name]
    expected = by_litert(exported[name], pictures(8))
    for row, answer in zip(expected, mediapipe[name]["answers"], strict=True):
        assert answer[0][0] == LABELS[row.argmax()]
        assert dict(answer) == pytest.approx(dict(zip(LABELS, row.tolist(), strict=True)), abs=1e-6)


@pytest.mark.parametrize("name", EXPORTS)
def test_mediapipes_own_reader_finds_what_ours_finds(name: str, exported: Any, mediapipe: Any) -> None:
    ours, theirs = read_standard_metadata(exported[name].read_bytes()), mediapipe[name]["tables"]
    for key in ("name", "description", "version", "author", "license"):
        assert theirs[key] == ours[key]
    assert theirs["minParserVersion"] == ours["min_parser_version"]
    (graph,) = theirs["subgraphMetadata"]
    (image,), (output,) = graph["inputTensorMetadata"], graph["outputTensorMetadata"]
    assert image["dimensionNames"] == ["batch", "height", "width", "channels"]
    assert image["content"] == {
        "contentPropertiesType": 2,
        "contentProperties": {"colorSpace": 1, "defaultSize": {"height": 16, "width": 24}},
        "range": {"min": 1, "max": 3},
    }
    assert image["processUnits"] == [{"optionsType": 1, "options": {"mean": [0.0] * 3, "std": [1.0] * 3}}]
    assert image["stats"] == {"max": [255.0], "min": [0.0]}
    assert (output["name"], output["stats"]) == ("probabilities", {"max": [1.0], "min": [0.0]})
    (labels,) = output["associatedFiles"]
    assert (labels["name"], labels["type"]) == (ours["labels_file"], 2)


#: scikit-learn's two photographs, and what the float32 network calls them.
PHOTOGRAPHS = {"flower.jpg": "daisy", "china.jpg": "palace"}


@pytest.fixture(scope="module")
def lite0(lite0_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """EfficientNet-Lite0 with its published weights, whose integers are calibrated on the two photographs."""
    assert lite0_file.is_file()
    folder = tmp_path_factory.mktemp("lite0")
    (folder / "photographs").mkdir()
    for name in PHOTOGRAPHS:
        content = (resources.files("sklearn") / "datasets" / "images" / name).read_bytes()
        (folder / "photographs" / name).write_bytes(content)
    return cnnref.export(
        "efficientnet_lite0",
        folder / "bundle",
        weights="imagenet",
        formats=["tflite"],
        precisions=["int8"],
        calibrate=folder / "photographs",
    )


def test_mediapipe_names_a_photograph_with_the_published_weights(lite0: Any, tmp_path: Path) -> None:
    folder, files = lite0.folder.parent / "photographs", ("model.tflite", "model.int8.tflite")
    images = np.stack([read_picture(folder / name, *lite0.shape, lite0.picture) for name in PHOTOGRAPHS])
    reports = by_mediapipe({name: lite0.folder / name for name in files}, images, tmp_path)
    for name, report in reports.items():
        assert "refused" not in report, report
        named = [answer[0][0] for answer in report["answers"]]
        assert named == list(PHOTOGRAPHS.values()), name
        for row, answer in zip(by_litert(lite0.folder / name, images), report["answers"], strict=True):
            (best, score), label = answer[0], lite0.labels[row.argmax()]
            assert (best, score) == (label, pytest.approx(row.max(), abs=1e-6))
