"""Classify picture files with an artifact of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .artifacts import open_artifact
from .bundle import Bundle, read_bundle
from .runner import Runner, RuntimeMissingError

#: Which artifact is taken when none is named: the first of these that the bundle has.
PREFERRED = ("model.onnx", "model.tflite", "saved_model", "micro")
#: Pictures in memory at a time.
BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """What `artifact` makes of the picture `file`.

    `top` has the best labels with their scores, best first; `probabilities` all that the model put out.
    """

    file: Path
    artifact: str
    top: tuple[tuple[str, float], ...]
    probabilities: tuple[float, ...]


def predict(
    bundle: Bundle | str | Path,
    pictures: Sequence[str | Path],
    *,
    artifact: str | None = None,
    top: int = 3,
    invert: bool = False,
) -> list[Prediction]:
    """Classify picture files (PNG, JPEG and what else `read_picture` reads) with an artifact of a bundle.

    Args:
        bundle: a bundle, or its folder.
        artifact: which file to run; if None, the first of PREFERRED that is there and whose runtime is
            installed.
        top: how many labels to name.
        invert: take each pixel as 255 minus itself, for dark digits on light paper (MNIST is light on dark).

    Raises:
        InputError: a picture cannot be read, or the bundle has nothing to run it with.
        VerificationError: the artifact cannot be loaded or run.
    """
    from ..pictures import read_picture

    if not pictures:
        raise InputError("no pictures were given; name one or more picture files.")
    if top < 1:
        raise InputError(f"top is {top}; give 1 or more.")
    if not isinstance(bundle, Bundle):
        bundle = read_bundle(bundle)
    bundle.must_classify("predicting what is on a picture")
    runner = _open(bundle, artifact)
    files = [Path(picture) for picture in pictures]
    found = []
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        images = np.stack([read_picture(file, *bundle.shape, bundle.picture) for file in part])
        scores = runner.run(255 - images if invert else images)
        found += [_prediction(bundle, runner, file, row, top) for file, row in zip(part, scores, strict=True)]
    return found


def _open(bundle: Bundle, artifact: str | None) -> Runner:
    if artifact is not None:
        return open_artifact(bundle, artifact)
    bundle.must_run()
    missing = None
    for name in PREFERRED:
        if name in bundle.artifacts:
            try:
                return open_artifact(bundle, name)
            except RuntimeMissingError as error:
                missing = error
    if missing is not None:
        raise missing
    raise InputError(f"{bundle.folder} has none of {', '.join(PREFERRED)}; name the artifact that is to be run.")


def _prediction(bundle: Bundle, runner: Runner, file: Path, row: NDArray[np.float32], top: int) -> Prediction:
    # A single output with two labels answers yes: the first label is the no, and has what is left.
    scores = np.array([1 - row[0], row[0]]) if len(bundle.labels) == 2 and len(row) == 1 else row
    best = np.argsort(-scores, kind="stable")[:top]
    return Prediction(
        file=file,
        artifact=runner.path.name,
        top=tuple((bundle.labels[index], float(scores[index])) for index in best),
        probabilities=tuple(float(value) for value in row),
    )
