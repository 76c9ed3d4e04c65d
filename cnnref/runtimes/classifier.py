"""What classifies pictures: a loaded file, the pictures that it takes, and the names of its classes."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError
from ..pictures import PictureRule
from .artifacts import runnable_artifact
from .bundle import Bundle
from .evaluate import Runs
from .integrity import require_listed
from .isolation import Here, Host
from .runner import RuntimeMissingError

#: Which artifact is taken when none is named: the first of these that the bundle has.
PREFERRED = ("model.onnx", "model.tflite", "saved_model", "micro")


@dataclass(frozen=True)
class Classifier:
    """A loaded network that tells classes apart.

    Attributes:
        file: what was loaded, by its name in the bundle or the run.
        runner: gives probabilities [n, classes] of raw pixels [n, height, width, channels].
        shape: (height, width, channels) of its pictures.
        picture: how a picture file comes to that size.
        labels: the names of the classes.
    """

    file: str
    runner: Runs
    shape: tuple[int, int, int]
    picture: PictureRule
    labels: tuple[str, ...]


def classifier_of(bundle: Bundle, artifact: str | None = None, where: Host | None = None) -> Classifier:
    """An artifact of a bundle, loaded; by default the first of PREFERRED that is there and whose runtime is installed.

    Args:
        bundle: the bundle.
        artifact: the name of the file.
        where: where it is run, by default in this process; see `cnnref.runtimes.isolation`.

    Raises:
        InputError: the bundle has no such artifact or none to run, or its network is no classifier.
        VerificationError: the artifact is not the one that bundle.json lists, or cannot be loaded.
    """
    bundle.must_classify("predicting what is on a picture")
    if artifact is not None:
        require_listed(bundle, runnable_artifact(bundle, artifact).name)
        runner = (where or Here()).open(bundle, artifact)
        return Classifier(artifact, runner, bundle.shape, bundle.picture, bundle.labels)
    bundle.must_run()
    missing = None
    for name in PREFERRED:
        if name in bundle.artifacts:
            try:
                return classifier_of(bundle, name, where)
            except RuntimeMissingError as error:
                missing = error
    if missing is not None:
        raise missing
    raise InputError(f"{bundle.folder} has none of {', '.join(PREFERRED)}; name the artifact that is to be run.")
