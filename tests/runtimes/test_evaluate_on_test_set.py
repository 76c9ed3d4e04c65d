"""A whole test set: what is measured, and what is held against a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import verify
from tiny_bundle import EMBEDDED, Weights, edit, onnx_bytes, probabilities, rehash

from cnnref.runtimes import LabelledImages, quarantine_failures
from cnnref.runtimes.evaluate import POINTS_COUNT_FROM
from cnnref.runtimes.verification import SIZE_COUNTS_FROM

COUNT = 1200


@pytest.fixture(scope="module")
def test_set() -> LabelledImages:
    """Noise of many strengths; Keras' part is played by NumPy, and it is right seven times in ten."""
    random = np.random.default_rng(1)
    images = (random.random((COUNT, 8, 8, 1)) * np.linspace(20, 256, COUNT).reshape(-1, 1, 1, 1)).astype(np.uint8)
    reference = probabilities(images, Weights())
    labels = reference.argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % 3
    labels[1::5] = (labels[1::5] + 2) % 3
    return LabelledImages(images, labels, "noise", reference)


def put_other_weights(bundle: Path, offset: float) -> float:
    """A model.onnx whose first class scores higher; what that costs in points is returned."""
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(offset=offset)))
    rehash(bundle)
    return offset


def test_a_float_file_is_measured_on_every_image(pristine: Path, test_set: LabelledImages) -> None:
    report = verify(pristine, test_set=test_set)
    assert report.ok, report.problems
    for check in report.checks:
        if check.format in ("onnx", "tflite", "saved_model"):
            assert check.test is not None
            assert check.test.accuracy == pytest.approx(0.7, abs=0.02)
            assert (check.test.dataset, check.test.images, check.test.points_lost) == ("noise", COUNT, 0)
            assert check.test.agreement == 1
            assert check.test.largest_difference < 1e-6
        else:
            assert check.test is None


def test_one_image_that_differs_is_caught_on_the_test_set(bundle: Path, test_set: LabelledImages) -> None:
    reference = test_set.reference.copy()
    reference[777] = np.roll(reference[777], 1)
    found = verify(
        bundle, only=["model.onnx"], test_set=LabelledImages(test_set.images, test_set.labels, "noise", reference)
    )
    assert any("on the test set it differs" in problem for problem in found.problems)
    assert any("1 test images, the first is 777" in problem for problem in found.problems)


@pytest.mark.parametrize(("allowed", "holds"), [(1.0, False), (90.0, True)])
def test_the_points_that_may_be_lost_decide_for_a_reduced_file(
    bundle: Path, test_set: LabelledImages, allowed: float, holds: bool
) -> None:
    put_other_weights(bundle, 0.6)

    def as_int8(document: dict[str, Any]) -> None:
        document["artifacts"]["model.onnx"].update(precision="int8", tolerance=1.0, points=allowed)

    edit(bundle, as_int8)
    report = verify(bundle, only=["model.onnx"], test_set=test_set)
    (check,) = [check for check in report.checks if check.file == "model.onnx"]
    assert check.test is not None
    assert check.test.points_lost > 1
    told = [problem for problem in report.problems if "points less than Keras" in problem]
    assert bool(told) is not holds
    few = LabelledImages(
        *(array[: POINTS_COUNT_FROM - 1] for array in (test_set.images, test_set.labels)),
        "few",
        test_set.reference[:999],
    )
    assert not [p for p in verify(bundle, only=["model.onnx"], test_set=few).problems if "points" in p]


def test_a_file_may_not_be_larger_than_its_share(bundle: Path) -> None:
    def with_a_copy(document: dict[str, Any]) -> None:
        document["artifacts"]["copy.onnx"] = document["artifacts"]["model.onnx"] | {
            "precision": "fp16",
            "size_ratio": 0.52,
        }

    (bundle / "copy.onnx").write_bytes((bundle / "model.onnx").read_bytes())
    edit(bundle, with_a_copy)
    rehash(bundle)
    report = verify(bundle, only=["copy.onnx", "model.onnx"])
    assert report.ok, "of small files the size is only told"
    (check,) = [check for check in report.checks if check.file == "copy.onnx"]
    assert check.size_ratio == 1
    large = onnx_bytes(Weights(), embedded={**EMBEDDED, "padding": "x" * SIZE_COUNTS_FROM})
    for name in ("model.onnx", "copy.onnx"):
        (bundle / name).write_bytes(large)
    rehash(bundle)
    (problem,) = verify(bundle, only=["copy.onnx", "model.onnx"]).problems
    assert problem == "copy.onnx: it has 1.000 times the bytes of the float32 file; 0.52 is allowed"


def test_the_report_keeps_what_is_known_of_the_same_file(bundle: Path, test_set: LabelledImages) -> None:
    quarantine_failures(verify(bundle, test_set=test_set), bundle)
    first = json.loads((bundle / "report.json").read_text())
    quarantine_failures(verify(bundle), bundle)
    second = json.loads((bundle / "report.json").read_text())
    tests = [[check["test"] for check in report["checks"][: len(first["checks"])]] for report in (first, second)]
    assert tests[0] == tests[1]
    assert sum(test is not None for test in tests[0]) == 3
    put_other_weights(bundle, 1e-7)
    quarantine_failures(verify(bundle), bundle)
    third = {check["file"]: check["test"] for check in json.loads((bundle / "report.json").read_text())["checks"]}
    assert third["model.onnx"] is None, "another file has another accuracy"
    assert third["model.tflite"] is not None
