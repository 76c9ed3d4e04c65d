"""What is done where plain integers cost too much accuracy, chosen on training images: test images have no part in it.

A file is written in the usual way first. Where it loses more of the trial images than its bound allows, by more than a
standard error, its ranges are chosen for the least error. Where that is not enough, the tensors that add the most
noise, by `runtimes/layer_noise.py`, are computed in floats: one, then two more, then four more, until what it loses is
below the bound by a standard error.
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

from ..runtimes import LabelledImages
from ..runtimes.evaluate import POINTS_COUNT_FROM, run_in_batches, top1
from ..runtimes.layer_noise import LayerNoise, compare_layers
from ..runtimes.litert import LiteRTRunner
from ..runtimes.onnx_runtime import OnnxRunner
from ..runtimes.runner import FixedBatch, Runner
from ..runtimes.verification import SIZE_COUNTS_FROM
from ..stored_pictures import ImageSource
from .calibration import METHOD, PLAIN, IntegerPlan

#: Training images that the trial takes, apart from those that set the ranges, and how many show the noise of layers.
COUNT, NOISE_IMAGES = 5000, 32
#: The largest share of the float32 file's bytes of a file that keeps layers in floats: a float16 file has as many.
LARGEST_SHARE = 0.52
BATCH = 50

#: Writes the file in a way.
Make = Callable[[IntegerPlan], bytes]


@dataclass(frozen=True)
class Remedy:
    """How a file is made, and what it loses of so many trial images, in points, in the usual way and in this one."""

    plan: IntegerPlan
    lost_plain: float
    lost: float
    images: int

    def to_json(self) -> dict[str, Any]:
        """The entry in bundle.json."""
        return {
            "ranges": "least squared error" if self.plan.least_error else METHOD,
            "in_floats": list(self.plan.in_floats),
            "chosen_on": f"{self.images} training images",
            "points_lost_without": round(self.lost_plain, 3),
            "points_lost": round(self.lost, 3),
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """Training images to choose by.

    Attributes:
        floats: the float32 file of the same format.
        suffix: of the format's files, ".onnx" or ".tflite".
        layout: of an .onnx file, "nhwc" or "nchw".
        images: with their labels; none of them sets ranges.
        batch: of the files, where it is fixed.
    """

    floats: bytes
    suffix: str
    layout: str
    images: LabelledImages
    batch: int | None = None

    def lost(self, content: bytes) -> tuple[float, float]:
        """The accuracy of the float32 file less that of another, in points, and its standard error.

        The two see the same images, so only those count that one has right and the other has not.
        """
        right = self.right(content)
        others = np.count_nonzero(right != self._right_in_floats)
        lost = float(np.mean(self._right_in_floats) - np.mean(right))
        return 100 * lost, 100 * math.sqrt(others) / len(right)

    def noise(self, content: bytes) -> list[LayerNoise]:
        """The noise of the layers of a file."""
        with tempfile.TemporaryDirectory() as folder:
            floats, integers = (Path(folder) / f"{name}{self.suffix}" for name in ("floats", "integers"))
            floats.write_bytes(self.floats)
            integers.write_bytes(content)
            return compare_layers(floats, integers, self.images.images[:NOISE_IMAGES], layout=self.layout)

    @cached_property
    def _right_in_floats(self) -> NDArray[np.bool_]:
        return self.right(self.floats)

    def right(self, content: bytes) -> NDArray[np.bool_]:
        """For each image whether a file has its class."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{self.suffix}"
            path.write_bytes(content)
            runner: Runner = OnnxRunner(path, layout=self.layout) if self.suffix == ".onnx" else LiteRTRunner(path)
            if self.batch is not None:
                runner = FixedBatch(runner, self.batch)
            found: NDArray[np.bool_] = top1(run_in_batches(runner, self.images.images, BATCH)) == self.images.labels
            return found


def with_remedy(make: Make, trial: Trial | None, points: float | None) -> tuple[bytes, Remedy | None]:
    """An integer file, and what is done so that it loses no more than `points` of accuracy.

    Without a trial, or where the plain file holds, it is the plain file. Where nothing helps, it is the best one found.
    """
    plain = make(PLAIN)
    if trial is None or points is None or len(trial.images.labels) < POINTS_COUNT_FROM:
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

    done = attempt(IntegerPlan(least_error=True))
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
    return content, None if best == PLAIN else Remedy(best, lost_plain, lost, len(trial.images.labels))


def best_of(tried: Mapping[IntegerPlan, tuple[float, bytes]]) -> IntegerPlan:
    """The way in which the least is lost; the first of those."""
    return min(tried, key=lambda plan: tried[plan][0])


def trial_images(images: ImageSource, labels: NDArray[Any], dataset: str, *, seed: int, after: int) -> LabelledImages:
    """Training images that follow the first `after` ones in the order of the seed, which set the ranges."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[after : after + COUNT])
    return LabelledImages(images[chosen], labels[chosen], dataset)
