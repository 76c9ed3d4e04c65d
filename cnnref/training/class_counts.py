"""How many pictures of each class a run trains, validates and tests with, and how much those of each class count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset
from ..errors import option, printable
from .phases import Pictures

#: Of more classes only the smallest and the largest are named.
LISTED = 40
#: From this ratio of the largest to the smallest class on it is said that they are uneven.
UNEVEN = 3


def class_weights(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much a picture of each class counts so that all classes count as much, and a picture on average one.

    Args:
        labels: of the training pictures, [n].

    Returns:
        n / (classes * pictures of the class), float32 [classes]; 0 for a class without a picture.
    """
    counts = np.bincount(labels)
    there = np.maximum(counts, 1)
    return np.asarray(np.where(counts, len(labels) / (np.count_nonzero(counts) * there), 0), np.float32)


def class_counts(dataset: Dataset, pictures: Pictures) -> list[str]:
    """A line for each class with its training, validation and test pictures, and one that says whether they are uneven.

    Args:
        dataset: with the names of the classes, and the test part.
        pictures: the training and the validation part.
    """
    parts = {"training": pictures.labels, "validation": pictures.held_labels, "test": dataset.test_labels}
    counts = {part: np.bincount(labels, minlength=dataset.classes) for part, labels in parts.items() if len(labels)}
    names = [printable(label, 40) for label in dataset.labels]
    training = counts["training"]
    least, most = int(training.argmin()), int(training.argmax())
    lines = []
    if dataset.classes <= LISTED:
        width = max(map(len, [*names, "class"]))
        lines.append(f"{'class':{width}}  {'  '.join(f'{part:>10}' for part in counts)}")
        for place, name in enumerate(names):
            lines.append(f"{name:{width}}  {'  '.join(f'{found[place]:>10,}' for found in counts.values())}")
    else:
        lines.append(
            f"{dataset.classes} classes; the smallest is {names[least]} with {training[least]:,} training pictures, "
            f"the largest {names[most]} with {training[most]:,}"
        )
    if training[most] >= UNEVEN * max(1, training[least]):
        ratio = training[most] / max(1, training[least])
        lines.append(
            f"The classes are uneven: {names[most]} has {ratio:.0f} times the training "
            f"pictures of {names[least]}, so that the accuracy says little of the small ones; see the confusion "
            f"matrix. {option('balance', 'sampling')} or {option('balance', 'weights')} makes up for it in training."
        )
    return lines
