"""A data set in memory or in its cache: its checks, its division into parts, and its statistics."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError, InputError
from ..files import check_labels
from ..pictures import resize_pictures
from ..stored_pictures import ImageSource, part_of

#: Values that `channel_statistics` counts at a time, which limits its memory.
CHUNK = 2**22

#: Labels as a file has them, before they are checked.
RawLabels = np.ndarray | list[int]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of one data set, in the order of its files.

    Images are uint8 [n, height, width, channels], labels int64 [n] from 0 to `classes` - 1.
    """

    name: str
    train_images: ImageSource = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: ImageSource = field(repr=False)
    test_labels: np.ndarray = field(repr=False)
    #: Names of the classes, in the order of the labels.
    labels: tuple[str, ...]
    #: Where the data set was read from, as text for a message.
    source: str
    #: The pictures that were left out because they cannot be read, each with the reason.
    skipped: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        check_labels(self.labels, self.source)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    def split(self, validation: int, seed: int) -> tuple[ImageSource, np.ndarray, ImageSource, np.ndarray]:
        """Divide the training images: (training images, labels, validation images, labels).

        The validation part has exactly `validation` images, with each class in proportion (by largest remainder).
        The same seed gives the same parts, each in the order of the data set.

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
            part_of(self.train_images, kept),
            self.train_labels[kept],
            part_of(self.train_images, held),
            self.train_labels[held],
        )

    def sha256(self) -> str:
        """SHA-256 of the training images and their labels."""
        found = hashlib.sha256(str(self.train_images.shape).encode())
        step = max(1, CHUNK // int(np.prod(self.image_shape)))
        for start in range(0, len(self.train_images), step):
            found.update(np.asarray(self.train_images[start : start + step]).tobytes())
        found.update(self.train_labels.astype(np.int64).tobytes())
        return found.hexdigest()

    def resized(self, height: int, width: int) -> Dataset:
        """The data set with its pictures resized as `pictures.PictureRule` says; itself if they have that size."""
        if (height, width) == self.image_shape[:2]:
            return self
        train, test = (
            resize_pictures(np.asarray(images), height, width) for images in (self.train_images, self.test_images)
        )
        return replace(self, train_images=train, test_images=test)


def check_counts(images: np.ndarray, images_place: str, labels: RawLabels, labels_place: str) -> None:
    """Raise DatasetError unless there are images, and as many labels. `..._place` are file names for the message."""
    if len(images) != len(labels):
        raise DatasetError(
            f"{images_place} holds {len(images):,} images and {labels_place} {len(labels):,} labels; "
            "the two do not belong together."
        )
    if len(images) == 0:
        raise DatasetError(f"{images_place} holds no images.")


def checked_labels(labels: RawLabels, classes: int, place: str) -> np.ndarray:
    """The labels as int64 [n].

    Raises:
        DatasetError: a label is not in 0..classes - 1. `place` is the name of the file in the message.
    """
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    for record, label in enumerate(values):
        if not 0 <= label < classes:
            raise DatasetError(f"{place} has label {label} at record {record:,}; labels go from 0 to {classes - 1}.")
    return np.array(values, np.int64)


def proportional(counts: np.ndarray, total: int) -> np.ndarray:
    """Divide `total` among classes of sizes `counts` [classes] by largest remainder; no share exceeds its class."""
    exact = counts * (total / counts.sum())
    quotas: np.ndarray = np.floor(exact).astype(np.int64)
    first = np.argsort(quotas - exact, kind="stable")  # largest remainder first
    quotas[first[: total - quotas.sum()]] += 1
    return quotas


def a_fifth(counts: np.ndarray) -> np.ndarray:
    """A fifth of each class, rounded, but at least one of each class that is not empty: int64 [classes]."""
    fifths: np.ndarray = np.minimum(np.maximum(np.rint(counts / 5).astype(np.int64), 1), counts)
    return fifths


def pick(labels: np.ndarray, quotas: np.ndarray, seed: int) -> np.ndarray:
    """Choose `quotas[c]` of the records with label c at random: a mask bool [n], the same for the same seed."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label, quota in enumerate(quotas):
        chosen[random.permutation(np.flatnonzero(labels == label))[:quota]] = True
    return chosen


def channel_statistics(images: ImageSource) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel, over values scaled to 0..1.

    Args:
        images: uint8 [n, height, width, channels].

    Returns:
        (means, standard deviations), one float per channel; the deviation is that of the population, as in published
        figures. Both are computed from exact counts of the 256 values, without a float copy of the images.

    Raises:
        InputError: the array has another type or shape, or no image.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        raise InputError(
            f"Statistics need uint8 [n, height, width, channels] with at least one image, "
            f"and this is {images.dtype} {list(images.shape)}."
        )
    values = np.arange(256) / 255
    counts = np.zeros((images.shape[3], 256), np.int64)
    step = max(1, CHUNK // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        chunk = images[start : start + step]
        for channel, found in enumerate(counts):
            found += np.bincount(chunk[..., channel].ravel(), minlength=256)
    means = [float(found @ values / found.sum()) for found in counts]
    deviations = [
        float(np.sqrt(found @ (values - mean) ** 2 / found.sum())) for found, mean in zip(counts, means, strict=True)
    ]
    return tuple(means), tuple(deviations)


def one_of_each_class_first(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of the first `count` pictures when the classes take turns: the first of each class, then the second.

    Args:
        labels: int64 [n], the class of each picture.
        count: the number of indices; fewer are returned if there are fewer pictures.
    """
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.lexsort((labels, rank))[:count]
