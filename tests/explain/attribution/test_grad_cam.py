"""Grad-CAM of networks that are put together in unusual ways, and on every backend."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import odd_networks
import pytest
from odd_networks import classifier, fill, keras, layers, picture, residual, twice, with_head

from cnnref.errors import InputError
from cnnref.explain import activations, grad_cam

ENDS = ["nested head", "convolution, then flatten", "maps of one place", "layer", "operation", "none"]


@pytest.mark.parametrize("end", ENDS)
def test_the_score_is_that_before_the_softmax_wherever_it_is(end: str) -> None:
    model, image = with_head(end), picture((9, 8, 1))
    maps = activations(model, image, ["maps"])["maps"]
    kernel = next(weight for weight in model.get_weights() if weight.shape[-2:] == (5, 3)).reshape(5, 3)
    expected = np.maximum(maps @ kernel / 42, 0).transpose(2, 0, 1)
    found = [grad_cam(model, image, index, scaled=False) for index in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert expected.max() > 1e-4  # of the probability, slopes would be smaller and for one class of another sign


def test_a_model_in_a_model_is_opened() -> None:
    inner, image = classifier(), picture((9, 8, 3))
    outside = keras.Input((9, 8, 3))
    outer = keras.Model(outside, inner(outside))
    for index in range(4):
        expected = grad_cam(inner, image, index, scaled=False)
        np.testing.assert_allclose(grad_cam(outer, image, index, scaled=False), expected, atol=1e-7)
        np.testing.assert_array_equal(grad_cam(outer, image, index, "classifier/maps"), grad_cam(outer, image, index))
    assert expected.max() > 0


def test_slopes_are_those_of_differences_though_a_skip_runs_beside_the_layer() -> None:
    model, image = residual(), picture((6, 5, 2))
    values = activations(model, image)
    kernel, bias = model.get_layer("scores").get_weights()

    def score(second: np.ndarray, index: int) -> float:
        bent = model.get_layer("bent")(model.get_layer("norm")(second[None], training=False))
        after = np.asarray(model.get_layer("after")(values["first"][None] + np.asarray(bent)), np.float64)
        return float(after.ravel() @ kernel[:, index] + bias[index])

    step = 2.0**-6
    for index in range(3):
        slopes = np.zeros(values["second"].shape)
        for place in np.ndindex(slopes.shape):
            moved = np.zeros_like(values["second"])
            moved[place] = step
            ends = [score(values["second"] + sign * moved, index) for sign in (1, -1)]
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        expected = np.maximum(values["second"] @ slopes.mean((0, 1)), 0)
        found = grad_cam(model, image, index, "second", scaled=False)
        np.testing.assert_allclose(found, expected, atol=1e-4 * max(1, expected.max()))


def test_each_call_of_a_layer_has_maps_of_its_own() -> None:
    model, image = twice(), picture((8, 8, 1))
    values = activations(model, image)
    kernel = model.get_layer("scores").get_weights()[0]
    for index in range(2):
        second = np.maximum(values["shared#2"][:, :, 0] * kernel[:, index].mean(), 0)
        np.testing.assert_allclose(grad_cam(model, image, index, "shared#2", scaled=False), second, atol=1e-6)
    found = [grad_cam(model, image, index, "shared", scaled=False) for index in range(2)]
    assert max(one.max() for one in found) > 0
    for one in found:  # one map times one number
        shares = one[values["shared"][:, :, 0] > 0] / values["shared"][values["shared"] > 0]
        np.testing.assert_allclose(shares, shares.mean(), rtol=1e-4)


def test_what_is_no_classifier_or_lies_behind_the_scores_is_refused() -> None:
    with pytest.raises(InputError, match="pair gives 2 outputs, and a classifier is needed; choose one with"):
        grad_cam(odd_networks.two_outputs(), picture((6, 6, 1)))
    with pytest.raises(InputError, match=r"segments gives \[4, 4, 3\], and a classifier is needed"):
        grad_cam(odd_networks.of_maps(), picture((6, 6, 1)))
    with pytest.raises(InputError, match="scores do not depend on the maps of layer scores"):
        grad_cam(with_head("convolution, then flatten"), picture((9, 8, 1)), 0, "scores")
    with pytest.raises(InputError, match=r"index is 1\.5; give a whole number"):
        grad_cam(classifier(), picture((9, 8, 3)), 1.5)
    image = keras.Input((1, 1, 3))
    points = fill(keras.Model(image, layers.Softmax()(layers.Flatten()(layers.Conv2D(2, 1)(image)))))
    with pytest.raises(InputError, match="no maps with more than one place"):
        grad_cam(points, picture((1, 1, 3)))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_residual_network_has_the_same_maps_on_every_backend(backend: str) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    told = subprocess.run(
        [sys.executable, odd_networks.__file__],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    expected = odd_networks.cams()
    assert expected.max() > 1e-2
    np.testing.assert_allclose([float(one) for one in told.stdout.split()], expected, atol=1e-4)
