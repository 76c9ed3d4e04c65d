"""A whole bundle passes; each kind of damage is caught and named with its file, and hides no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import verify
from tiny_bundle import (
    Weights,
    change_samples,
    edit,
    onnx_bytes,
    pictures,
    rehash,
)

import cnnref
from cnnref.errors import InputError
from cnnref.runtimes import Check, Report, quarantine_failures, read_bundle, write_report
from cnnref.runtimes.manifest import facts_sha256
from cnnref.runtimes.report import Outcome, measured_accuracy, report_sha256
from cnnref.runtimes.witnesses import FACTS, report_of_earlier

RUN = ["saved_model", "model.onnx", "model.tflite"]


FILES = [
    "model.onnx",
    "model.tflite",
    "model.keras",
    "saved_model/saved_model.pb",
    "labels.txt",
    "samples.npz",
]


def by_file(report: Report) -> dict[str, Check]:
    return {check.file: check for check in report.checks}


def failed(report: Report) -> set[str]:
    return {check.file for check in report.checks if not check.ok}


def test_a_whole_bundle_passes(pristine: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in pristine.rglob("*")}
    report = verify(pristine)
    assert report.problems == []
    assert report.ok
    assert all(check.status == "ok" for check in report.checks)
    checks = by_file(report)
    assert set(checks) == {"model.keras", *RUN, "labels.txt", "samples.npz", "README.md"}
    for name in RUN:
        difference = checks[name].largest_difference
        assert difference is not None
        assert difference < 1e-6
        assert checks[name].batches == [1, 3, 8]
        assert checks[name].allowed == 1e-5
    assert checks["model.keras"].largest_difference is None
    assert checks["model.keras"].bytes == 16
    saved = sum(file.stat().st_size for file in (pristine / "saved_model").rglob("*") if file.is_file())
    assert checks["saved_model"].bytes == saved
    assert {file: file.stat().st_mtime_ns for file in pristine.rglob("*")} == before


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_is_caught(bundle: Path, file: str) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    report = verify(bundle)
    assert failed(report) == {file.split("/")[0]}
    (problem,) = report.problems
    assert "sha256" in problem
    assert file in problem


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_cut_short_is_caught_with_both_sizes(bundle: Path, file: str) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content[:-5])
    (problem,) = verify(bundle).problems
    assert file in problem
    assert f"should have {len(content)} bytes and has {len(content) - 5}" in problem


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_caught(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    (problem,) = verify(bundle).problems
    assert file in problem
    assert "missing" in problem


def test_a_damaged_file_is_not_handed_to_its_runtime(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"")
    check = by_file(verify(bundle))["model.onnx"]
    assert check.batches == []
    assert "not run" in check.note


@pytest.mark.parametrize("file", ["model.onnx", "model.tflite", "saved_model/saved_model.pb", "samples.npz"])
def test_a_file_that_was_cut_short_before_it_was_listed_is_caught(bundle: Path, file: str) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content[: len(content) // 2])
    rehash(bundle)
    report = verify(bundle)
    assert failed(report) == {file.split("/")[0]}
    assert "cannot" in report.problems[0]


def test_all_failures_are_collected(bundle: Path) -> None:
    (bundle / "model.onnx").unlink()
    (bundle / "model.tflite").write_bytes(b"x")
    (bundle / "README.md").write_text("# Tiny\n")
    (bundle / "labels.txt").write_text("cross\ndot\nring\n")
    report = verify(bundle)
    assert failed(report) == {"model.onnx", "model.tflite", "README.md", "labels.txt"}
    assert not report.ok


def test_a_stray_file_inside_a_saved_model_is_caught(bundle: Path) -> None:
    (bundle / "saved_model" / "assets" / "extra").write_text("x")
    assert verify(bundle).problems == ["saved_model: saved_model/assets/extra is not listed in bundle.json"]


@pytest.mark.parametrize("name", ["model.onnx", "saved_model", "labels.txt", "samples.npz"])
def test_what_bundle_json_does_not_list_is_caught(bundle: Path, name: str) -> None:
    def forget(document: dict[str, Any]) -> None:
        document["files"] = {file: facts for file, facts in document["files"].items() if not file.startswith(name)}

    edit(bundle, forget)
    report = verify(bundle)
    assert failed(report) == {name}
    assert f"{name}: bundle.json lists no size and sha256 for it" in report.problems


def test_swapped_labels_in_the_text_file_are_caught(bundle: Path) -> None:
    (bundle / "labels.txt").write_text("ring\ncross\ndot\n")
    rehash(bundle)
    assert verify(bundle).problems == ["labels.txt: label 0 is 'ring', and bundle.json has 'cross'"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"cross\nring\n", "2 labels"),
        (b"cross\nring\ndot\n\n", "4 labels"),
        (b"\xff\nring\ndot\n", "not UTF-8"),
    ],
)
def test_a_wrong_label_file_is_caught(bundle: Path, content: bytes, told: str) -> None:
    (bundle / "labels.txt").write_bytes(content)
    rehash(bundle)
    (problem,) = verify(bundle).problems
    assert problem.startswith("labels.txt: ")
    assert told in problem


SEVEN = {"images": pictures(7), "labels": np.zeros(7, np.int64), "probabilities": np.ones((7, 3), np.float32)}


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (SEVEN, "7 pictures"),
        ({"images": pictures().astype(np.float32)}, "images is float32"),
        ({"labels": np.zeros(9, np.int64)}, "labels is int64"),
        ({"probabilities": np.zeros((10, 4), np.float32)}, "probabilities is float32"),
        ({"probabilities": np.full((10, 3), np.inf, np.float32)}, "not finite"),
        ({"images": np.array([None] * 10, dtype=object)}, "cannot be read"),
    ],
)
def test_samples_that_do_not_fit_are_caught(bundle: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    change_samples(bundle, **arrays)
    report = verify(bundle, only=["model.onnx"])
    assert failed(report) == {"samples.npz"}
    assert told in report.problems[0]
    assert "not compared" in by_file(report)["model.onnx"].note


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("model.onnx", "onnxruntime", "onnxruntime"),
        ("model.tflite", "ai_edge_litert.interpreter", "ai-edge-litert"),
        ("saved_model", "tensorflow", "tensorflow"),
    ],
)
def test_a_missing_runtime_is_told_and_is_no_failure(
    pristine: Path, name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    report = verify(pristine)
    assert report.ok
    assert [(check.file, check.note) for check in report.checks if check.status == "not checked"] == [
        (name, f"not checked: {package} is not installed")
    ]
    assert by_file(report)[name].status == "not checked"


def test_only_the_named_files_are_checked(bundle: Path) -> None:
    (bundle / "model.onnx").unlink()
    report = verify(bundle, only=["model.tflite", "labels.txt"])
    assert report.ok
    assert [check.file for check in report.checks] == ["model.tflite", "labels.txt", "samples.npz"]
    assert [check.file for check in verify(bundle, only=["model.keras"]).checks] == ["model.keras"]
    with pytest.raises(InputError, match=r"no 'model\.pt' to verify"):
        verify(bundle, only=["model.pt"])


def test_a_report_is_written_as_json(bundle: Path, tmp_path: Path) -> None:
    (bundle / "model.keras").unlink()
    report = verify(bundle)
    write_report(report, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["ok"] is False
    assert read["checks"][0]["file"] == "model.keras"
    assert read["checks"][0]["status"] == "failed"
    assert read["checks"][0]["problems"] == ["it is missing"]
    assert read["checks"][1]["status"] == "ok"
    assert read["versions"]["numpy"] == np.__version__


def test_a_report_of_numbers_that_are_none_is_still_json(bundle: Path, tmp_path: Path) -> None:
    weights = Weights()
    weights.dense_bias[1] = np.nan
    (bundle / "model.onnx").write_bytes(onnx_bytes(weights))
    rehash(bundle)
    write_report(verify(bundle, only=["model.onnx"]), tmp_path / "report.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    assert read["checks"][0]["largest_difference"] is None
    assert "nan" in read["checks"][0]["problems"][0]


def test_onnx_and_tflite_are_verified_without_tensorflow(pristine: Path) -> None:
    code = """
import sys
import cnnref.runtimes
assert "numpy" not in sys.modules
from cnnref.runtimes import verify
report = verify(sys.argv[1], only=["model.onnx", "model.tflite"])
assert report.ok and [check.batches for check in report.checks][:2] == [[1, 3, 8], [1, 3, 8]]
assert not {"tensorflow", "keras", "PIL"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, str(pristine)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_shipped_bundle_is_known_by_its_name() -> None:
    report = cnnref.verify("lenet5-mnist", only=["model.onnx"])
    assert (report.bundle, report.ok) == ("lenet5-mnist", True)
    with pytest.raises(InputError, match="no bundle 'lenet5-mnits'"):
        cnnref.verify("lenet5-mnits")


def with_facts(bundle: Path, change: Any = lambda _: None) -> None:
    """A card for the facts of bundle.json, which are changed afterwards."""
    document = json.loads((bundle / "bundle.json").read_text())
    document["artifacts"]["model.onnx"]["test"] = {
        "dataset": "noise",
        "images": 1000,
        "accuracy": 0.75,
        "agreement": 1.0,
        "points_lost": 0.0,
        "largest_difference": 1e-7,
    }
    (bundle / "README.md").write_text("# tiny\n\n" + FACTS.format(digest=facts_sha256(document)) + "\n")
    (bundle / "bundle.json").write_text(json.dumps(document))
    rehash(bundle)
    document = json.loads((bundle / "bundle.json").read_text())
    change(document)
    (bundle / "bundle.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["model"].update(parameters=7),
        lambda document: document.update(calibration={"images": 7}),
        lambda document: document.update(left_out={"model.int8.onnx": "no reason"}),
        lambda document: document.update(float32_rounding={"to_float64": 7}),
        lambda document: document["artifacts"]["model.tflite"].update(tolerance=1.0),
        lambda document: document["artifacts"]["model.onnx"]["test"].update(accuracy=1.0),
        lambda document: document.update(more=1),
    ],
)
def test_no_fact_of_bundle_json_changes_alone(change: Any, bundle: Path) -> None:
    with_facts(bundle)
    assert verify(bundle, only=["README.md"]).ok
    with_facts(bundle, change)
    (problem,) = verify(bundle, only=["README.md"]).problems
    assert problem.startswith("README.md: it was written for other facts than those of bundle.json")


@pytest.mark.parametrize(
    "test",
    [
        {"accuracy": 0.33, "agreement": 1, "points_lost": 0, "largest_difference": 0, "dataset": "x", "images": 5},
        {"accuracy": 2, "images": 5},
        {"accuracy": 0.5},
        {"accuracy": True, "images": 5},
        [1],
    ],
)
def test_an_accuracy_in_a_bundle_that_nothing_can_have_is_refused(test: Any, bundle: Path) -> None:
    def put(document: Any) -> None:
        document["artifacts"]["model.onnx"]["test"] = test

    with_facts(bundle, put)
    with pytest.raises(InputError, match=r"test"):
        read_bundle(bundle)


@pytest.mark.parametrize(("factor", "tolerance", "holds"), [(3, 0.3, True), (3, 0.31, False), (4, 0.4, True)])
def test_a_bound_that_does_not_follow_from_what_bundle_json_says_is_refused(
    factor: float, tolerance: float, holds: bool, bundle: Path
) -> None:
    stated = {"tolerance_least": 0.02, "difference": 0.1, "tolerance_factor": factor, "tolerance": tolerance}
    with_facts(bundle, lambda document: document["artifacts"]["model.onnx"].update(stated))
    if holds:
        assert read_bundle(bundle).artifacts["model.onnx"].tolerance == tolerance
        return
    with pytest.raises(InputError, match=r"tolerance is 0\.31, and 3 times the difference of the export is 0\.3"):
        read_bundle(bundle)


def test_pixels_are_0_to_255(bundle: Path) -> None:
    with_facts(bundle, lambda document: document["input"].update(range=[0, 1]))
    with pytest.raises(InputError, match=r"input\.range is \[0, 1\]"):
        read_bundle(bundle)


def write_rows(bundle: Path, rows: list[dict[str, Any]]) -> None:
    """A report of these checks, as a verification would write it."""
    report = {"version": 2, "checks": rows}
    (bundle / "report.json").write_text(json.dumps({**report, "sha256": report_sha256(report)}))


BETTER = "model.onnx: 100.00 % of 1,000 test images are right, and at the export it was 75.00 % of 1,000"
SENSELESS = "its accuracy of model.onnx makes no sense"


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({}, ""),
        # An image more, with the points and the agreement that go with it, is what another processor may find.
        ({"accuracy": 0.751, "points_lost": -0.1, "agreement": 0.999}, ""),
        ({"accuracy": 0.7505}, SENSELESS),
        ({"accuracy": 0.751, "points_lost": -0.1}, SENSELESS),
        ({"accuracy": 1.0}, BETTER),
        ({"accuracy": 1.0, "points_lost": -25.0, "agreement": 0.75}, BETTER),
        ({"accuracy": float("nan")}, SENSELESS),
        ({"accuracy": "1.0"}, SENSELESS),
        ({"dataset": ["noise"]}, SENSELESS),
        ({"images": True}, SENSELESS),
    ],
)
def test_an_accuracy_that_is_typed_into_the_report_is_not_believed(typed: Any, problem: str, bundle: Path) -> None:
    with_facts(bundle)
    recorded = read_bundle(bundle).artifacts["model.onnx"].test
    assert recorded is not None
    rows = [
        {"file": name, "sha256": read_bundle(bundle).files[name].sha256, "test": {**recorded, **typed}}
        for name in ("model.onnx", "model.tflite")
    ]
    write_rows(bundle, rows[:1])
    assert measured_accuracy(read_bundle(bundle)) == {"model.onnx": 0.75}
    report = verify(bundle)
    assert report.problems == [f"report.json: {problem}"] * bool(problem)
    told = [check.note for check in report.checks if check.file == "report.json" and check.ok]
    assert bool(told) == bool(typed and not problem), "it is another one than that of the export"
    quarantine_failures(report, bundle)
    assert verify(bundle).ok, "a verification writes it anew"
    write_rows(bundle, rows[1:])
    if problem != SENSELESS:
        (found,) = (check for check in verify(bundle).checks if check.file == "report.json")
        assert found.status == "not checked", "the export measured nothing"
        assert f"`cnnref verify {bundle} --data-dir DATA` measures it" in found.note


@pytest.mark.parametrize(("measured", "told"), [(0.751, ""), (0.9, "75.10 % of 1,000 test images are right")])
def test_an_accuracy_of_the_report_is_held_to_what_is_measured_now(measured: float, told: str, bundle: Path) -> None:
    with_facts(bundle)
    test = {**(read_bundle(bundle).artifacts["model.onnx"].test or {}), "accuracy": 0.751, "agreement": 0.999}
    test["points_lost"] = -0.1
    write_rows(bundle, [{"file": "model.onnx", "test": test}])
    earlier = report_of_earlier(read_bundle(bundle))
    assert earlier is not None
    assert earlier.status == "not checked"
    now = {"model.onnx": Outcome("noise", 1000, measured, 0, 1, 0), "model.tflite": None}
    earlier = report_of_earlier(read_bundle(bundle), now)
    assert (earlier is not None) == bool(told)
    assert told in "".join(earlier.problems if earlier else [])


def test_accuracies_that_do_not_fit_each_other_are_told(bundle: Path) -> None:
    with_facts(bundle)
    recorded = read_bundle(bundle).artifacts["model.onnx"].test
    assert recorded is not None
    rows = [
        {"file": "model.onnx", "test": recorded},
        {"file": "model.tflite", "test": {**recorded, "accuracy": 0.751}},
    ]
    write_rows(bundle, rows)
    (problem,) = verify(bundle).problems
    assert problem.startswith("report.json: its accuracies do not fit together")
    assert problem.endswith("Keras would be right in 75.00 % and in 75.10 %")


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, '{"version": 2, "checks": 1}', '{"version": 1}'])
def test_a_damaged_report_is_told_and_written_anew(content: str, bundle: Path) -> None:
    (bundle / "report.json").write_text(content)
    report = verify(bundle)
    assert [problem.split(":")[0] for problem in report.problems] == ["report.json"]
    quarantine_failures(report, bundle)
    assert verify(bundle).ok


@pytest.mark.parametrize("change", [("0.75", "0.751"), ("sha256", "")])
def test_a_report_that_does_not_have_its_own_hash_is_told(change: tuple[str, str], bundle: Path) -> None:
    with_facts(bundle, lambda document: document["artifacts"]["model.onnx"].update(constants_sha256="0" * 64))
    write_rows(bundle, [{"file": "model.onnx", "test": read_bundle(bundle).artifacts["model.onnx"].test}])
    path = bundle / "report.json"
    assert report_of_earlier(read_bundle(bundle)) is None
    path.write_text(path.read_text().replace(*change))
    earlier = report_of_earlier(read_bundle(bundle))
    assert earlier is not None
    assert earlier.problems == ["it cannot be read, or is not as a verification wrote it"]
