"""CIFAR-10 and CIFAR-100 (fine labels), in the binary and the Python version, as folders or .tar.gz files.

Krizhevsky: Learning multiple layers of features from tiny images, 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from .archives import Archive, Files, Folder
from .cifar_formats import (
    CIFAR10_LABELS,
    CIFAR100_LABELS,
    Records,
    binary_records,
    channels_last,
    python_names,
    python_records,
    text_names,
)
from .dataset import Dataset, check_counts, checked_labels
from .downloads import Download

#: Records in a published test file; a training file has `Cifar.train_share` times as many.
RECORDS = 10_000
ORIGIN = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Layout:
    """The files of one version of a data set."""

    version: str
    folder: str
    archives: tuple[str, ...]
    train: tuple[str, ...]
    test: str
    #: File with the names of the classes.
    names: str
    #: (content, name for messages) of a training or test file -> its records.
    read_records: Callable[[bytes, str], Records]
    #: (content, name for messages) of the file `names` -> the names of the classes.
    read_names: Callable[[bytes, str], list[str]]


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets: its facts, and how it is found in a data folder."""

    name: str
    title: str
    labels: tuple[str, ...]
    train_share: int
    #: Sub-folders of a data folder that are searched like the data folder itself.
    folders: tuple[str, ...]
    layouts: tuple[Layout, ...]
    downloads: tuple[Download, ...]

    @property
    def accepted(self) -> str:
        """The files that can be read, as text for a message."""
        names = [name for layout in self.layouts for name in (f"{layout.folder}/", layout.archives[0])]
        return f"{', '.join(names[:-1])} or {names[-1]}"

    def read(self, folder: Path) -> Dataset | None:
        """Read the data set from a data folder.

        Returns:
            None if the folder has no file of the data set.

        Raises:
            DatasetError: a file is missing, damaged, or does not fit the others.
        """
        found = next(self._found(folder), None)
        return self._assemble(*found) if found else None

    def _found(self, folder: Path) -> Iterator[tuple[Layout, Files, Path]]:
        for base in (folder, *(folder / name for name in self.folders)):
            for layout in self.layouts:
                if (path := base / layout.folder).is_dir():
                    yield layout, Folder(path), path
            for layout in self.layouts:
                if any((base / name).is_file() for name in layout.train):  # `base` is the folder of the data set itself
                    yield layout, Folder(base), base
            for layout in self.layouts:
                for name in layout.archives:
                    if (path := base / name).is_file():
                        yield layout, Archive(path, layout.folder), path

    def _assemble(self, layout: Layout, files: Files, source: Path) -> Dataset:
        parts = {name: self._records(layout, files, name) for name in (*layout.train, layout.test)}
        self._check_counts_of_files(layout, files, {name: len(labels) for name, (_, labels) in parts.items()})
        test_images, test_labels = parts.pop(layout.test)
        return Dataset(
            name=self.name,
            train_images=np.concatenate([channels_last(images) for images, _ in parts.values()]),
            train_labels=np.concatenate([labels for _, labels in parts.values()]),
            test_images=channels_last(test_images),
            test_labels=test_labels,
            labels=self._names(layout, files),
            source=str(source),
        )

    def _records(self, layout: Layout, files: Files, name: str) -> tuple[np.ndarray, np.ndarray]:
        place = files.place(name)
        content = files.read(name)
        if content is None:
            raise DatasetError(
                f"{place} is missing; the {layout.version} version of {self.title} is "
                f"{', '.join(layout.train)} and {layout.test}."
            )
        images, labels = layout.read_records(content, place)
        check_counts(images, place, labels, place)
        return images, checked_labels(labels, len(self.labels), place)

    def _check_counts_of_files(self, layout: Layout, files: Files, counts: dict[str, int]) -> None:
        """Raise unless the numbers of records have the published proportion.

        A binary file that ends between two records looks complete, and only the other files show that it is not. A
        data set that someone reduced in proportion is read.
        """
        shares = {name: 1 if name == layout.test else self.train_share for name in counts}
        units = {count // shares[name] for name, count in counts.items()}
        unit = RECORDS if RECORDS in units else max(units)
        for name, count in counts.items():
            if count != unit * shares[name]:
                raise DatasetError(
                    f"{files.place(name)} is cut short or does not belong to the other files: "
                    f"expected {unit * shares[name]:,} records, found {count:,}."
                )

    def _names(self, layout: Layout, files: Files) -> tuple[str, ...]:
        """The names of the classes from their file, or the published names where that file is missing."""
        content = files.read(layout.names)
        if content is None:
            return self.labels
        place = files.place(layout.names)
        names = layout.read_names(content, place)
        if len(names) != len(self.labels):
            raise DatasetError(f"{place}: expected {len(self.labels)} names of classes, found {len(names)}.")
        return tuple(names)


CIFAR10 = Cifar(
    name="cifar10",
    title="CIFAR-10",
    labels=CIFAR10_LABELS,
    train_share=1,
    folders=("cifar10", "cifar-10", "CIFAR10", "cifar-10-batches-py-target"),
    layouts=(
        Layout(
            version="binary",
            folder="cifar-10-batches-bin",
            archives=("cifar-10-binary.tar.gz",),
            train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test="test_batch.bin",
            names="batches.meta.txt",
            read_records=partial(binary_records, label_bytes=1),
            read_names=text_names,
        ),
        Layout(
            version="Python",
            folder="cifar-10-batches-py",
            # The second and third are the names that earlier and present versions of Keras use.
            archives=(
                "cifar-10-python.tar.gz",
                "cifar-10-batches-py.tar.gz",
                "cifar-10-batches-py-target_archive",
            ),
            train=tuple(f"data_batch_{number}" for number in range(1, 6)),
            test="test_batch",
            names="batches.meta",
            read_records=partial(python_records, key="labels"),
            read_names=partial(python_names, key="label_names"),
        ),
    ),
    downloads=(
        Download(
            f"{ORIGIN}cifar-10-python.tar.gz",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
)

CIFAR100 = Cifar(
    name="cifar100",
    title="CIFAR-100",
    labels=CIFAR100_LABELS,
    train_share=5,
    folders=("cifar100", "cifar-100", "CIFAR100", "cifar-100-python-target"),
    layouts=(
        Layout(
            version="binary",
            folder="cifar-100-binary",
            archives=("cifar-100-binary.tar.gz",),
            train=("train.bin",),
            test="test.bin",
            names="fine_label_names.txt",
            read_records=partial(binary_records, label_bytes=2),
            read_names=text_names,
        ),
        Layout(
            version="Python",
            folder="cifar-100-python",
            archives=("cifar-100-python.tar.gz", "cifar-100-python-target_archive"),
            train=("train",),
            test="test",
            names="meta",
            read_records=partial(python_records, key="fine_labels"),
            read_names=partial(python_names, key="fine_label_names"),
        ),
    ),
    downloads=(
        Download(
            f"{ORIGIN}cifar-100-python.tar.gz",
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
    ),
)
