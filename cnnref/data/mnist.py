"""MNIST and Fashion-MNIST: the .npz file that Keras distributes, and the published IDX files.

LeCun, Cortes, Burges: The MNIST database of handwritten digits, 1998.
Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import read_npz
from ..errors import DatasetError
from .archives import read_bytes
from .dataset import Dataset, check_counts, checked_labels
from .downloads import Download
from .idx import parse_idx

SIZE = (28, 28)
#: Names of the arrays in the .npz file: images and labels of the training and of the test part.
ARRAYS = (("x_train", "y_train"), ("x_test", "y_test"))
#: Names of the IDX files in the same order, each with the rank of its array.
IDX_NAMES = (
    (("train-images", 3), ("train-labels", 1)),
    (("t10k-images", 3), ("t10k-labels", 1)),
)
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class Part:
    """Images [n, 28, 28] and labels [n] of the training or the test part, and the files they came from."""

    images: np.ndarray
    images_place: str
    labels: np.ndarray
    labels_place: str

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != SIZE:
            raise DatasetError(
                f"{self.images_place}: expected uint8 images of {SIZE[0]}x{SIZE[1]}, "
                f"found {self.images.dtype} {list(self.images.shape)}."
            )
        if self.labels.dtype.kind not in "iu" or self.labels.ndim != 1:
            raise DatasetError(
                f"{self.labels_place}: expected one row of whole numbers, "
                f"found {self.labels.dtype} {list(self.labels.shape)}."
            )
        check_counts(self.images, self.images_place, self.labels, self.labels_place)


@dataclass(frozen=True)
class Mnist:
    """One of the two data sets: its facts, and how it is found in a data folder."""

    name: str
    title: str
    labels: tuple[str, ...]
    npz_names: tuple[str, ...]
    #: Sub-folders of a data folder that hold only this data set.
    folders: tuple[str, ...]
    #: Whether every class has exactly 6,000 of the 60,000 training images.
    balanced: bool
    downloads: tuple[Download, ...]

    @property
    def accepted(self) -> str:
        """The files that can be read, as text for a message."""
        return (
            f"{self.npz_names[0]}, or {self.folders[0]}/ with train-images-idx3-ubyte, "
            f"train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (plain or .gz),"
        )

    def read(self, folder: Path) -> Dataset | None:
        """Read the data set from a data folder.

        Returns:
            None if the folder has no file of the data set.

        Raises:
            DatasetError: a file is missing, damaged, or does not fit the others.
        """
        for base in (".", *self.folders):
            for name in self.npz_names:
                if (path := folder / base / name).exists():
                    return self._assemble(_npz_parts(path), path)
        # Both data sets use the same names for IDX files, so a folder with the name of the data set comes first.
        for base in (*self.folders, "."):
            if any(_idx_path(folder / base, stem, rank) for part in IDX_NAMES for stem, rank in part):
                return self._assemble(_idx_parts(folder / base), folder / base)
        return None

    def _assemble(self, parts: tuple[Part, Part], source: Path) -> Dataset:
        train, test = parts
        train_labels, test_labels = (checked_labels(part.labels, len(self.labels), part.labels_place) for part in parts)
        self._check_not_the_other(train_labels, train.labels_place)
        return Dataset(
            name=self.name,
            train_images=train.images[..., np.newaxis],
            train_labels=train_labels,
            test_images=test.images[..., np.newaxis],
            test_labels=test_labels,
            labels=self.labels,
            source=str(source),
        )

    def _check_not_the_other(self, train_labels: np.ndarray, place: str) -> None:
        """Raise if a complete data set is evidently the other one. A reduced data set cannot be recognized."""
        if len(train_labels) != 60_000:
            return
        balanced = bool((np.bincount(train_labels) == 6_000).all())
        if balanced != self.balanced:
            other = MNIST if self.balanced else FASHION_MNIST
            raise DatasetError(
                f"{place} holds the labels of {other.title}, not of {self.title}: each class has "
                f"{'exactly' if balanced else 'not exactly'} 6,000; put the files of {self.title} into a "
                f"sub-folder {self.folders[0]}/, and those of {other.title} into {other.folders[0]}/."
            )


def _npz_parts(path: Path) -> tuple[Part, Part]:
    try:
        arrays = read_npz(path, (name for part in ARRAYS for name in part), error=DatasetError)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error}).") from None
    train, test = (
        Part(arrays[images], f"{images} in {path}", arrays[labels], f"{labels} in {path}") for images, labels in ARRAYS
    )
    return train, test


def _idx_path(folder: Path, stem: str, rank: int) -> Path | None:
    """The file in any spelling: train-images-idx3-ubyte or train-images.idx3-ubyte, plain or .gz."""
    spellings = (f"{stem}{mark}idx{rank}-ubyte{suffix}" for suffix in ("", ".gz") for mark in "-.")
    return next((folder / name for name in spellings if (folder / name).is_file()), None)


def _idx_parts(folder: Path) -> tuple[Part, Part]:
    def read(stem: str, rank: int) -> tuple[np.ndarray, str]:
        path = _idx_path(folder, stem, rank)
        if path is None:
            raise DatasetError(
                f"{folder} has no {stem}-idx{rank}-ubyte (plain or .gz), but others of the four IDX files."
            )
        return parse_idx(read_bytes(path, gzipped=path.suffix == ".gz"), rank, str(path)), str(path)

    train, test = (Part(*read(*images), *read(*labels)) for images, labels in IDX_NAMES)
    return train, test


MNIST = Mnist(
    name="mnist",
    title="MNIST",
    labels=tuple("0123456789"),
    npz_names=("mnist.npz",),
    folders=("mnist", "MNIST/raw", "MNIST"),
    balanced=False,
    downloads=(
        Download(
            f"{ORIGIN}mnist.npz",
            sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        ),
    ),
)

FASHION_MNIST = Mnist(
    name="fashion_mnist",
    title="Fashion-MNIST",
    labels=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    npz_names=("fashion_mnist.npz", "fashion-mnist.npz"),
    folders=("fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "FashionMNIST"),
    balanced=True,
    downloads=tuple(
        Download(f"{ORIGIN}{stem}-idx{rank}-ubyte.gz", folder="fashion-mnist")
        for part in IDX_NAMES
        for stem, rank in part
    ),
)
