"""What is done where plain integers cost too much accuracy, chosen on pictures that are no test images.

A file is written in the usual way first, and tried on pictures: training images, or pictures without labels where no
data set is known. Of these the probabilities of the float32 file say how often a class is right. Where the file loses
more than its bound allows, by more than a standard error, two things are done that cost neither bytes nor time: biases
make up for the rounding of the weights, and ranges are chosen for the least error. Where that is not enough, the
tensors that add the most noise, by `runtimes/layer_noise.py`, are computed in floats: one, then two more, then four
more, until what the file loses is below the bound by a standard error.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import printable
from ..runtimes import LabelledImages
from ..runtimes.evaluate import POINTS_COUNT_FROM, run_in_batches, top1
from ..runtimes.layer_noise import LayerNoise, compare_layers
from ..runtimes.litert import LiteRTRunner
from ..runtimes.onnx_runtime import OnnxRunner
from ..runtimes.runner import FixedBatch, Runner
from ..runtimes.verification import SIZE_COUNTS_FROM
from ..stored_pictures import ImageSource
from .calibration import METHOD, PLAIN, Calibration, IntegerPlan, drawn_pictures, read_pictures
from .contract import Contract

#: Training images that the trial takes, apart from those that set the ranges, and how many show the noise of layers.
COUNT, NOISE_IMAGES = 5000, 32
#: Pictures without labels that the trial takes, and how many there must be: what they lose is no yes or no, so that few
#: tell much.
PICTURES, FEWEST_PICTURES = 200, 50
#: What costs neither bytes nor time.
FREE = (IntegerPlan(corrected=True), IntegerPlan(corrected=True, least_error=True))
#: The largest share of the float32 file's bytes of a file that keeps layers in floats: a float16 file has as many.
LARGEST_SHARE = 0.52
BATCH = 50

#: Writes the file in a way.
Make = Callable[[IntegerPlan], bytes]


@dataclass(frozen=True)
class Remedy:
    """How a file is made, and what it loses of the trial images, in points, in the usual way and in this one.

    `chosen_on` says in words which these are; without labels it is float32's own probabilities that are lost.
    """

    plan: IntegerPlan
    lost_plain: float
    lost: float
    chosen_on: str
    labels: bool = True

    def to_json(self) -> dict[str, Any]:
        """The entry in bundle.json."""
        return {
            "ranges": "least squared error" if self.plan.least_error else METHOD,
            "biases": "corrected" if self.plan.corrected else "rounded",
            "in_floats": list(self.plan.in_floats),
            "chosen_on": self.chosen_on,
            "judged_by": "labels" if self.labels else "probabilities of float32",
            "points_lost_without": round(self.lost_plain, 3),
            "points_lost": round(self.lost, 3),
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """Images to choose by.

    Attributes:
        floats: the float32 file of the same format.
        suffix: of the format's files, ".onnx" or ".tflite".
        layout: of an .onnx file, "nhwc" or "nchw".
        images: with their labels, or -1 for pictures without any; `dataset` says in words what they are.
        batch: of the files, where it is fixed.
    """

    floats: bytes
    suffix: str
    layout: str
    images: LabelledImages
    batch: int | None = None

    def lost(self, content: bytes) -> tuple[float, float]:
        """The accuracy of the float32 file less that of another, in points, and its standard error.

        Without labels it is the accuracy to be expected if the probabilities of the float32 file are right. The two see
        the same images, so only those count on which they differ.
        """
        less = self._right_in_floats - self.right(content)
        return 100 * float(np.mean(less)), 100 * math.sqrt(float(np.square(less).sum())) / len(less)

    @property
    def labelled(self) -> bool:
        """Whether the classes of the images are known."""
        return bool((self.images.labels >= 0).all())

    @property
    def tells(self) -> bool:
        """Whether there are enough images."""
        return len(self.images.labels) >= (POINTS_COUNT_FROM if self.labelled else FEWEST_PICTURES)

    def noise(self, content: bytes) -> list[LayerNoise]:
        """The noise of the layers of a file."""
        with tempfile.TemporaryDirectory() as folder:
            floats, integers = (Path(folder) / f"{name}{self.suffix}" for name in ("floats", "integers"))
            floats.write_bytes(self.floats)
            integers.write_bytes(content)
            return compare_layers(floats, integers, self.images.images[:NOISE_IMAGES], layout=self.layout)

    @cached_property
    def _floats(self) -> NDArray[np.float32]:
        return self._run(self.floats)

    @cached_property
    def _right_in_floats(self) -> NDArray[np.float64]:
        return self._right(self._floats)

    def right(self, content: bytes) -> NDArray[np.float64]:
        """For each image 1 if a file has its class and 0 if not; without labels what float32 gives the file's class."""
        return self._right(self._run(content))

    def _right(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        chosen = top1(scores)
        exact: NDArray[np.float64] = self._floats.astype(np.float64)
        if self.labelled:
            exact = np.equal(chosen, self.images.labels).astype(np.float64)
        elif exact.shape[1] == 1:
            exact = np.where(chosen == 1, exact[:, 0], 1 - exact[:, 0])
        else:
            exact = exact[np.arange(len(chosen)), chosen]
        return exact

    def _run(self, content: bytes) -> NDArray[np.float32]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{self.suffix}"
            path.write_bytes(content)
            runner: Runner = OnnxRunner(path, layout=self.layout) if self.suffix == ".onnx" else LiteRTRunner(path)
            if self.batch is not None:
                runner = FixedBatch(runner, self.batch)
            return run_in_batches(runner, self.images.images, BATCH)


def with_remedy(make: Make, trial: Trial | None, points: float | None) -> tuple[bytes, Remedy | None]:
    """An integer file, and what is done so that it loses no more than `points` of accuracy.

    Without a trial, or where the plain file holds, it is the plain file. Where nothing helps, it is the best one found.
    """
    plain = make(PLAIN)
    if trial is None or points is None or not trial.tells:
        return plain, None
    lost_plain, doubt = trial.lost(plain)
    if lost_plain - doubt <= points:
        return plain, None
    tried = {PLAIN: (lost_plain, plain)}

    def attempt(plan: IntegerPlan) -> bool:
        """Write a file in one more way; whether no more are wanted: it is good enough, or too large."""
        content = make(plan)
        if len(content) > LARGEST_SHARE * max(len(trial.floats), SIZE_COUNTS_FROM):
            return True
        lost, doubt = trial.lost(content)
        tried[plan] = lost, content
        return lost + doubt <= points

    found = [attempt(plan) for plan in FREE]  # both, for the better one
    done = any(found)
    plan, more = best_of(tried), 1
    while not done:
        layers = trial.noise(tried[plan][1])
        worst = sorted((layer for layer in layers if not layer.in_floats), key=lambda layer: -layer.added)[:more]
        new = tuple(layer.tensor for layer in worst if layer.tensor not in plan.in_floats)
        if not new:
            break
        plan, more = replace(plan, in_floats=plan.in_floats + new), 2 * more
        done = attempt(plan)
    best = best_of(tried)
    lost, content = tried[best]
    chosen_on = f"{len(trial.images.labels)} {trial.images.dataset}"
    return content, None if best == PLAIN else Remedy(best, lost_plain, lost, chosen_on, trial.labelled)


def best_of(tried: Mapping[IntegerPlan, tuple[float, bytes]]) -> IntegerPlan:
    """The way in which the least is lost; the first of those."""
    return min(tried, key=lambda plan: tried[plan][0])


def trial_images(images: ImageSource, labels: NDArray[Any], dataset: str, *, seed: int, after: int) -> LabelledImages:
    """Training images that follow the first `after` ones in the order of the seed, which set the ranges."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[after : after + COUNT])
    return LabelledImages(images[chosen], labels[chosen], f"training images of {dataset} that set no ranges")


def trial_pictures(folder: Path, contract: Contract, calibration: Calibration) -> LabelledImages | None:
    """Pictures of a folder without labels, apart from those that set the ranges if there are enough of them.

    None for a network whose outputs are no probabilities.
    """
    if contract.activation != "softmax" and (contract.activation, contract.classes) != ("sigmoid", 1):
        return None
    others = drawn_pictures(folder, after=len(calibration.images), count=PICTURES)
    if len(others) >= FEWEST_PICTURES:
        images, which = read_pictures(others, contract.shape, contract.picture), "that set no ranges"
    else:
        images, which = calibration.images[:PICTURES], "that set the ranges, too"
    words = f"pictures of the folder {printable(folder.name)} {which}"
    return LabelledImages(images, np.full(len(images), -1), words)
