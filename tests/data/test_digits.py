import hashlib
from typing import Any

import numpy as np
import pytest

from cnnref.data import load


@pytest.fixture(scope="module")
def digits() -> Any:
    return load("digits")


def test_all_digits_are_there_with_a_fifth_of_each_for_the_test(digits: Any) -> None:
    train, test = np.bincount(digits.train_labels), np.bincount(digits.test_labels)
    assert (train + test).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (np.abs(test - (train + test) / 5) <= 0.5).all()
    assert digits.train_images.shape == (1438, 28, 28, 1)
    assert digits.test_images.shape == (359, 28, 28, 1)


def test_images_are_like_those_of_mnist(digits: Any) -> None:
    images = np.concatenate([digits.train_images, digits.test_images])[..., 0]
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    inner = np.zeros((28, 28), bool)
    inner[4:24, 4:24] = True
    assert not images[:, ~inner].any()
    assert images[:, 4].any()
    assert images[:, 23].any()


def test_an_enlarged_digit_has_the_mean_of_the_small_one(digits: Any) -> None:
    from sklearn.datasets import load_digits

    small = load_digits().images.mean() / 16
    large = np.concatenate([digits.train_images, digits.test_images])[:, 4:24, 4:24].mean() / 255
    assert large == pytest.approx(small, rel=0.02)


def test_the_division_is_the_same_everywhere(digits: Any) -> None:
    found = hashlib.sha256(digits.test_labels.tobytes()).hexdigest()[:16]
    assert found == "bfc50f70029db073"
    again = load("digits")
    np.testing.assert_array_equal(again.test_images, digits.test_images)
