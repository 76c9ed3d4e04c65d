"""The table of classes at the start of a run on one's own pictures, and what such a run is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnref.data.dataset import Dataset
from cnnref.training import recipe_for
from cnnref.training.class_counts import LISTED, class_counts, class_weights
from cnnref.training.phases import Pictures


def counted(training: list[int], test: list[int], validation: int = 0) -> list[str]:
    """The lines for classes of so many training and test pictures; the first class gives those for validation."""

    def labels(counts: list[int]) -> np.ndarray:
        return np.repeat(np.arange(len(counts)), counts)

    def images(counts: list[int]) -> np.ndarray:
        return np.zeros((sum(counts), 1, 1, 1), np.uint8)

    names = tuple(f"class{n}" for n in range(len(training)))
    held = [validation, *[0] * (len(training) - 1)]
    dataset = Dataset("folder:x", images(training), labels(training), images(test), labels(test), names, "x")
    return class_counts(dataset, Pictures(images(training), labels(training), images(held), labels(held)))


def test_every_class_has_its_counts() -> None:
    lines = [line.split() for line in counted([80, 100], [20, 25], validation=8)]
    assert lines == [
        ["class", "training", "validation", "test"],
        ["class0", "80", "8", "20"],
        ["class1", "100", "0", "25"],
    ]
    assert "validation" not in counted([80, 100], [20, 25])[0]


def test_uneven_classes_are_said_to_be_so_and_many_are_not_listed() -> None:
    assert "class1 has 10 times the training pictures of class0" in counted([10, 100], [1, 1])[-1]
    assert "balance='sampling' or balance='weights' makes up for it" in counted([10, 100], [1, 1])[-1]
    (line,) = counted([*range(100, 100 + LISTED), 99], [1] * (LISTED + 1))
    assert line == (
        f"41 classes; the smallest is class40 with 99 training pictures, the largest class39 with {99 + LISTED}"
    )


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(lambda counts: sum(map(bool, counts)) > 1))
def test_all_classes_weigh_the_same_and_a_picture_one_on_average(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    weights = class_weights(labels)
    sums = np.bincount(labels, weights[labels])
    np.testing.assert_allclose(sums[sums > 0], len(labels) / np.count_nonzero(counts), rtol=1e-5)
    assert weights[labels].mean() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("folder:/data/pets", "resnet20-pets"),
        ("folder:my pets/", "resnet20-my-pets"),
        ("folder:/", "resnet20-own-pictures"),
        ("digits", "resnet20-digits"),
    ],
)
def test_a_run_is_named_after_its_folder(data: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe_for("resnet20", data).name == name
