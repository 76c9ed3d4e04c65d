"""A model of each family, with real weights and a small input: it computes, learns, and comes back from its file.

With CNNREF_EVERY_NAME=1 it is every model that is listed.

Each is built once, for seven classes, with its smallest input (but at least 32) and a little wider than high.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chosen_names import chosen
from small_models import answers, forget, randomise, small_shape, smallest_square, some_images

from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.saving import load_model, save_model, weights_sha256

#: One network of each kind of block; the others are for the exhaustive run.
QUICK = {"lenet5", "squeezenet1_1_cifar", "resnet8", "mobilenet_v3_small_cifar", "shufflenet_v2_x1_0_cifar", "tinyvgg"}


def each(names: Iterable[str]) -> list[Any]:
    """The names as parameters, all but the quick ones marked."""
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in names]


@pytest.fixture(scope="module", params=each(sorted({*chosen(), *QUICK})))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: Any) -> Iterator[Any]:
    """Weights as they are when training begins."""
    yield models.build(name, small_shape(name), classes=7)
    forget()


def test_fresh_weights_give_probabilities(model: Any) -> None:
    for images in (np.zeros((1, *model.input_shape[1:]), np.float32), some_images(model.input_shape[1:])):
        scores = answers(model, images)
        assert scores.shape == (len(images), 7)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_a_gradient_reaches_every_trainable_weight(model: Any) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow's tape")
    import tensorflow as tf

    randomise(model)  # with fresh statistics, the maps of a deep network explode and its softmax is flat
    images = some_images(model.input_shape[1:], 4)
    with tf.GradientTape() as tape:
        # Not the probabilities: their sum is constant and has no gradient.
        loss = tf.reduce_sum(tf.math.log(model(images)[:, ::2] + 1e-9))
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


def test_a_saved_model_comes_back(model: Any, tmp_path: Path) -> None:
    save_model(randomise(model, seed=1), tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    images = some_images(model.input_shape[1:])
    np.testing.assert_array_equal(answers(loaded, images), answers(model, images))
    assert [operation.name for operation in loaded.operations] == [operation.name for operation in model.operations]
    assert weights_sha256(loaded) == weights_sha256(model)


def test_without_its_top_a_model_gives_feature_maps(name: Any) -> None:
    outline = models.outline(name, include_top=False)
    assert len(outline.output_shape) == 4
    assert not {"logits", "probabilities", "class_maps"} & {layer.name for layer in outline.layers}


def test_the_smallest_input_that_is_named_works_and_one_less_does_not(name: Any) -> None:
    channels = models.spec(name).input_shape[2]
    smallest = smallest_square(name, channels)
    outline = models.outline(name, (smallest, smallest, channels), classes=10)
    assert outline.output_shape == (None, 10)
    less = smallest - 1
    with pytest.raises(InputError, match=rf"{less}x{less} is too small for {name}: \w+ has a .* works is {smallest}x"):
        models.outline(name, (less, less, channels))
