"""Speednet against a restatement of airbench94's network in PyTorch, and its convolutions as they begin."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import answers, randomise, some_images

from cnnref import models
from cnnref.environment import keras, seed_everything
from cnnref.models.initializers import with_identity
from cnnref.models.saving import save_model

BLOCKS = [f"stage{stage}_conv{place}" for stage in (1, 2, 3) for place in (1, 2)]


@pytest.fixture(scope="module")
def fresh() -> Any:
    seed_everything(0)
    return models.build("speednet", classifier_activation=None)


def restated(model: Any) -> Any:
    """airbench94's forward pass with the weights of our model: [n, c, h, w] to logits."""
    torch = pytest.importorskip("torch", reason="the network is compared with PyTorch")
    functional = torch.nn.functional

    def kernel(name: Any) -> Any:
        return torch.tensor(np.asarray(model.get_layer(name).kernel).transpose(3, 2, 0, 1).copy())

    def norm(x: Any, name: Any) -> Any:
        layer = model.get_layer(f"{name}_bn")
        offset, mean, variance = (
            torch.tensor(np.asarray(value)) for value in (layer.beta, layer.moving_mean, layer.moving_variance)
        )
        return functional.batch_norm(x, mean, variance, None, offset, eps=1e-12)

    def forward(x: Any) -> Any:
        bias = torch.tensor(np.asarray(model.get_layer("whiten").bias))
        x = functional.gelu(functional.conv2d(x, kernel("whiten"), bias))
        for first, second in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
            x = functional.max_pool2d(functional.conv2d(x, kernel(first), padding="same"), 2)
            x = functional.gelu(norm(x, first))
            x = functional.gelu(norm(functional.conv2d(x, kernel(second), padding="same"), second))
        x = functional.max_pool2d(x, 3).flatten(1)
        return functional.linear(x, torch.tensor(np.asarray(model.get_layer("logits").kernel).T.copy())) / 9

    return lambda images: forward(torch.tensor(images.transpose(0, 3, 1, 2).copy())).numpy()


def test_it_is_the_network_of_airbench94() -> None:
    model = randomise(models.build("speednet", classifier_activation=None))
    images = some_images((32, 32, 3), 4)
    found = answers(model, images)
    assert np.ptp(found) > 0.1
    np.testing.assert_allclose(found, restated(model)(images), rtol=0, atol=1e-4)


def test_its_layers_have_what_airbench94_gives_them(fresh: Any) -> None:
    assert fresh.get_layer("whiten").kernel.shape == (2, 2, 3, 24)
    assert fresh.get_layer("whiten").use_bias
    for name in BLOCKS:
        norm = fresh.get_layer(f"{name}_bn")
        assert (norm.momentum, norm.epsilon, norm.scale, norm.center) == (0.6, 1e-12, False, True)
        assert not fresh.get_layer(name).use_bias
    assert not fresh.get_layer("logits").use_bias
    assert [fresh.get_layer(f"stage{stage}").output.shape[1:] for stage in (1, 2, 3)] == [
        (15, 15, 64), (7, 7, 256), (3, 3, 256)
    ]  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_the_first_filters_begin_as_copies_of_the_channels(fresh: Any, name: str) -> None:
    layer = fresh.get_layer(name)
    x = np.random.default_rng(0).normal(size=(2, 5, 6, layer.input.shape[-1])).astype(np.float32)
    result = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(result[..., : x.shape[-1]], x)


@pytest.mark.parametrize("name", ["stage1_conv1", "stage2_conv1", "whiten", "logits"])
def test_the_other_weights_begin_as_those_of_pytorch(fresh: Any, name: str) -> None:
    kernel = np.asarray(fresh.get_layer(name).kernel)
    drawn = kernel if name == "logits" else kernel[..., kernel.shape[2] :]
    limit = 1 / np.sqrt(np.prod(kernel.shape[:-1]))
    assert 0.9 * limit < np.abs(drawn).max() <= limit * (1 + 1e-6)
    np.testing.assert_allclose(drawn.std(), limit / np.sqrt(3), rtol=0.15)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_identity_is_that_of_pytorch(height: Any, width: Any, channels: Any, filters: Any) -> None:
    torch = pytest.importorskip("torch", reason="the identity is compared with PyTorch's")
    kernel = np.random.default_rng(0).normal(size=(height, width, channels, filters))
    expected = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
    torch.nn.init.dirac_(expected[:channels])
    np.testing.assert_array_equal(with_identity(kernel), expected.numpy().transpose(2, 3, 1, 0))


def test_a_seed_draws_the_same_weights_again(fresh: Any) -> None:
    seed_everything(0)
    for one, other in zip(models.build("speednet").get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_its_file_opens_with_keras_alone(fresh: Any, tmp_path: Path) -> None:
    save_model(fresh, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as stored:
        config = json.loads(stored.read("config.json"))
    assert "cnnref" not in json.dumps(config)
    program = "import sys, keras; print(keras.saving.load_model(sys.argv[1]).count_params(), 'cnnref' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.keras")],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["1973944", "False"], done.stderr


def test_pictures_of_one_channel_are_whitened_with_eight_filters() -> None:
    assert models.outline("speednet", (28, 28, 1)).get_layer("whiten").kernel.shape == (2, 2, 1, 8)
