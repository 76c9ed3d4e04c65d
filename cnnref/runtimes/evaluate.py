"""A file on labelled images: how often it is right, and how often and how closely it agrees with Keras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..stored_pictures import ImageSource
from .bundle import PROBABILITIES, TOP_INDICES, TOP_SCORES, Artifact, Bundle
from .report import Check, Outcome
from .runner import Runner

#: How many images are run at a time.
BATCH = 256
#: The share of whole numbers that may differ from those of Keras.
OTHERS = 0.001
#: A hundredth of the images of a smaller test set is less than ten of them.
POINTS_COUNT_FROM = 1000


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A test set: uint8 images [n, height, width, channels], int64 labels [n], and the name of the data set.

    `reference` is what Keras gives for the images, float32 [n, classes]; empty where Keras has not been asked.
    """

    images: ImageSource
    labels: NDArray[np.int64]
    dataset: str
    reference: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def reference_accuracy(self) -> float:
        """How often Keras is right, from 0 to 1."""
        return float(np.mean(top1(self.reference) == self.labels))


class Runs(Protocol):
    """Anything that turns images into probabilities, a `Runner` for one."""

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]: ...


def accuracy(runner: Runs, images: ImageSource, labels: NDArray[Any], batch: int = BATCH) -> float:
    """Top-1 accuracy from 0 to 1; a single output means class 1 from 0.5 on.

    Args:
        images: uint8 or float32 [n, height, width, channels], 0..255.
        labels: whole numbers [n], from 0 on.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(f"the labels are {labels.dtype} {list(labels.shape)}, not one whole number for each image.")
    scores = run_in_batches(runner, images, batch)
    classes = max(scores.shape[1], 2)
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"the labels go from {labels.min()} to {labels.max()}, and the model has {classes} classes.")
    return float(np.mean(top1(scores) == labels))


def top1(scores: NDArray[Any]) -> NDArray[np.int64]:
    """The decided class for each row of [n, classes]."""
    if scores.shape[1] == 1:
        return (scores[:, 0] >= 0.5).astype(np.int64)
    return np.asarray(scores.argmax(axis=1), np.int64)


def run_in_batches(runner: Runs, images: ImageSource, batch: int) -> NDArray[np.float32]:
    """Probabilities [n, classes] of any number of images, `batch` at a time."""
    return np.concatenate([runner.run(part) for part in batches(images, batch)])


def answers_in_batches(runner: Runner, images: ImageSource, batch: int) -> dict[str, NDArray[Any]]:
    """Every output [n, ...] by its name, of any number of images, `batch` at a time."""
    parts = [runner.answer(part) for part in batches(images, batch)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def batches(images: ImageSource, batch: int) -> Iterator[NDArray[Any]]:
    """The images, `batch` at a time; the last part may be shorter."""
    if len(images) == 0:
        raise InputError("there are no images to run.")
    if batch < 1:
        raise InputError(f"the batch is {batch}; give 1 or more.")
    for start in range(0, len(images), batch):
        yield images[start : start + batch]


def other_decisions(
    bundle: Bundle, result: NDArray[np.float32], reference: NDArray[np.float32], allowed: float
) -> list[int]:
    """Indices of the images for which the top-1 class is another, and Keras has a clear answer.

    Two classes (or a yes and a no) that lie within the allowed difference of each other are a draw.
    """
    if bundle.classes == 1:
        if bundle.activation != "sigmoid":
            return []  # a measured value, not a decision
        margin = np.abs(2 * reference[:, 0] - 1)
    else:
        best = np.sort(reference, axis=1)
        margin = best[:, -1] - best[:, -2]
    return np.flatnonzero((top1(result) != top1(reference)) & (margin > allowed)).tolist()


def allowed_difference(artifact: Artifact, reference: NDArray[Any]) -> float:
    """The artifact's tolerance, which grows with values larger than 1.

    Of whole numbers, such as the classes of pixels, it is a share, see `difference`; even in float32 some of them may
    be others, where two scores are as good as equal.
    """
    assert artifact.tolerance is not None, "read_bundle gives one to everything that runs"
    if reference.dtype.kind != "f":
        return max(artifact.tolerance, OTHERS)
    return artifact.tolerance * max(1.0, float(np.abs(reference).max(initial=0)))


def difference(found: NDArray[Any], reference: NDArray[Any]) -> float:
    """The largest absolute difference of a number; of whole numbers, the share of those that are others."""
    if reference.dtype.kind != "f":
        return float(np.mean(found != reference))
    return float(np.abs(found - reference).max(initial=0))


def evaluate_on_test_set(
    bundle: Bundle, artifact: Artifact, runner: Runner, test_set: LabelledImages, check: Check
) -> None:
    """Run the whole test set and hold the file to its bounds; what is found goes into `check`.

    A float32 file must agree with Keras on every image, within its tolerance. Any other may lose the accuracy that
    bundle.json allows, in percentage points; of a small test set, where chance decides, the loss is only reported.
    """
    result = run_in_batches(runner, test_set.images, BATCH)
    difference = float(np.abs(result - test_set.reference).max())
    right = float(np.mean(top1(result) == test_set.labels))
    lost = 100 * (test_set.reference_accuracy - right)
    check.test = Outcome(
        dataset=test_set.dataset,
        images=len(test_set.labels),
        accuracy=right,
        points_lost=round(lost, 6),
        agreement=float(np.mean(top1(result) == top1(test_set.reference))),
        largest_difference=difference,
    )
    if artifact.points is not None:
        if len(test_set.labels) >= POINTS_COUNT_FROM and not lost <= artifact.points + 1e-9:
            check.problems.append(
                f"it has {100 * right:.2f} % of the {len(test_set.labels):,} test images right, {lost:.2f} points less "
                f"than Keras; {artifact.points:.2f} are allowed"
            )
        return
    allowed = allowed_difference(artifact, test_set.reference)
    if not difference <= allowed:
        check.problems.append(f"on the test set it differs from Keras by {difference:.2g}; {allowed:.2g} is allowed")
    if wrong := other_decisions(bundle, result, test_set.reference, allowed):
        check.problems.append(f"it decides otherwise than Keras for {len(wrong)} test images, the first is {wrong[0]}")


def check_best_classes(bundle: Bundle, answer: dict[str, NDArray[Any]], check: Check) -> None:
    """Check the extra outputs against the probabilities that the file itself gives."""
    probabilities, indices, scores = (answer[name] for name in (PROBABILITIES, TOP_INDICES, TOP_SCORES))
    wanted = -np.sort(-probabilities, axis=1)[:, : bundle.top_k]
    chosen = np.take_along_axis(probabilities, indices.astype(np.int64), axis=1)
    # Compared by their scores: of classes with equal ones, runtimes may name either.
    if scores.shape != wanted.shape or not (np.array_equal(scores, wanted) and np.array_equal(chosen, wanted)):
        check.problems.append(f"its {TOP_INDICES} and {TOP_SCORES} are not those of its best classes")
