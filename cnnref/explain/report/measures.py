"""How good a network is on its test set, class by class: confusion, calibration, and the worst mistakes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ...data import Dataset
    from ...runtimes import Bundle

BATCH = 256
BINS = 15
WORST = 20


@dataclass(frozen=True)
class ClassMeasures:
    """Precision, recall and F1, from 0 to 1, of a class with `count` test pictures; 0 where they divide by none."""

    label: str
    precision: float
    recall: float
    f1: float
    count: int


@dataclass(frozen=True)
class Bin:
    """Pictures whose most probable class had a probability in (low, high]: how sure, and how often right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Mistake:
    """A test picture that was put into the wrong class, and the probability that the network gave to that class."""

    index: int
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a test set; `confusion` has a row for each true class.

    `calibration_error` is the expected calibration error. Where the network gives scores that are no probabilities,
    there are no bins and no calibration error.
    """

    dataset: str
    file: str
    images: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[ClassMeasures, ...]
    bins: tuple[Bin, ...]
    calibration_error: float | None
    worst: tuple[Mistake, ...]


def evaluate_bundle(bundle: Bundle, data: Dataset, labels: Sequence[str], *, calibrated: bool) -> Evaluation:
    """Run the test pictures through the bundle's file for ONNX Runtime, or else the first that can be run."""
    from ...runtimes.evaluate import run_in_batches
    from ...runtimes.integrity import require_listed
    from ...runtimes.isolation import host

    file = "model.onnx" if "model.onnx" in bundle.artifacts else bundle.must_run()[0].name
    require_listed(bundle, file)
    with host(isolated=True) as where:
        scores = run_in_batches(where.open(bundle, file), data.test_images, BATCH)
    return classification_measures(
        scores, data.test_labels, labels, dataset=data.name, file=file, calibrated=calibrated
    )


def classification_measures(
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    *,
    dataset: str,
    file: str,
    calibrated: bool = True,
) -> Evaluation:
    """The measures of probabilities [n, classes] (or [n, 1], a yes) against the true classes [n].

    Args:
        calibrated: whether the scores are probabilities, so that their calibration can be measured.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    from ...runtimes.evaluate import top1

    guesses = top1(scores)
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    sure = scores.max(axis=1)
    classes = list(range(len(labels)))
    table = confusion_matrix(truth, guesses, labels=classes)
    per_class = zip(*precision_recall_fscore_support(truth, guesses, labels=classes, zero_division=0), strict=True)
    right = guesses == truth
    bins = calibration(sure, right) if calibrated else []
    wrong = np.nonzero(~right)[0]
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:WORST]
    return Evaluation(
        dataset=dataset,
        file=file,
        images=len(truth),
        accuracy=float(right.mean()),
        confusion=tuple(tuple(int(count) for count in row) for row in table),
        classes=tuple(_class_measures(label, *row) for label, row in zip(labels, per_class, strict=True)),
        bins=tuple(bins),
        calibration_error=_error(bins) if calibrated else None,
        worst=tuple(
            Mistake(int(at), labels[truth[at]], labels[guesses[at]], round(float(sure[at]), 6)) for at in worst
        ),
    )


def _class_measures(label: str, precision: Any, recall: Any, f1: Any, count: Any) -> ClassMeasures:
    shares = [round(float(share), 6) for share in (precision, recall, f1)]
    return ClassMeasures(label, shares[0], shares[1], shares[2], int(count))


def calibration(sure: NDArray[Any], right: NDArray[np.bool_]) -> list[Bin]:
    """Fifteen bins of equal width (Guo et al., ICML 2017); empty ones are left out."""
    edges = np.linspace(0, 1, BINS + 1)
    bins = []
    for low, high in itertools.pairwise(edges):
        # Several sigmoids may all say 0, and rounding may make a softmax say a little more than 1.
        inside = ((sure > low) | (low == 0)) & ((sure <= high) | (high == 1))
        if inside.any():
            share, mean = right[inside].mean(), sure[inside].mean(dtype=np.float64)
            bins.append(Bin(round(float(low), 6), round(float(high), 6), int(inside.sum()), *_rounded(mean, share)))
    return bins


def _error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: how far the bins are off, each by its share of the pictures."""
    off = sum(one.count * abs(one.confidence - one.accuracy) for one in bins)
    return round(off / sum(one.count for one in bins), 6)


def _rounded(*values: Any) -> Any:
    return tuple(round(float(value), 6) for value in values)
