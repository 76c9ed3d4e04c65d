from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cnnref.data import Dataset, channel_statistics
from cnnref.errors import InputError


def dataset(labels: Any, classes: Any = None) -> Any:
    """Images whose pixels are their place in the data set."""
    labels = np.asarray(labels, np.int64)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    names = tuple(f"class {number}" for number in range(classes or labels.max() + 1))
    return Dataset("made", images, labels, images[:1], labels[:1], names, "a test")


label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(label_lists, st.data(), st.integers(0, 2**32 - 1))
def test_a_split_is_exact_disjoint_complete_and_in_proportion(labels: Any, data: Any, seed: Any) -> None:
    validation = data.draw(st.integers(0, len(labels) - 1))
    made = dataset(labels, classes=5)
    images, kept, held_images, held = made.split(validation, seed)
    assert len(held) == len(held_images) == validation
    places = [*images.ravel().tolist(), *held_images.ravel().tolist()]
    assert sorted(places) == list(range(len(labels)))
    np.testing.assert_array_equal(made.train_labels[places], [*kept, *held])
    exact = np.bincount(labels, minlength=5) * validation / len(labels)
    assert (np.abs(np.bincount(held, minlength=5) - exact) < 1).all()


def test_a_split_is_decided_by_its_seed() -> None:
    made = dataset(np.arange(100) % 4)
    first, again, other = (made.split(20, seed)[2].ravel() for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (np.diff(first) > 0).all()


def test_no_validation_images_are_empty_arrays_of_the_same_shape() -> None:
    images, labels, held_images, held = dataset([0, 1, 1]).split(0, 0)
    assert (images.shape, labels.tolist()) == ((3, 1, 1, 1), [0, 1, 1])
    assert (held_images.shape, held.shape) == ((0, 1, 1, 1), (0,))


@pytest.mark.parametrize("validation", [-1, 3, 4])
def test_a_split_that_leaves_nothing_is_refused(validation: Any) -> None:
    with pytest.raises(InputError, match="the 3 training images of made; choose 0 to 2"):
        dataset([0, 1, 1]).split(validation, 0)


@settings(deadline=None, max_examples=40)
@given(arrays(np.uint8, array_shapes(min_dims=4, max_dims=4, max_side=5)))
def test_statistics_are_those_of_the_values_scaled_to_1(images: Any) -> None:
    means, deviations = channel_statistics(images)
    scaled = images / 255
    np.testing.assert_allclose(means, scaled.mean((0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(deviations, scaled.std((0, 1, 2)), atol=1e-12)


def test_statistics_of_more_images_than_one_chunk_count_all_of_them() -> None:
    images = np.zeros((2001, 1, 1, 2), np.uint8)
    images[-1] = 255
    means, _ = channel_statistics(images)
    assert means == pytest.approx((1 / 2001, 1 / 2001))


@pytest.mark.parametrize(
    "images", [np.zeros((0, 2, 2, 1), np.uint8), np.zeros((2, 2, 1), np.uint8), np.zeros((1, 2, 2, 1))]
)
def test_statistics_of_anything_else_are_refused(images: Any) -> None:
    with pytest.raises(InputError, match="Statistics need uint8"):
        channel_statistics(images)


def test_a_data_set_prints_without_its_pixels() -> None:
    assert repr(dataset([0, 1])) == "Dataset(name='made', labels=('class 0', 'class 1'), source='a test')"


def test_the_hash_of_a_data_set_is_that_of_its_training_images_and_labels() -> None:
    made = dataset(np.arange(12) % 3)
    assert made.sha256() == dataset(np.arange(12) % 3).sha256()
    other = dataset(np.arange(12) % 3)
    other.train_images[7] += 1
    assert len({made.sha256(), other.sha256(), dataset(np.arange(12) % 3 // 2).sha256()}) == 3
