"""Evaluation: accuracy, loss and confusion of a network whose answers are known."""

import numpy as np
import pytest

from cnnref.environment import keras, layers
from cnnref.training import evaluate


@pytest.fixture(scope="module")
def model():
    """The softmax of a picture's three pixels: [n, 1, 3, 1] -> [n, 3]."""
    image = keras.Input((1, 3, 1), name="image")
    return keras.Model(image, layers.Softmax()(layers.Flatten()(image)))


def test_all_numbers_are_those_of_the_definition(model):
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


def test_a_class_that_no_picture_has_still_has_its_row(model):
    images = np.array([[9, 0, 0], [0, 0, 9]], np.uint8).reshape(2, 1, 3, 1)
    found = evaluate(model, images, np.array([0, 0]))
    np.testing.assert_array_equal(found["confusion_matrix"], [[1, 0, 1], [0, 0, 0], [0, 0, 0]])


def test_a_certain_mistake_has_a_finite_loss(model):
    images = np.array([[255, 0, 0]], np.uint8).reshape(1, 1, 3, 1)
    assert evaluate(model, images, np.array([1]))["loss"] == pytest.approx(-np.log(1e-12))
