"""An artifact that is not its bundle's model is caught: names, shapes, types, embedded facts, numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import verify
from tiny_bundle import (
    EMBEDDED,
    LABELS,
    PREPROCESSING,
    Weights,
    change_samples,
    edit,
    make_binary,
    onnx_bytes,
    pictures,
    probabilities,
    rehash,
    with_metadata,
)

from cnnref.runtimes import Check, Report

RUN = ["saved_model", "model.onnx", "model.tflite"]


def by_file(report: Report) -> dict[str, Check]:
    return {check.file: check for check in report.checks}


def failed(report: Report) -> set[str]:
    return {check.file for check in report.checks if not check.ok}


def embed(folder: Path, **changes: Any) -> None:
    """Put other facts into the .onnx and the .tflite; a fact that is None is left out."""
    facts = {key: value for key, value in {**EMBEDDED, **changes}.items() if value is not None}
    (folder / "model.onnx").write_bytes(onnx_bytes(Weights(), embedded=facts))
    tflite = folder / "model.tflite"
    tflite.write_bytes(with_metadata(tflite.read_bytes(), json.dumps(facts).encode()))
    rehash(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", [LABELS[1], LABELS[0], LABELS[2]]),
        ("labels", LABELS[:2]),
        ("labels", None),
        ("preprocessing", {**PREPROCESSING, "mean": [0.26]}),
        ("preprocessing", None),
        ("weights_sha256", "0" * 64),
        ("weights_sha256", None),
        ("name", "another"),
        ("provenance", {"seed": 1}),
        ("license", "MIT"),
        ("picture", {"resize": "bilinear"}),
    ],
)
def test_a_wrong_embedded_fact_is_caught_in_both_files(bundle: Path, key: str, value: object) -> None:
    embed(bundle, **{key: value})
    report = verify(bundle)
    assert failed(report) == {"model.onnx", "model.tflite"}
    assert len(report.problems) == 2
    assert all(key in problem for problem in report.problems)


def test_a_wrong_preprocessing_constant_in_bundle_json_is_caught(bundle: Path) -> None:
    edit(bundle, lambda document: document["preprocessing"].update(std=[0.51]))
    report = verify(bundle)
    assert failed(report) == {"model.onnx", "model.tflite"}
    assert all("0.51" in problem for problem in report.problems)


def test_a_wrong_preprocessing_constant_in_the_graph_is_caught_by_the_numbers(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(mean=0.26)))
    rehash(bundle)
    report = verify(bundle)
    assert failed(report) == {"model.onnx"}
    assert "differs from Keras" in report.problems[0]


def test_numbers_that_differ_by_a_thousandth_are_caught(bundle: Path) -> None:
    expected = probabilities(pictures(), Weights())
    change_samples(bundle, probabilities=expected + np.float32(1e-3))
    report = verify(bundle)
    assert failed(report) == set(RUN)
    assert len(report.problems) == 9
    differences = [check.largest_difference for check in report.checks if check.format in ("onnx", "tflite")]
    assert differences == pytest.approx([1e-3, 1e-3], rel=0.01)


def test_a_difference_in_one_late_sample_is_caught(bundle: Path) -> None:
    expected = probabilities(pictures(), Weights())
    expected[9] += 1e-3
    change_samples(bundle, probabilities=expected)
    report = verify(bundle, only=["model.onnx"])
    (problem,) = report.problems
    assert problem.startswith("model.onnx: at batch 8 it differs")


def test_weights_that_moved_a_little_are_caught(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(offset=0.01)))
    rehash(bundle)
    assert failed(verify(bundle)) == {"model.onnx"}


def test_a_difference_within_the_tolerance_passes(bundle: Path) -> None:
    change_samples(bundle, probabilities=probabilities(pictures(), Weights()) + np.float32(5e-6))
    assert verify(bundle).ok


def test_the_tolerance_grows_with_the_reference(bundle: Path) -> None:
    expected = probabilities(pictures(), Weights())
    expected[0] = 1000
    change_samples(bundle, probabilities=expected)
    assert by_file(verify(bundle, only=["model.onnx"]))["model.onnx"].allowed == pytest.approx(0.01)


def test_another_decision_is_caught_even_within_a_wide_tolerance(bundle: Path) -> None:
    expected = probabilities(pictures(), Weights())
    best = np.sort(expected[0])
    change_samples(bundle, probabilities=np.roll(expected, 1, axis=1))
    edit(bundle, lambda document: document["artifacts"]["model.onnx"].update(tolerance=1.0 - 1e-9))
    assert verify(bundle, only=["model.onnx"]).ok  # every margin is inside that tolerance: a draw
    wide = float(best[-1] - best[-2]) - 1e-3
    edit(bundle, lambda document: document["artifacts"]["model.onnx"].update(tolerance=wide))
    problems = verify(bundle, only=["model.onnx"]).problems
    assert any("decides otherwise than Keras for sample 0" in problem for problem in problems)


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_single_output_is_verified(bundle: Path, activation: str) -> None:
    make_binary(bundle, activation)
    report = verify(bundle)
    assert report.problems == []
    assert by_file(report)["model.onnx"].batches == [1, 3, 8]


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_single_output_decides_only_where_it_is_a_yes_or_no(bundle: Path, activation: str) -> None:
    expected = make_binary(bundle, activation)
    # The reference says the opposite of everything, and all of it lies within the tolerance.
    change_samples(bundle, probabilities=1 - expected)
    widest = float(np.abs(2 * expected - 1).max()) / max(1.0, float(np.abs(1 - expected).max()))
    edit(bundle, lambda document: document["artifacts"]["model.onnx"].update(tolerance=widest * 0.999))
    told = any("decides otherwise" in problem for problem in verify(bundle).problems)
    assert told == (activation == "sigmoid")


def test_not_a_number_is_caught(bundle: Path) -> None:
    weights = Weights()
    weights.dense_bias[1] = np.nan
    (bundle / "model.onnx").write_bytes(onnx_bytes(weights))
    rehash(bundle)
    report = verify(bundle)
    assert failed(report) == {"model.onnx"}
    assert "nan" in report.problems[0]


def test_a_fixed_batch_is_caught(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), batch=1))
    rehash(bundle)
    assert verify(bundle).problems == ["model.onnx: its input image has shape [1, 8, 8, 1], not [batch, 8, 8, 1]"]


def test_another_input_type_than_declared_is_caught(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), dtype="uint8"))
    rehash(bundle)
    assert verify(bundle).problems == ["model.onnx: its input image is uint8, not float32"]
    edit(bundle, lambda document: document["input"].update(dtype="uint8"))
    assert failed(verify(bundle)) == {"saved_model", "model.tflite"}


def test_an_undeclared_channels_first_file_is_caught(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), layout="nchw"))
    rehash(bundle)
    (problem,) = verify(bundle).problems
    assert problem == "model.onnx: its input image has shape [batch, 1, 8, 8], not [batch, 8, 8, 1]"


def test_a_declared_channels_first_file_passes(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), layout="nchw"))
    rehash(bundle)
    edit(bundle, lambda document: document["artifacts"]["model.onnx"].update(layout="nchw"))
    assert verify(bundle).problems == []


def test_another_output_name_is_caught(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(), output="softmax"))
    rehash(bundle)
    assert verify(bundle).problems == ["model.onnx: its outputs are named softmax, not probabilities"]
