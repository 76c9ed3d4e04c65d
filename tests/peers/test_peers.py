"""Peers are the same network, made by others; whatever becomes of making them, the bundle is still timed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import benchmark

import cnnref
from cnnref.environment import keras, layers
from cnnref.errors import InputError, VerificationError
from cnnref.models.saving import save_model
from cnnref.peers import exports as peer_exports
from cnnref.peers.contestants import TORCH, peers
from cnnref.peers.keras_runner import KerasRunner
from cnnref.runtimes import read_bundle, read_samples
from cnnref.runtimes.bench import KERAS, Contestant

OTHERS = [
    ("model.keras", KERAS),
    ("SavedModel", KERAS),
    ("ONNX (tf2onnx)", KERAS),
    ("TFLite", KERAS),
    ("ONNX", TORCH),
    ("ONNX (TorchScript)", TORCH),
]


def network() -> keras.Model:
    """Neither square nor gray, with an input that is not called `image`."""
    pixels = keras.Input((10, 8, 3), name="pixels")
    x = layers.Rescaling(1 / 255, offset=-0.5)(pixels)
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    return keras.Model(pixels, layers.Dense(5, activation="softmax")(x), name="small")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("peers") / "small"
    cnnref.export(network(), folder, formats=["onnx"], precisions=["float32"])
    return folder


def without_openvino(contestants: list[Contestant]) -> list[Contestant]:
    return [one for one in contestants if "OpenVINO" not in one.label]


def test_the_peers_compute_what_keras_computes_and_their_files_vanish(bundle: Path) -> None:
    with peers(bundle, threads=1) as others:
        made = without_openvino(others)
        timings = {(timing.file, timing.by): timing for timing in benchmark(bundle, runs=2, threads=1, others=made)}
        assert list(timings) == [("model.onnx", "cnnref"), *OTHERS]
        samples = read_samples(read_bundle(bundle))
        paths = []
        for one in made:
            if one.by == TORCH and importlib.util.find_spec(TORCH) is None:
                assert one.note == "not timed: torch is not installed"
                continue
            if one.label == "ONNX" and importlib.util.find_spec("onnxscript") is None:
                assert one.note == "not timed: onnxscript is not installed"
                continue
            assert one.note == timings[one.label, one.by].note == ""
            assert one.open is not None
            runner = one.open()
            assert np.abs(runner.run(samples.images) - samples.probabilities).max() < 1e-5
            assert timings[one.label, one.by].of_keras
            assert one.bytes > 1000
            paths.append(runner.path)
        assert all(path.exists() for path in paths)
    assert [path for path in paths if path.exists()] == [bundle / "model.keras"]


def test_an_export_that_takes_too_long_is_given_up(bundle: Path) -> None:
    with peers(bundle, timeout=0.2) as others:
        assert [(one.label, one.by) for one in without_openvino(others)] == OTHERS
        first, *rest = without_openvino(others)
        assert first.open is not None
        for one in rest:
            assert (one.open, one.bytes) == (None, 0)
            installed = importlib.util.find_spec("torch") is not None
            slow = "the export took longer than 0.2 s"
            assert one.note == f"not timed: {slow if installed or one.by != TORCH else 'torch is not installed'}"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the interpreter")
@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("echo chatter >&2; echo 'OSError: the disk is full' >&2; exit 1", "OSError: the disk is full"),
        ("exit 3", "the export ended with exit status 3"),
        ("kill -11 $$", "the export was ended by signal 11"),
    ],
)
def test_an_exporter_that_breaks_leaves_one_line(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, note: str
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with peers(bundle) as others:
        assert {one.note for one in others if one.by == KERAS and one.label != "model.keras"} == {f"not timed: {note}"}


def test_a_format_that_fails_does_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(network(), tmp_path / "model.keras")

    def fails(_: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("cannot\n do this")

    def lacks(*_: Any) -> None:
        raise ModuleNotFoundError("No module named 'x'", name="x")

    def works(model: Any, path: Path) -> None:
        path.write_text(model.name)

    monkeypatch.setitem(peer_exports.EXPORTS, "tensorflow", {"a": fails, "b": lacks, "c": works})
    folder = tmp_path / "made"
    folder.mkdir()
    peer_exports.write_all(tmp_path / "model.keras", folder)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"c", "notes.json"}
    assert (folder / "c").read_text() == "small"
    assert json.loads((folder / "notes.json").read_text()) == {"a": "cannot do this", "b": "x is not installed"}


def test_a_bundle_without_keras_has_no_peers_and_says_so(bundle: Path, tmp_path: Path) -> None:
    document = json.loads((bundle / "bundle.json").read_text())
    del document["artifacts"]["model.keras"]
    (tmp_path / "bundle.json").write_text(json.dumps(document))
    with peers(tmp_path) as others:
        (only,) = without_openvino(others)
        assert (only.label, only.open) == ("model.keras", None)
        assert "the bundle has no .keras file" in only.note


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no bundle\.json"), peers(tmp_path):
        pass


def test_keras_itself_is_one_function_for_every_batch(bundle: Path) -> None:
    runner = KerasRunner(bundle / "model.keras", threads=1)
    samples = read_samples(read_bundle(bundle))
    for count in (8, 1, 3):
        found = runner.run(samples.images[:count])
        assert found.dtype == np.float32
        assert np.abs(found - samples.probabilities[:count]).max() < 1e-6
    assert runner.inputs()["image"].shape == (None, 10, 8, 3)
    assert runner.outputs()["probabilities"].shape == (None, 5)
    assert list(runner.answer(samples.images)) == ["probabilities"]
    assert runner.path == bundle / "model.keras"
    assert runner.threads >= 1
    with pytest.raises(InputError, match="is asked for"):
        runner.run(samples.images[:, :5])


def test_keras_on_another_backend_is_not_timed(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(VerificationError, match="Keras runs on jax here"):
        KerasRunner(bundle / "model.keras")


def test_a_damaged_keras_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.keras is not a complete \.keras file"):
        KerasRunner(Path(tmp_path / "model.keras"))
