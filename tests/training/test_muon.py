"""Muon: what is orthogonal afterwards, which weights it is for, and its step beside one in NumPy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stopping import StopAfter

from cnnref import data, models
from cnnref.environment import keras
from cnnref.models.initializers import draw_weights
from cnnref.models.saving import weights_sha256
from cnnref.training import Recipe, Run
from cnnref.training.muon import convolution_kernels, newton_schulz
from cnnref.training.recipe import Optimizer, Schedule
from cnnref.training.train_state import TrainState
from cnnref.training.trainer import Settings, Trainer

RECIPE = Recipe(
    name="muon",
    model="lenet5",
    dataset="digits",
    epochs=0.4,
    batch_size=64,
    optimizer=Optimizer("muon", weight_decay=0.1),
    schedule=Schedule(0.0, "constant"),
)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    seed=st.integers(0, 1000),
    scale=st.floats(1e-3, 1e3),
)
def test_singular_values_end_near_one_and_their_vectors_stay(rows: int, columns: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    left, _ = np.linalg.qr(random.normal(size=(rows, min(rows, columns))))
    right, _ = np.linalg.qr(random.normal(size=(columns, min(rows, columns))))
    values = random.uniform(0.1, 1, min(rows, columns))
    found = np.asarray(
        newton_schulz(keras.ops.convert_to_tensor((scale * (left * values) @ right.T).astype("float32")))
    )
    in_their_basis = left.T @ found @ right
    diagonal = np.diagonal(in_their_basis)
    assert diagonal.min() > 0.65
    assert diagonal.max() < 1.25
    np.testing.assert_allclose(in_their_basis, np.diag(diagonal), atol=2e-4)


def test_it_is_for_convolutions_that_mix_channels_and_classify_nothing() -> None:
    names = {name: kernels_of(name) for name in ("lenet5", "mobilenet_v1_cifar", "squeezenet1_1_cifar", "resnet8")}
    assert len(names["lenet5"]) == sum(
        isinstance(layer, keras.layers.Conv2D) for layer in models.build("lenet5").layers
    )
    assert all(shape[-2:] != (shape[-2], 1) for shapes in names.values() for shape in shapes)
    whole = models.build("squeezenet1_1_cifar", (32, 32, 3), 10)
    convolutions = [layer for layer in whole.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(names["squeezenet1_1_cifar"]) == len(convolutions) - 1  # the last one classifies


def kernels_of(name: str) -> Any:
    shape = (28, 28, 1) if name == "lenet5" else (32, 32, 3)
    return [tuple(kernel.shape) for kernel in convolution_kernels(models.build(name, shape, 10))]


def orthogonal(matrix: Any) -> Any:
    """Newton and Schulz in float64, for a matrix [filters, all else]."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


@pytest.mark.parametrize(
    ("momentum", "of_kernels", "nesterov", "unit"),
    [(0.9, 0.9, True, False), (0.9, 0.6, False, True), (0.0, 0.6, True, True), (0.8, 0.0, False, False)],
)
def test_a_step_is_that_of_its_definition(momentum: float, of_kernels: float, nesterov: bool, unit: bool) -> None:
    model = models.build("lenet5", (12, 12, 1), 3)
    draw_weights(model, 3)
    optimizer = Optimizer(
        "muon", 0.03, momentum, nesterov, 0.2, sgd_rate=4.0, kernel_momentum=of_kernels, unit_filters=unit
    )
    state = TrainState(replace(RECIPE, optimizer=optimizer), model, 100)
    convolutions = {id(kernel) for kernel in convolution_kernels(state.network)}
    assert 0 < len(convolutions) < len(state.trained)
    values = [np.asarray(v.value).astype(np.float64) for v in state.trained]
    averages = [np.zeros_like(value) for value in values]
    for seed in range(3):
        random = np.random.default_rng(seed)
        gradients = [random.normal(size=value.shape).astype(np.float32) for value in values]
        state.update([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
        for place, (variable, gradient) in enumerate(zip(state.trained, gradients, strict=True)):
            kernel = id(variable) in convolutions
            kept = of_kernels if kernel else momentum
            averages[place] = kept * averages[place] + gradient
            ahead = gradient + kept * averages[place] if nesterov and kept else averages[place]
            if kernel and unit:
                values[place] *= gradient.shape[-1] ** 0.5 / np.linalg.norm(values[place])
            elif len(variable.shape) > 1:
                values[place] *= 1 - 0.03 * 0.2
            if kernel:
                height, width, channels, filters = gradient.shape
                matrix = ahead.reshape(-1, filters).T
                scale = max(1, filters / (height * width * channels)) ** 0.5
                values[place] -= 0.03 * scale * orthogonal(matrix).T.reshape(gradient.shape)
            else:
                values[place] -= 0.03 * 4 * ahead
    for variable, expected in zip(state.trained, values, strict=True):
        np.testing.assert_allclose(np.asarray(variable.value), expected, rtol=1e-3, atol=1e-4)


def test_a_run_with_muon_ends_alike_however_it_is_cut(tmp_path: Path) -> None:
    digits, fixed = data.load("digits"), Settings(quiet=True, checkpoint_seconds=0)
    whole, cut = (Run(tmp_path / name) for name in ("whole", "cut"))
    first = Trainer.prepare(RECIPE, digits, fixed)
    first.run(whole, resume=False)
    with pytest.raises(KeyboardInterrupt):
        Trainer.prepare(RECIPE, digits, fixed).run(cut, resume=False, callbacks=[StopAfter(4)])
    resumed = Trainer.prepare(RECIPE, digits, fixed)
    resumed.run(cut, resume=True)
    assert resumed.progress.step == first.progress.step > 4
    assert weights_sha256(resumed.model) == weights_sha256(first.model)


def test_the_classifier_alone_learns_at_its_own_rate() -> None:
    model = models.build("lenet5", (12, 12, 1), 3)
    for layer in model.layers:
        layer.trainable = layer.name == "logits"
    state = TrainState(RECIPE, model, 100, rate=0.5)
    before = [np.asarray(v.value) for v in state.trained]
    state.update([keras.ops.ones(v.shape) for v in state.trained])
    assert len(before) == 2
    bias = next(place for place, v in enumerate(state.trained) if len(v.shape) == 1)
    np.testing.assert_allclose(before[bias] - np.asarray(state.trained[bias].value), 0.5 * 1.9, rtol=1e-5)
