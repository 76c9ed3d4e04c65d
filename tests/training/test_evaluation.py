"""Evaluation: accuracy, loss and confusion of a network whose answers are known."""

from typing import Any

import numpy as np
import pytest

from cnnref import models
from cnnref.environment import keras, layers
from cnnref.training import evaluate
from cnnref.training.evaluation import recompute_statistics, views_of


@pytest.fixture(scope="module")
def model() -> Any:
    """The softmax of a picture's three pixels: [n, 1, 3, 1] -> [n, 3]."""
    image = keras.Input((1, 3, 1), name="image")
    return keras.Model(image, layers.Softmax()(layers.Flatten()(image)))


def test_all_numbers_are_those_of_the_definition(model: Any) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 6, (1203, 1, 3, 1)).astype(np.uint8)  # more than two batches, the last one short
    labels = random.integers(0, 3, 1203)
    found = evaluate(model, images, labels)

    powers = np.exp(images.reshape(-1, 3).astype(np.float64))
    scores = powers / powers.sum(axis=1, keepdims=True)
    predicted = scores.argmax(axis=1)
    assert found["errors"] == (predicted != labels).sum()
    assert found["images"] == 1203
    assert found["accuracy"] == pytest.approx(1 - found["errors"] / 1203)
    assert found["loss"] == pytest.approx(-np.log(scores[np.arange(1203), labels]).mean(), rel=1e-5)
    matrix = np.array([[((labels == t) & (predicted == p)).sum() for p in range(3)] for t in range(3)])
    np.testing.assert_array_equal(found["confusion_matrix"], matrix)


def test_a_class_that_no_picture_has_still_has_its_row(model: Any) -> None:
    images = np.array([[9, 0, 0], [0, 0, 9]], np.uint8).reshape(2, 1, 3, 1)
    found = evaluate(model, images, np.array([0, 0]))
    np.testing.assert_array_equal(found["confusion_matrix"], [[1, 0, 1], [0, 0, 0], [0, 0, 0]])


def test_a_certain_mistake_has_a_finite_loss(model: Any) -> None:
    images = np.array([[255, 0, 0]], np.uint8).reshape(1, 1, 3, 1)
    assert evaluate(model, images, np.array([1]))["loss"] == pytest.approx(-np.log(1e-12))


@pytest.mark.parametrize(("views", "count"), [("", 1), ("mirror", 2), ("shift", 3), ("mirror+shift", 6)])
def test_views_are_the_picture_mirrored_and_moved_by_one_pixel(views: Any, count: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 1)).astype(np.uint8)
    found = list(views_of(images, views))
    assert len(found) == count
    assert sum(weight for weight, _ in found) == pytest.approx(1)
    np.testing.assert_array_equal(found[0][1], images)
    if "mirror" in views:
        np.testing.assert_array_equal(found[1][1], images[:, :, ::-1])
    if "shift" in views:
        lower, upper = found[-1][1], found[-1 - count // 3][1]
        if "mirror" in views:
            lower, upper = lower[:, :, ::-1], upper[:, :, ::-1]
        np.testing.assert_array_equal(lower[:, :-1, :-1], images[:, 1:, 1:])
        np.testing.assert_array_equal(upper[:, 1:, 1:], images[:, :-1, :-1])


def test_views_average_the_logarithms_of_the_probabilities(model: Any) -> None:
    images = np.array([[3, 1, 0], [0, 1, 5]], np.uint8).reshape(2, 1, 3, 1)
    logits = images.reshape(2, 3).astype(np.float64)
    mean = (logits + logits[:, ::-1]) / 2  # the logarithm of a softmax is its logits, but for a constant
    scores = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    found = evaluate(model, images, np.array([1, 2]), "mirror")
    assert found["loss"] == pytest.approx(-np.log(scores[[0, 1], [1, 2]]).mean(), rel=1e-5)


def test_statistics_become_those_of_the_pictures() -> None:
    model = models.build("resnet8", (16, 16, 3), 4)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    random = np.random.default_rng(0)
    batches = [random.integers(0, 256, (8, 16, 16, 3)).astype(np.uint8) for _ in range(3)]
    recompute_statistics(model, iter(batches))
    stem = keras.Model(model.input, model.get_layer("stem").output)
    values = [np.asarray(stem(batch.astype(np.float32))) for batch in batches]
    first = model.get_layer("stem_bn")
    means, variances = ([f(v, axis=(0, 1, 2)) for v in values] for f in (np.mean, np.var))
    np.testing.assert_allclose(np.asarray(first.moving_mean), np.mean(means, axis=0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.asarray(first.moving_variance), np.mean(variances, axis=0), rtol=1e-4)
    assert [layer.momentum for layer in norms] == momenta
    for layer in norms[1:]:
        assert (np.asarray(layer.moving_variance) != 1).any()
