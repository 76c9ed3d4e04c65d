"""activations, grad_cam, occlusion, receptive_field: against the same computed another way, on networks of any kind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnref
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.explain import activations, grad_cam, occlusion, receptive_field
from cnnref.explain.attribution.occlusion import corners

layers = keras.layers


def picture(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)


def fill(model: Any) -> Any:
    """Weights that no layer can hide behind, small enough that a softmax is not all or nothing."""
    random = np.random.default_rng(3)
    model.set_weights(
        [
            random.normal(0, 0.1, weight.shape).astype(np.float32) + (0.5 * (weight.ndim == 1))
            for weight in model.get_weights()
        ]
    )
    return model


def foreign(head: str) -> Any:
    """A small network as a user would write it: raw pixels in, a softmax inside the last layer."""
    image = keras.Input((12, 10, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(5, 3, activation="relu", name="maps")(x)
    x = layers.Flatten()(x) if head == "flatten" else layers.GlobalAveragePooling2D()(x)
    return fill(keras.Model(image, layers.Dense(4, activation="softmax", name="last")(x)))


def test_activations_are_the_layers_one_by_one() -> None:
    model = cnnref.load("lenet5-mnist")
    image = picture((28, 28, 1))
    found = activations(model, image)
    value = image[None]
    for layer in model.layers[1:]:
        value = layer(value)
        np.testing.assert_allclose(found[layer.name], np.asarray(value)[0], atol=1e-5)
    assert list(found) == [layer.name for layer in model.layers]
    assert list(activations(model, image, ["conv2", "conv1"])) == ["conv2", "conv1"]


def test_activations_of_nested_models_and_of_layers_called_twice() -> None:
    inner_input = keras.Input((8, 8, 2))
    inner = keras.Model(inner_input, layers.Conv2D(2, 3, padding="same", name="stem")(inner_input), name="backbone")
    image = keras.Input((8, 8, 2))
    shared = layers.ReLU(name="curve")
    outer = fill(keras.Model(image, layers.Flatten(name="flat")(shared(inner(shared(image))))))
    found = activations(outer, picture((8, 8, 2)) - 100)
    assert {"curve", "backbone/stem", "curve#2", "flat"} <= set(found)
    np.testing.assert_allclose(found["curve#2"], np.maximum(found["backbone/stem"], 0))
    np.testing.assert_allclose(found["flat"], found["curve#2"].ravel())


@pytest.mark.parametrize("head", ["pool", "flatten"])
@pytest.mark.parametrize("index", [0, 3])
def test_grad_cam_is_its_closed_form(head: str, index: int) -> None:
    model, image = foreign(head), picture((12, 10, 3))
    maps = activations(model, image, ["maps"])["maps"]
    kernel = model.get_layer("last").get_weights()[0][:, index]
    weights = kernel / maps[:, :, 0].size if head == "pool" else kernel.reshape(maps.shape).mean((0, 1))
    expected = np.maximum(maps @ weights, 0)
    np.testing.assert_allclose(grad_cam(model, image, index, scaled=False), expected, atol=1e-6)
    scaled = grad_cam(model, image, index, "maps")
    np.testing.assert_allclose(scaled, expected / max(expected.max(), 1e-30), atol=1e-5)


def test_grad_cam_where_a_skip_runs_beside_the_layer() -> None:
    """Against differences of the score, for a layer that is no cut of the graph."""
    image = keras.Input((6, 6, 1))
    first = layers.Conv2D(3, 3, padding="same", name="first")(image)
    second = layers.Conv2D(3, 3, padding="same", activation="tanh", name="second")(first)
    joined = layers.Add(name="joined")([first, second])
    scores = layers.Dense(2, name="scores")(layers.GlobalAveragePooling2D()(joined))
    model = fill(keras.Model(image, layers.Softmax()(scores)))
    given_picture = picture((6, 6, 1)) / 255
    values = activations(model, given_picture)
    tail = model.get_layer("scores").get_weights()[0][:, 1] / 36
    expected = np.maximum(values["second"] @ tail, 0)  # each map's slope is the same everywhere
    np.testing.assert_allclose(grad_cam(model, given_picture, 1, "second", scaled=False), expected, atol=1e-6)


def test_grad_cam_of_a_single_output() -> None:
    image = keras.Input((8, 8, 1))
    maps = layers.Conv2D(4, 3, name="maps")(image)
    model = fill(keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(maps))))
    yes, no = (grad_cam(model, picture((8, 8, 1)) / 255, index, scaled=False) for index in (1, 0))
    assert np.all((yes == 0) | (no == 0))
    assert (yes + no).max() > 0


def test_grad_cam_reads_what_the_head_reads() -> None:
    for name, maps in (("lenet5", (5, 5)), ("resnet8", (8, 8)), ("tinyvgg", (13, 13))):
        model = cnnref.build(name)
        assert grad_cam(model, picture(model.input_shape[1:])).shape == maps
    small_models.forget()


def test_occlusion_is_every_patch_one_by_one() -> None:
    model, image = foreign("flatten"), picture((12, 10, 3))
    found = occlusion(model, image, 2, patch=4, stride=3, fill=(1, 2, 3), batch_size=2)
    whole = np.asarray(model(image[None]))[0, 2]
    rows, columns = [0, 3, 6, 8], [0, 3, 6]
    expected = np.empty((4, 3), np.float32)
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            copy = image.copy()
            copy[top : top + 4, left : left + 4] = (1, 2, 3)
            expected[row, column] = whole - np.asarray(model(copy[None]))[0, 2]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_covering_a_plain_picture_with_its_own_colour_changes_nothing() -> None:
    model = foreign("pool")
    assert np.abs(occlusion(model, np.full((12, 10, 3), 77.0))).max() < 1e-6
    assert occlusion(model, picture((12, 10, 3))).shape == (12, 10)  # a patch of one pixel


@given(st.integers(1, 300), st.data())
@settings(deadline=None)
def test_corners_cover_everything_and_stay_inside(size: int, data: st.DataObject) -> None:
    patch = data.draw(st.integers(1, size))
    stride = data.draw(st.integers(1, patch))
    found = corners(size, patch, stride)
    covered = np.zeros(size, bool)
    for at in found:
        assert 0 <= at <= size - patch
        covered[at : at + patch] = True
    assert covered.all()
    assert found == sorted(set(found))


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_a_unit_sees_its_receptive_field_and_nothing_else(data: st.DataObject) -> None:
    model, layer = FIELD_MODEL, data.draw(st.sampled_from(["one", "two", "three"]))
    rows, columns = model.get_layer(layer).output.shape[1:3]
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    seen = receptive_field(model, layer, row, column)
    image = picture((20, 17, 1), data.draw(st.integers(0, 99)))
    before = activations(model, image, [layer])[layer][row, column]
    outside = np.where(seen[:, :, None], image, 255 - image)
    np.testing.assert_array_equal(activations(model, outside, [layer])[layer][row, column], before)
    inside = np.where(seen[:, :, None], 255 - image, image)
    assert np.any(activations(model, inside, [layer])[layer][row, column] != before)


def _field_model() -> Any:
    image = keras.Input((20, 17, 1))
    x = layers.Conv2D(2, (5, 3), strides=2, padding="same", activation="tanh", name="one")(image)
    x = layers.AveragePooling2D(2, name="two")(x)
    x = layers.Conv2D(2, 2, dilation_rate=2, activation="tanh", name="three")(x)
    model = keras.Model(image, layers.Flatten(name="flat")(x))
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(1e-4, 1e-3, weight.shape) for weight in model.get_weights()])
    return model


FIELD_MODEL = _field_model()


def test_behind_flattening_all_is_seen() -> None:
    assert receptive_field(FIELD_MODEL, "flat", 0, 0).all()


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    model, image = foreign("pool"), picture((12, 10, 3))
    wrong = [
        (lambda: activations(model, image[:5]), r"The picture is \[5, 10, 3\], and .* takes \[12, 10, 3\]"),
        (lambda: activations(model, image * np.nan), "not finite"),
        (lambda: activations(model, image, ["map"]), "did you mean 'maps'"),
        (lambda: grad_cam(model, image, 4), "no class 4; give 0 to 3"),
        (lambda: grad_cam(model, image, 0, "last"), "has no maps"),
        (lambda: grad_cam(model, image, 0, "mops"), "did you mean 'maps'"),
        (lambda: occlusion(model, image, patch=11), "give a patch of 1 to 10"),
        (lambda: occlusion(model, image, fill=(1, 2)), "one a channel"),
        (lambda: receptive_field(model, "maps", 10, 0), "no unit at"),
        (lambda: receptive_field(model, "nothing", 0, 0), "no layer 'nothing'"),
        (lambda: activations(keras.Sequential([layers.Dense(3)]), image), "no graph of layers"),
    ]
    for call, said in wrong:
        with pytest.raises(InputError, match=said):
            call()


ON_A_BACKEND = """
import numpy as np
import cnnref
from cnnref.explain import activations, grad_cam, occlusion
model = cnnref.load("lenet5-mnist")
image = np.arange(784.0).reshape(28, 28, 1) % 251
print(*grad_cam(model, image, 3).ravel(), *occlusion(model, image, 3, stride=6).ravel())
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_say_the_same(backend: str) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    model = cnnref.load("lenet5-mnist")
    image = np.arange(784.0).reshape(28, 28, 1) % 251
    expected = [*grad_cam(model, image, 3).ravel(), *occlusion(model, image, 3, stride=6).ravel()]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    program = [sys.executable, "-c", ON_A_BACKEND]
    told = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stderr
    np.testing.assert_allclose([float(one) for one in told.stdout.split()], expected, atol=1e-4)
