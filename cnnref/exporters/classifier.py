"""`cnnref.predict`: classify pictures with a bundle, a run, a Keras model, or the name of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras
from ..errors import InputError
from ..runtimes import Bundle, Prediction, find_bundle, read_bundle
from ..runtimes import predict as predict_with
from ..runtimes.classifier import Classifier, classifier_of
from ..runtimes.isolation import Host, host
from ..training.run import Run
from ..weights.catalogue import is_listed, weights
from .contract import contract_of
from .published import cached_bundle
from .source import Source, find_source, from_model

#: What stands for the file of a model that is run by Keras itself.
KERAS_FILE = "model.keras"


def predict(
    source: str | Path | Bundle | Run | keras.Model,
    pictures: str | Path | Sequence[str | Path],
    *,
    artifact: str | None = None,
    top: int = 3,
    invert: bool = False,
    centre: bool = True,
    on_bad: Callable[[InputError], None] | None = None,
) -> list[Prediction]:
    """Classify picture files.

    Args:
        source: a bundle or run, or the folder of one; a .keras file or a Keras model that takes raw pixels 0..255; the
            name of a shipped bundle, or of published weights, of which a bundle is made in the cache once.
        pictures: files, and folders, whose pictures are taken however deep they lie.
        artifact: which file of a bundle to run, such as "model.tflite"; by default the first that can be run.
        top, invert, centre, on_bad: see `cnnref.runtimes.predict`.

    Raises:
        InputError: the source is none of these or no classifier, or a picture cannot be read.
        VerificationError: the file cannot be loaded or run.
    """
    network = found_network(source)
    with host(isolated=True) as where:
        classifier = load_classifier(network, artifact, where)
        return predict_with(classifier, pictures, top=top, invert=invert, centre=centre, on_bad=on_bad)


def found_network(
    source: str | Path | Bundle | Run | keras.Model, tell: Callable[[str], None] = lambda _: None
) -> Bundle | Source:
    """What a user names: a bundle whose files runtimes run, or a model that Keras runs.

    Raises:
        InputError: it is neither.
    """
    if isinstance(source, Bundle):
        return source
    if isinstance(source, Run):
        return find_source(source.folder)
    if not isinstance(source, str | Path):
        return from_model(source, source.name)
    path = Path(source)
    if path.suffix == ".keras" and not path.is_dir():
        if not path.is_file():
            raise InputError(f"There is no file {path}.")
        return find_source(path)
    if path.is_dir() and not (path / "bundle.json").is_file() and Run(path).recipe.is_file():
        return find_source(path)
    try:
        bundle = read_bundle(find_bundle(source))
    except InputError:
        if path.is_dir() or not is_listed(str(source)):
            raise
        bundle = read_bundle(cached_bundle(weights(str(source)), tell=tell))
    alone = not bundle.runnable() and (bundle.folder / KERAS_FILE).is_file()
    return find_source(bundle.folder) if alone else bundle


def load_classifier(network: Bundle | Source, artifact: str | None = None, where: Host | None = None) -> Classifier:
    """One file of a bundle in its runtime, or a model in Keras.

    Args:
        network: see `found_network`.
        artifact: the name of the file.
        where: where the file of a bundle is run, by default in this process; see `cnnref.runtimes.isolation`.

    Raises:
        InputError: there is no such file, or the network is no classifier.
        VerificationError: the file cannot be loaded.
    """
    if isinstance(network, Bundle):
        return classifier_of(network, artifact, where)
    if artifact not in (None, KERAS_FILE):
        raise InputError(f"{network.name} is no bundle and has no file {artifact!r}; export it first.")
    contract = contract_of(network.model, network.name, network.labels)
    if not contract.is_classifier:
        raise InputError(f"{network.name} is no classifier, and predicting what is on a picture needs classes.")
    return Classifier(KERAS_FILE, _KerasRunner(network.model), contract.shape, network.picture, contract.labels)


def load_classifiers(
    network: Bundle | Source, artifact: str | None = None, where: Host | None = None
) -> list[Classifier]:
    """The same of every file of a bundle, where none is named."""
    if artifact is not None or not isinstance(network, Bundle):
        return [load_classifier(network, artifact, where)]
    return [classifier_of(network, one.name, where) for one in network.must_run()]


@dataclass(frozen=True)
class _KerasRunner:
    model: keras.Model

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        from .proof import keras_answers

        return keras_answers(self.model, images)
