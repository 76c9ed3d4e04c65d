"""Picture files are classified as the network classifies their pixels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import predict
from PIL import Image
from tiny_bundle import LABELS, Weights, edit, make_binary, pictures, probabilities, rehash

from cnnref.errors import InputError
from cnnref.runtimes import RuntimeMissingError, read_bundle


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The sample pictures as PNG files."""
    paths = []
    for index, image in enumerate(pictures()):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(image[:, :, 0]).save(paths[-1])
    return paths


@pytest.mark.parametrize("artifact", ["model.onnx", "model.tflite", "saved_model"])
def test_pictures_get_the_probabilities_of_their_pixels(pristine: Path, files: list[Path], artifact: str) -> None:
    found = predict(pristine, files, artifact=artifact)
    expected = probabilities(pictures(), Weights())
    assert [prediction.file for prediction in found] == files
    assert {prediction.artifact for prediction in found} == {artifact}
    np.testing.assert_allclose([prediction.probabilities for prediction in found], expected, atol=1e-6)
    for prediction, row in zip(found, expected, strict=True):
        assert [label for label, _ in prediction.top] == [LABELS[index] for index in np.argsort(-row)]
        assert [score for _, score in prediction.top] == sorted(prediction.probabilities, reverse=True)


def test_inverted_pictures_are_inverted_back(pristine: Path, tmp_path: Path, files: list[Path]) -> None:
    Image.fromarray(255 - pictures()[7][:, :, 0]).save(tmp_path / "paper.png")
    (inverted,) = predict(pristine, [tmp_path / "paper.png"], invert=True)
    (plain,) = predict(pristine, [files[7]])
    assert inverted.probabilities == plain.probabilities
    assert predict(pristine, [tmp_path / "paper.png"])[0].probabilities != plain.probabilities


def test_more_pictures_than_one_batch_keep_their_order(pristine: Path, files: list[Path]) -> None:
    many = [files[index % 10] for index in range(70)]
    found = predict(pristine, many, top=1)
    expected = probabilities(pictures(), Weights()).argmax(axis=1)
    assert [prediction.top[0][0] for prediction in found] == [LABELS[expected[index % 10]] for index in range(70)]
    assert {len(prediction.top) for prediction in found} == {1}


def test_the_first_artifact_with_a_runtime_is_taken(
    pristine: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle(pristine)
    assert predict(bundle, files[:1])[0].artifact == "model.onnx"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert predict(bundle, files[:1])[0].artifact == "model.tflite"
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert predict(bundle, files[:1])[0].artifact == "saved_model"
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(RuntimeMissingError, match="is not installed"):
        predict(bundle, files[:1])


def test_a_bundle_without_a_usual_artifact_asks_for_a_name(bundle: Path, files: list[Path]) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["artifacts"] = {"model.fp16.onnx": document["artifacts"]["model.onnx"]}

    edit(bundle, rename)
    (bundle / "model.onnx").rename(bundle / "model.fp16.onnx")
    rehash(bundle)
    with pytest.raises(InputError, match="name the artifact"):
        predict(bundle, files[:1])
    assert predict(bundle, files[:1], artifact="model.fp16.onnx")[0].artifact == "model.fp16.onnx"


def test_a_single_output_answers_no_or_yes(bundle: Path, files: list[Path]) -> None:
    expected = make_binary(bundle, "sigmoid")
    for prediction, (score,) in zip(predict(bundle, files), expected, strict=True):
        assert prediction.probabilities == pytest.approx((score,), abs=1e-6)
        assert dict(prediction.top) == pytest.approx({"yes": score, "no": 1 - score}, abs=1e-6)
        assert prediction.top[0][0] == ("yes" if score >= 0.5 else "no")


def test_a_measured_value_keeps_its_name(bundle: Path, files: list[Path]) -> None:
    expected = make_binary(bundle, "linear")
    (prediction,) = predict(bundle, files[:1])
    assert prediction.top == (("size", pytest.approx(expected[0, 0], abs=1e-5)),)


def test_bad_requests_are_refused(pristine: Path, files: list[Path]) -> None:
    with pytest.raises(InputError, match="no pictures"):
        predict(pristine, [])
    with pytest.raises(InputError, match="top is 0"):
        predict(pristine, files[:1], top=0)
    with pytest.raises(InputError, match=r"nowhere\.png"):
        predict(pristine, [files[0].with_name("nowhere.png")])
