"""OpenVINO gives what the network gives, in float32, whatever the CPU would rather compute in."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from in_process import benchmark
from tiny_bundle import Weights, onnx_bytes, pictures, probabilities

from cnnref.errors import InputError, VerificationError
from cnnref.peers.openvino import OpenVINORunner, in_openvino
from cnnref.runtimes import RuntimeMissingError, read_bundle

pytest.importorskip("openvino", reason="OpenVINO is not installed")


def test_it_computes_what_the_network_computes(pristine: Path) -> None:
    runner = OpenVINORunner(pristine / "model.onnx", threads=1)
    for count in (10, 1, 3):
        images = pictures()[:count]
        assert np.abs(runner.run(images) - probabilities(images, Weights())).max() < 1e-5
        assert np.array_equal(runner.run(images), runner.run(images.astype(np.float32)))
    assert runner.threads == 1
    assert runner.inputs()["image"].shape[1:] == (8, 8, 1)
    assert runner.outputs()["probabilities"].shape[-1] == 3
    assert list(runner.answer(pictures())) == ["probabilities"]


@pytest.mark.parametrize(("layout", "dtype"), [("nchw", "float32"), ("nhwc", "uint8")])
def test_it_feeds_the_layout_and_type_that_the_file_declares(tmp_path: Path, layout: str, dtype: str) -> None:
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(Weights(), layout=layout, dtype=dtype))
    runner = OpenVINORunner(tmp_path / "model.onnx", layout=layout)
    assert runner.inputs()["image"].dtype == dtype
    assert np.abs(runner.run(pictures()) - probabilities(pictures(), Weights())).max() < 1e-5


def test_an_answer_stays_what_it_was_when_the_next_is_asked_for(pristine: Path) -> None:
    runner = OpenVINORunner(pristine / "model.onnx")
    first = runner.run(pictures()[:2])
    kept = first.copy()
    runner.run(pictures()[5:7])
    assert np.array_equal(first, kept)


def test_what_cannot_be_loaded_or_run_is_named(tmp_path: Path, pristine: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(VerificationError, match=r"model\.onnx: OpenVINO cannot load it"):
        OpenVINORunner(tmp_path / "model.onnx")
    (tmp_path / "other.onnx").write_bytes(onnx_bytes(Weights(), output="scores_of_classes"))
    with pytest.raises(VerificationError, match="does not lead from 'image' to 'probabilities'"):
        OpenVINORunner(tmp_path / "other.onnx").run(pictures())
    with pytest.raises(InputError, match="is asked for"):
        OpenVINORunner(pristine / "model.onnx").run(pictures()[:, :7])


def test_the_bench_has_a_row_for_each_onnx_file(pristine: Path) -> None:
    others = in_openvino(read_bundle(pristine), threads=1)
    assert [one.label for one in others] == ["model.onnx in OpenVINO"]
    timing = benchmark(pristine, runs=1, threads=1, others=others)[-1]
    assert (timing.note, timing.threads, timing.peer) == ("", 1, False)
    assert timing.bytes == read_bundle(pristine).files["model.onnx"].bytes


def test_without_openvino_there_is_no_row(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert in_openvino(read_bundle(pristine)) == []
    with pytest.raises(RuntimeMissingError, match="openvino is not installed"):
        OpenVINORunner(pristine / "model.onnx")
