"""Whitening: what comes out of the first layer is uncorrelated, of mean square 1, and each with its negative."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.training.whitening import filters_of, sums_of_products, whiten

EPSILON = 5e-4
SCALE = ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


def smooth_images(count: Any = 40, seed: Any = 0) -> Any:
    """Neighbouring pixels and colours alike, as in pictures."""
    noise = np.random.default_rng(seed).normal(size=(count, 34, 34, 3)).cumsum(axis=1).cumsum(axis=2)
    noise = noise[:, 2:, 2:] + 3 * noise[:, 2:, 2:].mean(axis=3, keepdims=True)
    noise = (noise - noise.mean()) / noise.std()
    grain = np.random.default_rng(seed + 1).normal(size=noise.shape)
    return np.clip(120 + 60 * noise + 2 * grain, 0, 255).astype(np.uint8)


def patches_of(images: Any, mean: Any, std: Any) -> Any:
    """Every 2x2 patch, normalized, cut out one by one."""
    scaled = (images / 255 - mean) / std
    height, width = images.shape[1] - 1, images.shape[2] - 1
    corners = [scaled[:, y : y + height, x : x + width] for y in (0, 1) for x in (0, 1)]
    return np.concatenate(corners, axis=3).reshape(-1, 12)


@pytest.fixture(scope="module")
def images() -> Any:
    return smooth_images()


@pytest.fixture(scope="module")
def whitened(images: Any) -> Any:
    model = models.build("speednet", normalization=SCALE)
    model.get_layer("whiten").bias.assign(np.ones(24, np.float32))
    whiten(model, images)
    return model


def test_outputs_are_uncorrelated_and_come_with_their_negatives(whitened: Any, images: Any) -> None:
    layers = keras.Model(whitened.input, whitened.get_layer("whiten").output)
    found = np.asarray(keras.ops.convert_to_numpy(layers(images.astype(np.float32)))).reshape(-1, 24).astype(np.float64)
    patches = patches_of(images, *SCALE)
    squares = np.linalg.eigvalsh(patches.T @ patches / len(patches))[::-1]
    assert squares[0] > 1000 * EPSILON
    assert squares[-1] < 10 * EPSILON, "epsilon must show"
    products = found[:, :12].T @ found[:, :12] / len(found)
    np.testing.assert_allclose(products, np.diag(squares / (squares + EPSILON)), rtol=0, atol=1e-3)
    np.testing.assert_allclose(found[:, 12:], -found[:, :12], rtol=0, atol=1e-4)


def test_the_filters_are_eigenvectors_by_the_formula(whitened: Any, images: Any) -> None:
    kernel = np.asarray(whitened.get_layer("whiten").kernel, np.float64).reshape(12, 24)[:, :12]
    patches = patches_of(images, *SCALE)
    products = patches.T @ patches / len(patches)
    squares = np.linalg.eigvalsh(products)[::-1]
    directions = kernel * np.sqrt(squares + EPSILON)
    np.testing.assert_allclose(directions.T @ directions, np.eye(12), rtol=0, atol=1e-4)
    np.testing.assert_allclose(products @ directions, directions * squares, rtol=0, atol=1e-4)
    assert (directions[np.abs(directions).argmax(axis=0), range(12)] > 0).all()


def test_raw_pixels_are_whitened_where_the_model_does_not_normalize(images: Any) -> None:
    model = models.build("speednet")
    whiten(model, images)
    patches = patches_of(images, np.zeros(3), np.full(3, 1 / 255))
    found = patches @ np.asarray(model.get_layer("whiten").kernel, np.float64).reshape(12, 24)[:, :12]
    np.testing.assert_allclose(found.T @ found / len(found), np.eye(12), rtol=0, atol=1e-3)


def test_pictures_behind_the_first_five_thousand_do_not_matter() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5001, 25, 25, 1)).astype(np.uint8)
    kernels = []
    for some in (pictures, pictures[:5000], pictures[1:]):
        model = models.build("speednet", (25, 25, 1), normalization=((0.5,), (0.25,)))
        whiten(model, some)
        kernels.append(np.asarray(model.get_layer("whiten").kernel))
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_the_sums_are_whole_numbers_whatever_the_order(images: Any) -> None:
    sums = sums_of_products(images, 2, 2)
    np.testing.assert_array_equal(sums, sums_of_products(images[::-1], 2, 2))
    patches = patches_of(images, np.zeros(3), np.full(3, 1 / 255)).round().astype(np.int64)
    np.testing.assert_array_equal(sums[:12, :12], patches.T @ patches)
    np.testing.assert_array_equal(sums[12], [*patches.sum(axis=0), len(patches)])


@given(st.integers(0, 10**6), st.floats(1e-5, 1e-3))
@settings(max_examples=25, deadline=None)
def test_the_sign_does_not_hang_on_rounding(seed: Any, tilt: Any) -> None:
    """An edge filter has entries of equal size and opposite sign; a last bit must not turn it round."""
    random = np.random.default_rng(seed)
    edge = np.array([[1.0, -1.0], [-1.0, 1.0]]) + np.diag([tilt, tilt])
    shaken = edge + 1e-12 * random.normal(size=(2, 2))
    np.testing.assert_allclose(filters_of((shaken + shaken.T) / 2, EPSILON), filters_of(edge, EPSILON), rtol=1e-6)


def test_a_model_without_the_layer_is_refused(images: Any) -> None:
    with pytest.raises(InputError, match="tinyvgg has no layer called 'whiten'"):
        whiten(models.build("tinyvgg", (32, 32, 3)), images)


@pytest.mark.parametrize(
    "wrong", [np.zeros((0, 32, 32, 3), np.uint8), np.zeros((4, 32, 32, 1), np.uint8), np.zeros((4, 32, 32, 3))]
)
def test_other_images_are_refused_with_their_shape(whitened: Any, wrong: Any) -> None:
    with pytest.raises(InputError, match=r"The images are \w+ \[\d, 32, 32, \d\]; speednet is whitened with uint8"):
        whiten(whitened, wrong)


def test_a_layer_of_another_width_is_refused(images: Any) -> None:
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Conv2D(16, 2, name="whiten")(image), name="other")
    with pytest.raises(InputError, match="has 16 filters; patches of 12 numbers need two each"):
        whiten(model, images)
