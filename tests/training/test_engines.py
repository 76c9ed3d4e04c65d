"""The engines: every backend computes the same run, on one device, on several, and in several processes."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from first_losses import RECIPE, first_losses, noise
from numpy.typing import NDArray

from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.initializers import draw_weights
from cnnref.models.saving import save_model
from cnnref.training.cluster import join
from cnnref.training.engines import check_devices, make_engine, tensorflow
from cnnref.training.engines.fused_batch_norm import fused_batch_norm
from cnnref.training.trainer import Settings, Trainer

STEPS = 20
SCRIPT = Path(__file__).with_name("first_losses.py")


def start(*arguments: Any, backend: Any = "jax", **variables: Any) -> Any:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, **variables},
    )


def losses_of(process: Any) -> Any:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return np.array(json.loads(output.splitlines()[-1]))


@pytest.fixture(scope="module")
def on_tensorflow() -> Any:
    return np.array(first_losses("resnet8", STEPS))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_first_losses_are_those_of_tensorflow(on_tensorflow: NDArray[np.float64], backend: str) -> None:
    pytest.importorskip(backend)
    np.testing.assert_allclose(losses_of(start("resnet8", STEPS, "one", 0, backend=backend)), on_tensorflow, atol=1e-4)
    assert len(set(on_tensorflow)) == STEPS


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_pictures_that_grow_give_the_same_losses_too(on_tensorflow: NDArray[np.float64], backend: str) -> None:
    pytest.importorskip(backend)
    grown = np.array(first_losses("resnet8", STEPS, small=12))
    assert abs(grown[0] - on_tensorflow[0]) > 1e-3
    np.testing.assert_allclose(losses_of(start("resnet8", STEPS, "one", 12, backend=backend)), grown, atol=1e-4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_weights_of_classes_give_the_same_losses_too(on_tensorflow: NDArray[np.float64], backend: str) -> None:
    pytest.importorskip(backend)
    weighted = np.array(first_losses("resnet8@weighted", STEPS))
    assert abs(weighted[0] - on_tensorflow[0]) > 1e-3
    found = losses_of(start("resnet8@weighted", STEPS, "one", 0, backend=backend))
    np.testing.assert_allclose(found, weighted, atol=1e-4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("asked", ["", "@stored"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_teacher_gives_the_same_losses_too(
    on_tensorflow: NDArray[np.float64], tmp_path: Path, backend: str, asked: str
) -> None:
    pytest.importorskip(backend)
    teacher = models.build("lenet5", (16, 16, 3), 10)
    draw_weights(teacher, 5)
    save_model(teacher, tmp_path / "model.keras")
    model = f"resnet8@{tmp_path}{asked}"
    taught = np.array(first_losses(model, STEPS))
    assert abs(taught[0] - on_tensorflow[0]) > 1e-2
    np.testing.assert_allclose(losses_of(start(model, STEPS, "one", 0, backend=backend)), taught, atol=1e-4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_muon_gives_the_same_losses_too(on_tensorflow: NDArray[np.float64], backend: str) -> None:
    pytest.importorskip(backend)
    losses = np.array(first_losses("resnet8@muon", STEPS))
    assert abs(losses[-1] - on_tensorflow[-1]) > 1e-3
    np.testing.assert_allclose(losses_of(start("resnet8@muon", STEPS, "one", 0, backend=backend)), losses, atol=1e-4)


@pytest.fixture(scope="module")
def on_one_device() -> Any:
    pytest.importorskip("jax")
    return losses_of(start("lenet5", STEPS, "one", 0))


@pytest.mark.exhaustive
def test_two_devices_train_as_one(on_one_device: NDArray[np.float64]) -> None:
    two = losses_of(start("lenet5", STEPS, "all", 0, XLA_FLAGS="--xla_force_host_platform_device_count=2"))
    np.testing.assert_allclose(two, on_one_device, atol=1e-5)


@pytest.mark.exhaustive
def test_batch_normalization_takes_its_statistics_over_all_devices(on_tensorflow: NDArray[np.float64]) -> None:
    pytest.importorskip("jax")
    two = losses_of(start("resnet8", 8, "all", 0, XLA_FLAGS="--xla_force_host_platform_device_count=2"))
    np.testing.assert_allclose(two, on_tensorflow[:8], atol=1e-4)


@pytest.mark.exhaustive
def test_two_processes_train_as_one(on_one_device: NDArray[np.float64]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [start("lenet5", STEPS, "all", 0, address, 2, number) for number in range(2)]
    for found in map(losses_of, processes):
        np.testing.assert_allclose(found, on_one_device, atol=1e-5)


def trainer(**changes: Any) -> Any:
    return Trainer.prepare(replace(RECIPE, **changes), noise(), Settings())


def steps_of(prepared: Any, count: Any) -> Any:
    state = prepared.train_state(prepared.phases[-1])
    engine = make_engine(state, prepared.plan, prepared.pictures, first_step=0, last_step=count)
    found = [engine.run(step, step + 1)[0][0] for step in range(count)]
    engine.close()
    return found, [np.asarray(variable) for variable in prepared.model.variables]


def test_fused_batch_normalization_gives_the_numbers_of_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    losses, variables = steps_of(trainer(), 4)
    with monkeypatch.context() as patched:
        patched.setattr(tensorflow, "fused_batch_norm", lambda _: contextlib.nullcontext())
        plain_losses, plain_variables = steps_of(trainer(), 4)
    assert losses != plain_losses  # other sums, so it was another operator
    np.testing.assert_allclose(losses, plain_losses, atol=2e-5)
    for found, expected in zip(variables, plain_variables, strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4 * max(1, np.abs(expected).max()))


def test_a_network_is_as_it_was_after_fusing() -> None:
    model = models.build("resnet8", (16, 16, 3), 4)
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    before = norm.call.__func__
    with fused_batch_norm(model):
        assert norm.call is not before
        assert "call" in vars(norm)
    assert norm.call.__func__ is before


# TensorFlow looks at the processor and not at this limit, so it asks oneDNN for what oneDNN may not do.
@pytest.mark.skipif(
    not os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper().startswith(("ALL", "DEFAULT", "AVX512", "AVX10", "AMX")),
    reason="ONEDNN_MAX_CPU_ISA forbids the instructions for bfloat16",
)
def test_bfloat16_learns_alike_and_keeps_its_weights_in_float32() -> None:
    exact, _ = steps_of(trainer(), STEPS)
    prepared = trainer(precision="bfloat16")
    rough, variables = steps_of(prepared, STEPS)
    assert {str(array.dtype) for array in variables} == {"float32"}
    assert prepared.model.get_layer("stem").compute_dtype == "bfloat16"
    assert prepared.model.get_layer("logits").compute_dtype == "float32"
    assert exact != rough
    np.testing.assert_allclose(rough, exact, rtol=0.05)
    assert {layer.compute_dtype for layer in prepared.final_model().layers} == {"float32"}


def test_all_devices_need_jax() -> None:
    with pytest.raises(InputError, match="on JAX only, and Keras runs on tensorflow; set KERAS_BACKEND=jax"):
        check_devices("all")
    check_devices("one")


def test_only_jax_joins_processes() -> None:
    with pytest.raises(InputError, match="train together with Keras on JAX only; set KERAS_BACKEND=jax"):
        join("127.0.0.1:1", 2, 0)


def test_a_process_that_is_not_among_them_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="process is 2 of 2; give a number from 0 to 1"):
        join("127.0.0.1:1", 2, 2)
