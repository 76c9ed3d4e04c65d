"""scripts/benchmarks: every contestant runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cnnref.exporters.proof import OTHER_HARDWARE

BENCHMARKS = Path(__file__).parent.parent / "scripts" / "benchmarks"


@pytest.mark.exhaustive
def test_all_contestants_are_timed() -> None:
    pytest.importorskip("torch")
    found = json.loads(printed_by("training_speed.py", "--rounds", "1", "--steps", "1", "--json"))
    assert len(found["images_a_second"]) == 5
    assert all(value > 0 for (value,) in found["images_a_second"].values())
    assert 0 < found["input_share"] < 1


@pytest.mark.exhaustive
def test_every_onnx_export_is_timed() -> None:
    heading, *lines = printed_by("export_speed.py", "--rounds", "1", "--models", "lenet5").splitlines()
    assert heading == "lenet5, best of 1:"
    assert [line[:28].strip() for line in lines] == [
        "cnnref, conversion alone",
        "cnnref.export, verified",
        "Keras' Model.export",
    ]
    assert all(int(line.split()[-2].replace(",", "")) > 200_000 for line in lines)


@pytest.mark.exhaustive
def test_a_step_reaches_a_part_of_the_peak() -> None:
    found = json.loads(printed_by("step_profile.py", "lenet5-mnist", "--rounds", "1", "--seconds", "0.1", "--json"))
    assert found["peak_gmacs"] > 0
    assert found["steps"]["lenet5-mnist, float32"]["images_a_second"] > 0
    assert all(0 < row["of_the_peak"] < 2 for row in found["steps"].values())


@pytest.mark.exhaustive
def test_other_kernels_stay_within_what_a_verification_allows() -> None:
    rows = json.loads(printed_by("other_kernels.py", "lenet5-mnist", "tinyvgg-cifar10", "--json"))
    assert len({row["kernels"] for row in rows}) == 5
    assert {row["file"] for row in rows} > {"model.int8.onnx", "model.int8.tflite", "model.dynamic.tflite"}
    assert all(0 < row["times"] < OTHER_HARDWARE for row in rows)


def printed_by(script: str, *arguments: str) -> str:
    """What a benchmark prints on standard output."""
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=BENCHMARKS.parent.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
