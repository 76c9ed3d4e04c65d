"""Distillation: the network also learns what trained networks, its teachers, say of each picture.

Hinton, Vinyals and Dean: Distilling the knowledge in a neural network, 2015, arXiv 1503.02531, section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..environment import keras, ops
from ..errors import InputError, printable
from ..files import read_text
from ..models.saving import load_model, weights_sha256
from ..runtimes.bundle import LABELS
from ..runtimes.locate import find_model
from ..stored_pictures import ImageSource
from .recipe import Recipe
from .run import Run

#: The layer that the builders of this package end with, before the softmax.
LOGITS = "logits"
#: Pictures that teachers are asked about at once.
ASKED = 256


class Distillation:
    """The teachers of a run, which never change, and the loss that they add.

    Args:
        networks: from raw pixels to logits, all of the same classes. Pictures are resized to the size that each takes.
        temperature: that logits are divided by.
        weight: share of this loss in the whole.

    Attributes:
        stored: what the teachers say of each picture, where they were asked beforehand; see `ask`.
    """

    def __init__(self, networks: Sequence[keras.Model], temperature: float, weight: float) -> None:
        self.networks, self.temperature, self.weight = list(networks), temperature, weight
        for network in self.networks:
            network.trainable = False  # so that no gradient is prepared for what does not learn
        self.stored: keras.Variable | None = None

    @property
    def variables(self) -> list[keras.Variable]:
        """What the loss depends on and no step changes: the variables of all teachers, or what they said."""
        if self.stored is not None:
            return [self.stored]
        return [variable for network in self.networks for variable in network.variables]

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights of all teachers, in their order; of a single one its `weights_sha256`."""
        hashes = [weights_sha256(network) for network in self.networks]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def ask(self, images: ImageSource, *, mirrored: bool) -> None:
        """Have the teachers look at all pictures now, and not in every step.

        Args:
            images: raw pixels, uint8 [n, height, width, channels].
            mirrored: whether to ask for all mirror images, too; they come after the pictures in `stored`, which has the
                rows of `BatchPlan.views`.
        """
        count = len(images)
        image = keras.Input(images.shape[1:])
        asked = keras.Model(image, self.probabilities(image))
        said = []
        for flip in (False, True)[: 1 + mirrored]:
            for start in range(0, count, ASKED):
                seen = images[np.arange(start, min(start + ASKED, count))].astype(np.float32)
                seen = seen[:, :, ::-1] if flip else seen
                said.append(asked.predict(seen, batch_size=ASKED, verbose=0))
        self.stored = keras.Variable(np.concatenate(said), trainable=False, dtype="float32", name="said_by_teachers")

    def probabilities(self, images: Any, views: Any = None) -> Any:
        """The mean of the teachers' probabilities at the temperature.

        Args:
            images: raw pixels, float32 [n, height, width, channels].
            views: the row of each picture in what was said beforehand, where the teachers were asked then, [n].

        Returns:
            float32 [n, classes].
        """
        if self.stored is not None:
            return ops.take(self.stored, views, axis=0)
        found = [ops.softmax(self._logits(network, images) / self.temperature) for network in self.networks]
        mean = found[0]
        for one in found[1:]:
            mean = mean + one
        return ops.stop_gradient(mean / len(found))

    def loss(self, images: Any, logits: Any, views: Any = None) -> Any:
        """The mean of T^2 * KL(teachers || network) in nats, with both softened by the temperature T; a scalar.

        This is the paper's cross-entropy less the entropy of the teachers, which no weight of the network changes: it
        is zero where the network says what they say. The factor keeps its gradients as large as those of the labels
        whatever the temperature is.

        Args:
            images: raw pixels, float32 [n, height, width, channels].
            logits: what the network says of them, float32 [n, classes].
            views: see `probabilities`.
        """
        wanted = self.probabilities(images, views)
        softened = ops.log_softmax(logits / self.temperature)
        # The entropy with its sign changed; 0 * log 0 counts as 0.
        information = ops.sum(wanted * ops.log(ops.maximum(wanted, 1e-30)), axis=-1)
        return self.temperature**2 * ops.mean(information - ops.sum(wanted * softened, axis=-1))

    def _logits(self, network: keras.Model, images: Any) -> Any:
        size, given = (tuple(shape[1:3]) for shape in (network.input_shape, images.shape))
        times, rest = divmod(given[0], size[0])
        if given != size and not rest:
            # Means of blocks: they blur a picture that was enlarged for the network less than triangles would.
            images = ops.average_pool(images, times, times)
        elif given != size:
            images = ops.image.resize(images, size, antialias=True)
        return ops.cast(network(images, training=False), "float32")


def read_teachers(recipe: Recipe, dataset: Dataset) -> Distillation | None:
    """The teachers that a recipe names; None if it names none, or gives them no weight.

    They compute in the precision of the recipe, which is decided by then.

    Raises:
        InputError: a teacher is not found, is no classifier of this package, or has other classes or other pictures.
    """
    if not recipe.teacher.networks or not recipe.teacher.weight:
        return None
    networks = [_read(name, dataset, recipe.precision) for name in recipe.teacher.networks]
    return Distillation(networks, recipe.teacher.temperature, recipe.teacher.weight)


def _read(name: str, dataset: Dataset, precision: str) -> keras.Model:
    try:
        path = find_model(name)
    except InputError as error:
        raise InputError(f"The teacher {printable(name)!r} is not found: {error}") from None
    model = load_model(path)
    _check(model, name, path, dataset)
    if precision == "bfloat16":
        for layer in model.layers:
            if layer.name not in ("normalization", LOGITS):
                layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    return keras.Model(model.input, model.get_layer(LOGITS).output, name=model.name)


def _check(model: keras.Model, name: str, path: Path, dataset: Dataset) -> None:
    """Refuse a teacher that cannot say anything of the pictures of a data set."""
    shown = f"The teacher {printable(name)!r}"
    if not any(layer.name == LOGITS for layer in model.layers) or not isinstance(model.input_shape, tuple):
        raise InputError(f"{shown} is no classifier that cnnref.build made; name a bundle or a run of one.")
    height, width, channels = model.input_shape[1:]
    ours = dataset.image_shape
    if channels != ours[2] or None in (height, width) or height * ours[1] != width * ours[0]:
        wanted, found = ("x".join(map(str, shape)) for shape in ((height, width, channels), ours))
        raise InputError(
            f"{shown} takes pictures of {wanted}, and those of {dataset.name} are {found}; their size may differ, but "
            "not their proportions and channels, so name a teacher that was trained on such pictures."
        )
    classes = int(model.get_layer(LOGITS).output.shape[-1])
    if classes != dataset.classes:
        raise InputError(
            f"{shown} knows {classes} classes, and {dataset.name} has {dataset.classes}; name a teacher that was "
            "trained on the same classes."
        )
    labels = _labels(path)
    wrong = [pair for pair in zip(labels, dataset.labels, strict=False) if pair[0] != pair[1]]
    if wrong:
        theirs, wanted = (printable(label) for label in wrong[0])
        raise InputError(
            f"{shown} calls a class {theirs!r} that is {wanted!r} in {dataset.name}; name a teacher that was "
            "trained on the same classes in the same order."
        )


def _labels(path: Path) -> list[str]:
    """The classes of the bundle or the run that a model.keras lies in, in order; none where they are not known."""
    if (beside := path.parent / LABELS).is_file():
        return read_text(beside, "list of labels").splitlines()
    run = Run(path.parent)
    return [str(label) for label in run.results["labels"]] if run.finished and path == run.model else []
