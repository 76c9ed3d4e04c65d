"""Accuracy counts decisions, whatever the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bundle import Weights, pictures, probabilities

from cnnref.errors import InputError
from cnnref.runtimes import accuracy, open_artifact, read_bundle


class Table:
    """Looks its answer up: the first pixel of an image is a row number."""

    def __init__(self, scores: Any) -> None:
        self.scores = np.asarray(scores, np.float32)
        self.sizes: list[int] = []

    def run(self, images: np.ndarray) -> np.ndarray:
        self.sizes.append(len(images))
        return self.scores[images[:, 0, 0, 0]]


def rows(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)


def test_accuracy_of_a_real_file_is_that_of_the_reference(pristine: Path) -> None:
    images = pictures(20)
    decided = probabilities(images, Weights()).argmax(axis=1)
    runner = open_artifact(read_bundle(pristine), "model.onnx")
    assert accuracy(runner, images, decided) == 1
    wrong = np.where(np.arange(20) < 5, (decided + 1) % 3, decided)
    assert accuracy(runner, images, wrong) == 0.75


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=30),
    st.integers(1, 40),
    st.data(),
)
@settings(max_examples=50, deadline=None)
def test_the_batch_does_not_change_the_accuracy(scores: Any, batch: int, data: st.DataObject) -> None:
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(scores), max_size=len(scores))))
    table = Table(scores)
    expected = np.mean(np.argmax(table.scores, axis=1) == labels)
    assert accuracy(table, rows(len(scores)), labels, batch=batch) == expected
    assert max(table.sizes) <= batch
    assert sum(table.sizes) == len(scores)


def test_a_single_output_is_a_yes_from_one_half_on() -> None:
    table = Table([[0.2], [0.5], [0.9], [0.49]])
    assert accuracy(table, rows(4), np.array([0, 1, 1, 0])) == 1
    assert accuracy(table, rows(4), np.array([1, 0, 1, 0])) == 0.5


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [0, -1, 1], [0.0, 1.0, 1.0]])
def test_labels_that_do_not_fit_are_refused(labels: list[Any]) -> None:
    with pytest.raises(InputError, match="labels"):
        accuracy(Table(np.eye(3)), rows(3), np.array(labels))


def test_no_images_and_no_batch_are_refused() -> None:
    with pytest.raises(InputError, match="no images"):
        accuracy(Table(np.eye(3)), rows(0), np.zeros(0, np.int64))
    with pytest.raises(InputError, match="batch is 0"):
        accuracy(Table(np.eye(3)), rows(3), np.array([0, 1, 2]), batch=0)
