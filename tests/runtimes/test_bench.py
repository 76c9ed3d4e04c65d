"""A benchmark measures every artifact and says what with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cnnref.environment import cpu_name
from cnnref.errors import InputError
from cnnref.runtimes import benchmark, read_bundle


def test_every_artifact_gets_its_times(pristine: Path) -> None:
    timings = benchmark(pristine, runs=7, threads=1)
    assert [timing.file for timing in timings] == ["saved_model", "model.onnx", "model.tflite"]
    for timing in timings:
        assert timing.load_ms is not None
        assert timing.p50_ms is not None
        assert timing.p90_ms is not None
        assert timing.images_per_second is not None
        assert 0 < timing.load_ms < 60_000
        assert 0 < timing.p50_ms <= timing.p90_ms < 10_000
        assert timing.images_per_second > 1
        assert (timing.runs, timing.cpu, timing.note) == (7, cpu_name(), "")
    assert [timing.threads for timing in timings[1:]] == [1, 1]
    assert timings[1].bytes == read_bundle(pristine).files["model.onnx"].bytes
    assert timings[0].bytes == sum(file.stat().st_size for file in (pristine / "saved_model").rglob("*.*"))


def test_a_missing_runtime_leaves_its_times_open(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    saved, onnx, tflite = benchmark(pristine, runs=1)
    assert (onnx.note, onnx.p50_ms, onnx.runs) == ("not timed: onnxruntime is not installed", None, 0)
    assert (saved.note, saved.load_ms) == ("not timed: tensorflow is not installed", None)
    assert tflite.p50_ms is not None


def test_no_runs_and_no_threads_are_refused(pristine: Path) -> None:
    with pytest.raises(InputError, match="runs is 0"):
        benchmark(pristine, runs=0)
    with pytest.raises(InputError, match="threads is 0"):
        benchmark(pristine, threads=0)
