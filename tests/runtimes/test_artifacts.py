"""Each runtime runs its file, says what it takes and gives, and fails in one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import (
    EMBEDDED,
    WEIGHTS_SHA256,
    Weights,
    edit,
    onnx_bytes,
    pictures,
    probabilities,
    with_metadata,
)

from cnnref.errors import InputError, VerificationError
from cnnref.runtimes import RuntimeMissingError, Tensor, read_bundle
from cnnref.runtimes.artifacts import load_artifact

ARTIFACTS = ["model.onnx", "model.tflite", "saved_model"]
PACKAGES = {
    "model.onnx": ("onnxruntime", "onnxruntime"),
    "model.tflite": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "saved_model": ("tensorflow", "tensorflow"),
}


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_file_declares_the_two_names_of_the_contract(pristine: Path, name: str) -> None:
    runner = load_artifact(read_bundle(pristine), name)
    assert runner.inputs() == {"image": Tensor((None, 8, 8, 1), "float32")}
    assert runner.outputs() == {"probabilities": Tensor((None, 3), "float32")}


@pytest.mark.parametrize("name", ARTIFACTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_file_computes_what_numpy_computes(pristine: Path, name: str, dtype: type) -> None:
    images = pictures(11)
    result = load_artifact(read_bundle(pristine), name).run(images.astype(dtype))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, probabilities(images, Weights()), atol=1e-6)


@pytest.mark.parametrize("name", ARTIFACTS)
def test_one_runner_takes_batches_of_changing_size(pristine: Path, name: str) -> None:
    bundle, images = read_bundle(pristine), pictures(16)
    parts = [images[:1], images[1:4], images[4:12], images[12:15], images[15:]]
    runner = load_artifact(bundle, name)
    together = [runner.run(part) for part in parts]
    # Compared only after all have run: a result that is a view into the runtime would have been overwritten.
    for part, result in zip(parts, together, strict=True):
        np.testing.assert_allclose(result, load_artifact(bundle, name).run(part), rtol=0, atol=1e-7)
        np.testing.assert_allclose(result, probabilities(part, Weights()), atol=1e-6)


def test_a_channels_first_file_takes_the_same_images(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), layout="nchw"))
    edit(bundle, lambda document: document["artifacts"]["model.onnx"].update(layout="nchw"))
    runner = load_artifact(read_bundle(bundle), "model.onnx")
    assert runner.inputs()["image"].shape == (None, 1, 8, 8)
    np.testing.assert_allclose(runner.run(pictures()), probabilities(pictures(), Weights()), atol=1e-6)


def test_a_file_that_takes_whole_numbers_gets_rounded_ones(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), dtype="uint8"))
    runner = load_artifact(read_bundle(bundle), "model.onnx")
    assert runner.inputs()["image"].dtype == "uint8"
    exact = runner.run(pictures())
    np.testing.assert_allclose(exact, probabilities(pictures(), Weights()), atol=1e-6)
    almost = np.where(pictures() == 0, -0.3, pictures() - 0.4).astype(np.float32)
    np.testing.assert_array_equal(runner.run(almost), exact)
    np.testing.assert_array_equal(
        runner.run(np.full((1, 8, 8, 1), 300, np.float32)), runner.run(np.full((1, 8, 8, 1), 255, np.uint8))
    )


@pytest.mark.parametrize("name", ARTIFACTS[:2])
def test_a_file_carries_its_labels_and_preprocessing(pristine: Path, name: str) -> None:
    assert load_artifact(read_bundle(pristine), name).embedded() == EMBEDDED


def test_a_saved_model_has_no_place_for_metadata(pristine: Path) -> None:
    assert load_artifact(read_bundle(pristine), "saved_model").embedded() is None


def test_a_file_without_metadata_says_nothing_of_itself(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), embedded={}))
    assert load_artifact(read_bundle(bundle), "model.onnx").embedded() == {}


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b""])
def test_unreadable_tflite_metadata_is_named(bundle: Path, content: bytes) -> None:
    path = bundle / "model.tflite"
    path.write_bytes(with_metadata(path.read_bytes(), content))
    with pytest.raises(VerificationError, match=r"^model.tflite: its metadata 'cnnref' is not a JSON object$"):
        load_artifact(read_bundle(bundle), "model.tflite").embedded()


def test_unreadable_onnx_metadata_is_named(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), embedded={**EMBEDDED, "labels": "no JSON"}))
    with pytest.raises(VerificationError, match=r"^model.onnx: the metadata cnnref.labels is not valid JSON$"):
        load_artifact(read_bundle(bundle), "model.onnx").embedded()


def test_other_metadata_of_a_tflite_is_left_alone(bundle: Path) -> None:
    path = bundle / "model.tflite"
    extra = {**EMBEDDED, "unknown": 1}
    path.write_bytes(with_metadata(path.read_bytes(), json.dumps(extra).encode()))
    found = load_artifact(read_bundle(bundle), "model.tflite").embedded()
    assert found == EMBEDDED
    assert found["weights_sha256"] == WEIGHTS_SHA256


@pytest.mark.parametrize("name", ARTIFACTS)
@pytest.mark.parametrize("content", [b"", b"no model at all", None], ids=["empty", "nonsense", "half"])
def test_a_file_that_cannot_be_loaded_is_named_with_the_reason(bundle: Path, name: str, content: bytes | None) -> None:
    path = bundle / name / "saved_model.pb" if name == "saved_model" else bundle / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(VerificationError, match=rf"^{name}: \w+ cannot load it: .+") as caught:
        load_artifact(read_bundle(bundle), name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_missing_runtime_is_told_apart_from_a_bad_file(
    pristine: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, package = PACKAGES[name]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RuntimeMissingError, match="is not installed") as caught:
        load_artifact(read_bundle(pristine), name)
    assert str(caught.value) == f"{package} is not installed; install it with: pip install {package}"
    assert caught.value.note == f"not checked: {package} is not installed"


@pytest.mark.parametrize("name", ARTIFACTS)
@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 1)),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((0, 8, 8, 1), np.uint8),
        np.zeros((1, 9, 8, 1), np.uint8),
        np.zeros((1, 8, 8, 3), np.float32),
    ],
    ids=["float64", "no batch", "empty", "height", "channels"],
)
def test_images_that_do_not_fit_are_refused(pristine: Path, name: str, images: np.ndarray) -> None:
    with pytest.raises(InputError, match="the images"):
        load_artifact(read_bundle(pristine), name).run(images)


@pytest.mark.parametrize("name", ["model.keras", "labels.txt", "../model.onnx"])
def test_only_an_artifact_with_a_runtime_can_be_opened(pristine: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"model\.onnx, model\.tflite"):
        load_artifact(read_bundle(pristine), name)


def test_threads_are_taken_as_asked(pristine: Path) -> None:
    bundle = read_bundle(pristine)
    assert [load_artifact(bundle, name, threads=1).threads for name in ARTIFACTS[:2]] == [1, 1]
    with pytest.raises(InputError, match="threads is 0"):
        load_artifact(bundle, "model.onnx", threads=0)
