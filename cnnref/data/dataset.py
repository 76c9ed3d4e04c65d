"""What every data set is once it is read, how it is divided, and its statistics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pictures import resize_pictures

#: Images that `channel_statistics` looks at in one go; bounds its memory.
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of one data set, in the order of its files.

    Images are uint8 [n, height, width, channels], labels int64 [n] from 0 to `classes` - 1.
    """

    name: str
    train_images: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    #: Names of the classes; the label is the place in it.
    labels: tuple[str, ...]
    #: Where it was read from, for people.
    source: str

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    def split(self, validation: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Divide the training images: (training images, labels, validation images, labels).

        The validation part has exactly `validation` images, each class in proportion as nearly as whole
        numbers allow. The same seed gives the same parts, each in the order of the data set.

        Raises:
            InputError: `validation` is negative or leaves no image to train on.
        """
        total = len(self.train_labels)
        if not 0 <= validation < total:
            raise InputError(
                f"{validation:,} validation images cannot be taken from the {total:,} training images "
                f"of {self.name}; choose 0 to {total - 1:,}."
            )
        if validation == 0:
            return self.train_images, self.train_labels, self.train_images[:0], self.train_labels[:0]
        counts = np.bincount(self.train_labels, minlength=self.classes)
        held = pick(self.train_labels, proportional(counts, validation), seed)
        kept = ~held
        return (
            self.train_images[kept],
            self.train_labels[kept],
            self.train_images[held],
            self.train_labels[held],
        )

    def resized(self, height: int, width: int) -> Dataset:
        """The same pictures in another size, as `pictures.RULE` says; itself if they have it."""
        if (height, width) == self.image_shape[:2]:
            return self
        train, test = (resize_pictures(images, height, width) for images in (self.train_images, self.test_images))
        return replace(self, train_images=train, test_images=test)


def proportional(counts: np.ndarray, total: int) -> np.ndarray:
    """Share `total` places among classes of the given sizes, by largest remainder; none exceeds its size."""
    exact = counts * (total / counts.sum())
    quotas: np.ndarray = np.floor(exact).astype(np.int64)
    first = np.argsort(quotas - exact, kind="stable")  # the largest remainder comes first
    quotas[first[: total - quotas.sum()]] += 1
    return quotas


def a_fifth(counts: np.ndarray) -> np.ndarray:
    """A fifth of each class to the nearest whole number, but at least one of each class that is there."""
    fifths: np.ndarray = np.minimum(np.maximum(np.rint(counts / 5).astype(np.int64), 1), counts)
    return fifths


def pick(labels: np.ndarray, quotas: np.ndarray, seed: int) -> np.ndarray:
    """Choose `quotas[c]` of the records with label c at random: bool [n], the same for the same seed."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label, quota in enumerate(quotas):
        chosen[random.permutation(np.flatnonzero(labels == label))[:quota]] = True
    return chosen


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel, over values scaled to 0..1.

    Args:
        images: uint8 [n, height, width, channels].

    Returns:
        (means, standard deviations), one float a channel; the deviation is the population's, as published
        figures have it. Both come from an exact count of the 256 values, so no float copy is made.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        raise InputError(
            f"Statistics need uint8 [n, height, width, channels] with at least one image, "
            f"and this is {images.dtype} {list(images.shape)}."
        )
    values = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(images.shape[3]):
        seen = np.zeros(256, np.int64)
        for start in range(0, len(images), CHUNK):
            seen += np.bincount(images[start : start + CHUNK, :, :, channel].ravel(), minlength=256)
        mean = float(seen @ values / seen.sum())
        means.append(mean)
        deviations.append(float(np.sqrt(seen @ (values - mean) ** 2 / seen.sum())))
    return tuple(means), tuple(deviations)


def one_of_each_class_first(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of the first `count` pictures when the classes take turns: the first of each class, then the second.

    Args:
        labels: the class of each picture, whole numbers [n].
    """
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.lexsort((labels, rank))[:count]
