"""Classify picture files with an artifact of a bundle, or with whatever else is a `Classifier`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pictures import picture_files, read_picture
from .bundle import Bundle
from .classifier import Classifier, classifier_of
from .isolation import host
from .manifest import read_bundle

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
    bundle: Classifier | Bundle | str | Path,
    pictures: str | Path | Sequence[str | Path],
    *,
    artifact: str | None = None,
    top: int = 3,
    invert: bool = False,
    centre: bool = True,
    on_bad: Callable[[InputError], None] | None = None,
    isolated: bool = True,
) -> list[Prediction]:
    """Classify picture files (PNG, JPEG and what else `read_picture` reads) with an artifact of a bundle.

    Args:
        bundle: a bundle, its folder, or a loaded classifier; `cnnref.predict` also takes runs, models and names.
        pictures: files, and folders, whose pictures are taken however deep they lie.
        artifact: which file to run; if None, the first of `classifier.PREFERRED` that is there and whose runtime is
            installed.
        top: how many labels to name.
        invert: take each pixel as 255 minus itself, for dark pictures on a light ground. Where digits are centred, the
            ground is found out from each picture, and this changes nothing.
        centre: centre digits where the rule of the bundle says so (see `PictureRule.ink_box`).
        on_bad: is told of each picture that cannot be read, and the others are classified; if None, the first one is
            an error.
        isolated: run the file of a bundle in a child process, which a damaged file may crash; see `verify`. A loaded
            classifier stays where it is.

    Returns:
        One prediction a picture that could be read, in the order of the files.

    Raises:
        InputError: a picture cannot be read, or the bundle has nothing to run it with.
        VerificationError: the artifact is not the one that bundle.json lists, or cannot be loaded or run.
    """
    files = picture_files(pictures)
    if top < 1:
        raise InputError(f"top is {top}; give 1 or more.")
    if not isinstance(bundle, Classifier):
        whole = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
        with host(isolated=isolated) as where:
            classifier = classifier_of(whole, artifact, where)
            return predict(classifier, files, top=top, invert=invert, centre=centre, on_bad=on_bad)
    reading = reading_of(bundle, invert=invert, centre=centre)
    found = []
    for start in range(0, len(files), BATCH):
        read = _read(files[start : start + BATCH], reading, on_bad)
        if not read:
            continue
        scores = bundle.runner.run(np.stack([image for _, image in read]))
        found += [_prediction(bundle, file, row, top) for (file, _), row in zip(read, scores, strict=True)]
    return found


def reading_of(
    classifier: Classifier, *, invert: bool = False, centre: bool = True
) -> Callable[[Path], NDArray[np.uint8]]:
    """A function that reads a picture file as `predict` does: uint8 [height, width, channels]."""
    rule = classifier.picture if centre else classifier.picture.without_centring()

    def read(file: Path) -> NDArray[np.uint8]:
        image = read_picture(file, *classifier.shape, rule)
        return 255 - image if invert and rule.ink_box is None else image

    return read


def _read(
    files: Sequence[Path],
    reading: Callable[[Path], NDArray[np.uint8]],
    on_bad: Callable[[InputError], None] | None,
) -> list[tuple[Path, NDArray[np.uint8]]]:
    """The pictures that can be read."""
    found = []
    for file in files:
        try:
            found.append((file, reading(file)))
        except InputError as error:
            if on_bad is None:
                raise
            on_bad(error)
    return found


def _prediction(classifier: Classifier, file: Path, row: NDArray[np.float32], top: int) -> Prediction:
    # A single output with two labels answers yes: the first label is the no, and has what is left.
    labels = classifier.labels
    scores = np.array([1 - row[0], row[0]]) if len(labels) == 2 and len(row) == 1 else row
    best = np.argsort(-scores, kind="stable")[:top]
    return Prediction(
        file=file,
        artifact=classifier.file,
        top=tuple((labels[index], float(scores[index])) for index in best),
        probabilities=tuple(float(value) for value in row),
    )
