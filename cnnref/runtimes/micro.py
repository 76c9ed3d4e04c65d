"""What must hold of the folder micro/ of a bundle, beside what holds of every file."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import PROBABILITIES, Artifact, Bundle
from .litert import ReferenceKernels
from .report import Check, MicroOutcome
from .runner import Tensor
from .tflm import MODEL, TFLMRunner

ARRAY = "model_data.cc"
BYTE = re.compile(r"0x([0-9a-f]{2}),")


class ComparedRunner:
    """TFLM with LiteRT's reference kernels beside it: both must give the same bytes for every image; see `Runner`."""

    def __init__(self, runner: TFLMRunner) -> None:
        self.path, self.threads = runner.path, runner.threads
        self._runner, self._reference = runner, ReferenceKernels(runner.path)
        #: How many images were run, and for how many of them the bytes differ.
        self.images = self.different = 0

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(self.answer(images)[PROBABILITIES], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        found = self._runner.integers(images)
        self.images += len(images)
        self.different += int((found != self._reference.integers(images)).any(axis=1).sum())
        return {PROBABILITIES: self._runner.probabilities(found)}

    def counts(self) -> tuple[int, int]:
        """How many images were run, and for how many of them the bytes differ."""
        return self.images, self.different

    def inputs(self) -> dict[str, Tensor]:
        return self._runner.inputs()

    def outputs(self) -> dict[str, Tensor]:
        return self._runner.outputs()

    def embedded(self) -> dict[str, Any] | None:
        return self._runner.embedded()


def check_array(bundle: Bundle, artifact: Artifact, check: Check) -> None:
    """The C array has the bytes of the .tflite file."""
    folder = bundle.folder / artifact.name
    array = BYTE.findall((folder / ARRAY).read_text(encoding="utf-8", errors="replace"))
    if bytes.fromhex("".join(array)) != (folder / MODEL).read_bytes():
        check.problems.append(f"{ARRAY} does not hold the bytes of {MODEL}")


def check_same_bytes(artifact: Artifact, counts: tuple[int, int], check: Check) -> None:
    """What TFLM computed is what LiteRT computed; see `ComparedRunner.counts`."""
    assert artifact.arena_bytes is not None, "read_bundle asks for it"
    images, different = counts
    check.micro = MicroOutcome(artifact.arena_bytes, images, different)
    if different:
        check.problems.append(
            f"TFLM gives other bytes than LiteRT's reference kernels for {different:,} of {images:,} images"
        )
