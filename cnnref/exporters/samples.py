"""The pictures that an export needs: samples to check with, training images to calibrate, a test set to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset, load
from ..errors import DatasetError, InputError
from ..runtimes import LabelledImages
from .calibration import Calibration, noise, sample_of
from .contract import Contract
from .source import Source

#: Test pictures that stand for the data set where the source brings none.
SAMPLES = 16


@dataclass(frozen=True, eq=False)
class ExportData:
    """`samples` and `sample_labels` (-1: unknown) as in a `Source`; `why_not` says why there is no calibration."""

    samples: NDArray[np.uint8]
    sample_labels: NDArray[np.int64]
    calibration: Calibration | None = None
    test_set: LabelledImages | None = None
    why_not: str = ""


def export_data_for(
    source: Source, contract: Contract, *, dataset: str | None, data_dir: str | Path | None, must: bool
) -> ExportData:
    """Find the data set of a model, on this machine unless a folder is named.

    Args:
        must: int8 was asked for by name, so that a missing calibration set is an error.

    Raises:
        InputError: a data set that was named, or is needed, is not there or does not fit.
    """
    name = dataset or source.dataset
    if name is None:
        if data_dir is not None:
            raise InputError(
                f"{contract.name} does not say what it was trained on, so that --data-dir has no use; name it with "
                "--dataset, or leave --data-dir out."
            )
        if source.fresh:
            return ExportData(source.images, source.sample_labels, noise(contract.shape))
        why = "no calibration images: nothing says what it was trained on; give --dataset NAME --data-dir DATA"
        if must:
            raise InputError(f"{contract.name} cannot be written in int8, {why}.")
        return ExportData(source.images, source.sample_labels, why_not=why)
    explicit = dataset is not None or data_dir is not None
    try:
        data = load(name, data_dir, image_shape=contract.shape, download=explicit)
    except DatasetError as error:
        if explicit or must:
            raise
        return ExportData(source.images, source.sample_labels, why_not=f"no calibration images: {error}")
    must_fit(data, contract.name, contract.classes)
    known = (source.sample_labels >= 0).all()
    samples = (source.images, source.sample_labels) if known else _first_pictures(data)
    return ExportData(
        *samples,
        sample_of(data.train_images, data.name),
        LabelledImages(data.test_images, data.test_labels, data.name),
    )


def must_fit(data: Dataset, name: str, classes: int) -> None:
    """Refuse a data set with another number of classes; a single output tells two apart."""
    classes = 2 if classes == 1 else classes
    if data.classes != classes:
        raise InputError(f"{data.name} has {data.classes} classes and {name} has {classes}; name another data set.")


def _first_pictures(data: Dataset) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Test pictures, each class in turn as far as they reach."""
    order = np.lexsort((data.test_labels, _rank_in_class(data.test_labels)))[:SAMPLES]
    return data.test_images[order], data.test_labels[order]


def _rank_in_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each label, how many equal ones come before it."""
    ranks = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        ranks[places] = np.arange(len(places))
    return ranks
