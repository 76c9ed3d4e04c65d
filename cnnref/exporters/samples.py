"""The pictures that an export needs: samples to check with, training images to calibrate, a test set to measure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset, load
from ..data.dataset import one_of_each_class_first
from ..errors import DatasetError, InputError, option
from ..runtimes import LabelledImages
from .calibration import Calibration, noise, of_pictures, sample_of
from .contract import Contract
from .options import ExportOptions
from .remedies import trial_images, trial_pictures
from .source import Source

#: Test pictures that stand for the data set where the source brings none.
SAMPLES = 16


@dataclass(frozen=True, eq=False)
class ExportData:
    """What an export works with.

    `samples` and `sample_labels` (-1: unknown) are as in a `Source`; `why_not` says why there is no calibration. On the
    training images, or pictures without labels, of `trial` it is chosen how integer files are made.
    """

    samples: NDArray[np.uint8]
    sample_labels: NDArray[np.int64]
    calibration: Calibration | None = None
    trial: LabelledImages | None = None
    test_set: LabelledImages | None = None
    why_not: str = ""


def export_data_for(source: Source, contract: Contract, options: ExportOptions) -> ExportData:
    """Find the data set of a model, on this machine unless a folder is named.

    Raises:
        InputError: a data set that was named, or is needed because int8 was asked for by name, is not there or does
            not fit.
    """
    found = _of_dataset(source, contract, options)
    if options.calibrate is None:
        return found
    folder = Path(options.calibrate)
    calibration = of_pictures(folder, contract.shape, contract.picture)
    return replace(
        found, calibration=calibration, trial=found.trial or trial_pictures(folder, contract, calibration), why_not=""
    )


def _of_dataset(source: Source, contract: Contract, options: ExportOptions) -> ExportData:
    dataset, data_dir = options.dataset, options.data_dir
    name = dataset or source.dataset
    if name is None:
        if data_dir is not None:
            raise InputError(
                f"{contract.name} does not say what it was trained on, so that {option('data_dir')} has no use; name "
                f"the data set with {option('dataset')}, or leave {option('data_dir')} out."
            )
        if source.fresh:
            return ExportData(source.images, source.sample_labels, noise(contract.shape))
        why = (
            "no calibration images: nothing says what it was trained on; give the name of a data set and the folder "
            "that has it, or a folder of pictures to calibrate with"
        )
        if options.requires_int8 and options.calibrate is None:
            raise InputError(f"{contract.name} cannot be written in int8, {why}.")
        return ExportData(source.images, source.sample_labels, why_not=why)
    explicit = dataset is not None or data_dir is not None
    try:
        data = load(name, data_dir, image_shape=contract.shape, download=explicit, skip_bad=source.skip_bad)
    except DatasetError as error:
        if explicit or (options.requires_int8 and options.calibrate is None):
            raise
        return ExportData(source.images, source.sample_labels, why_not=f"no calibration images: {error}")
    if contract.is_classifier:
        must_fit(data, contract.name, contract.classes)
    known = (source.sample_labels >= 0).all()
    images, labels = source.images, source.sample_labels
    if not known:
        chosen = one_of_each_class_first(data.test_labels, SAMPLES)
        images, labels = data.test_images[chosen], data.test_labels[chosen]
    calibration = sample_of(data.train_images, data.name)
    return ExportData(
        images,
        labels,
        calibration,
        # Its labels say nothing of a network that is no classifier; its pictures calibrate, and are samples.
        trial_images(
            data.train_images, data.train_labels, data.name, seed=calibration.seed, after=len(calibration.images)
        )
        if contract.is_classifier
        else None,
        LabelledImages(data.test_images, data.test_labels, data.name) if contract.is_classifier else None,
    )


def must_fit(data: Dataset, name: str, classes: int) -> None:
    """Refuse a data set with another number of classes; a single output tells two apart."""
    classes = 2 if classes == 1 else classes
    if data.classes != classes:
        raise InputError(f"{data.name} has {data.classes} classes and {name} has {classes}; name another data set.")
