"""A run while it is trained: model and data made from a recipe, its phases, and the network that comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import environment
from ..data import Dataset, channel_statistics
from ..data.batches import BatchPlan
from ..environment import keras
from ..errors import InputError
from ..models import build
from ..models.initial import draw_weights
from ..models.saving import weights_sha256
from . import checkpoint
from .callbacks import Listener
from .checkpoint import Cadence, Progress
from .cluster import is_first_process
from .evaluation import recompute_statistics
from .fit import Phase, Pictures, fit
from .progress import ProgressDisplay
from .recipe import Recipe
from .run import Run
from .tensorboard import TensorBoardLog
from .train_state import Learner, computing_in, keep_ends_exact, smaller
from .transfer import body_and_head, normalization_of, pretrained, transfer
from .whitening import whiten

#: Training pictures that BatchNormalization statistics are computed from after weights were averaged.
STATISTICS = 10_000


@dataclass(frozen=True)
class Settings:
    """How a run is run, as opposed to what is run. None of it changes a weight, except `weights`.

    Attributes:
        weights: a bundle, run folder or weights file to start from.
        devices: "one" or "all".
        tensorboard: whether to write TensorBoard logs into the run folder.
        checkpoint_seconds: the shortest time between two checkpoints.
        quiet: no progress on standard error.
    """

    weights: str | Path | None = None
    devices: str = "one"
    tensorboard: bool = False
    checkpoint_seconds: float = 10.0
    quiet: bool = False


@dataclass
class Job:
    """A run while it is trained."""

    recipe: Recipe
    how: Settings
    build: Callable[[], keras.Model]
    model: keras.Model
    plan: BatchPlan
    pictures: Pictures
    origin: str

    @classmethod
    def prepare(cls, recipe: Recipe, dataset: Dataset, how: Settings) -> Job:
        """Data and model, with the weights that the run begins with."""
        # The split is for choices that are compared with each other, so it does not change with the seed.
        pictures = Pictures(*dataset.split(recipe.validation, seed=0))
        count = len(pictures.images)
        if count < recipe.batch_size:
            raise InputError(f"batch_size is {recipe.batch_size} and there are only {count} training images.")
        plan = BatchPlan(pictures.images.shape, recipe.batch_size, recipe.seed, recipe.augmentation)
        source = pretrained(recipe.model, how.weights, **recipe.options) if how.weights else None
        if source is not None and source.input_shape[-1] != dataset.image_shape[-1]:
            raise InputError(
                f"{how.weights} takes pictures of {source.input_shape[-1]} channels, and those of {dataset.name} have "
                f"{dataset.image_shape[-1]}; choose weights for as many."
            )
        statistics = normalization_of(source) if source is not None else None

        def make() -> keras.Model:
            return build(
                recipe.model,
                dataset.image_shape,
                dataset.classes,
                normalization=statistics or channel_statistics(dataset.train_images),
                **recipe.options,
            )

        environment.seed_everything(recipe.seed)
        with computing_in(recipe.precision):
            model = make()
        keep_ends_exact(model)
        draw_weights(model, recipe.seed)
        if recipe.low_resolution.size:
            smaller(model, recipe.low_resolution.size)  # refused here, where nothing has been written yet
        if source is not None:
            transfer(source, model)
        elif recipe.whiten:
            whiten(model, pictures.images)
        return cls(recipe, how, make, model, plan, pictures, weights_sha256(source) if source is not None else "")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the weights: the recipe, and the weights that the run begins with."""
        return hashlib.sha256(f"{self.recipe.fingerprint()}{self.origin}".encode()).hexdigest()

    @property
    def phases(self) -> list[Phase]:
        """The parts of the run: the classifier alone, where the recipe says so, then everything."""
        tuning, total = self.recipe.fine_tuning, round(self.recipe.epochs * self.plan.steps_per_epoch)
        head = min(tuning.frozen_epochs * self.plan.steps_per_epoch, total) if self.how.weights else 0
        phases = [Phase(0, 0, head, tuning.head_rate, head_only=True)] if head else []
        if head < total or not head:
            last, low = max(total, 1), self.recipe.low_resolution
            small_until = head + round(low.share * (last - head)) if low.size else head
            phases.append(Phase(len(phases), head, last, self.recipe.optimizer.learning_rate, small_until=small_until))
        return phases

    def learner(self, phase: Phase) -> Learner:
        """What learns in a phase."""
        if self.how.weights:
            body, _ = body_and_head(self.model)
            for layer in body:
                layer.trainable = not phase.head_only
        if self.recipe.whiten:
            self.model.get_layer("whiten").kernel.trainable = False
        return Learner(self.recipe, self.model, phase.last - phase.first, rate=phase.rate)

    def go(self, run: Run, *, resume: bool) -> Progress:
        """Train, from the last checkpoint if there is one."""
        progress, state, path = Progress(), None, None
        if resume and (found := checkpoint.list_checkpoints(run.checkpoints)):
            path = found[-1]
            progress, state = checkpoint.read(path, self.fingerprint)
        phases = self.phases
        listeners: list[Listener] = []
        if is_first_process():
            if not self.how.quiet:
                steps = self.plan.steps_per_epoch
                listeners.append(ProgressDisplay(self.recipe.batch_size, steps, phases[-1].last, progress.step))
            if self.how.tensorboard:
                listeners.append(TensorBoardLog(run.folder / "tensorboard"))
        cadence = Cadence(self.how.checkpoint_seconds)
        try:
            for phase in phases[progress.phase :]:
                learner = self.learner(phase)
                if state is not None and path is not None:
                    checkpoint.restore(path, state, learner.variables)
                    state = None
                progress.phase = phase.place
                fit(
                    learner,
                    self.plan,
                    self.pictures,
                    phase,
                    progress,
                    run,
                    fingerprint=self.fingerprint,
                    cadence=cadence,
                    listeners=listeners,
                    devices=self.how.devices,
                    writing=is_first_process(),
                )
                learner.settle()
        finally:
            for listener in listeners:
                listener.close()
        return progress

    def final_model(self) -> keras.Model:
        """The trained network in float32, with the statistics of its own weights."""
        model = self.build()
        for target, value in zip(model.variables, self.model.variables, strict=True):
            target.assign(value)
        if self.recipe.average.kind != "none":
            size = self.recipe.batch_size
            steps = max(1, min(STATISTICS, len(self.pictures.images)) // size)
            batches = self.plan.batches(self.pictures.images, self.pictures.labels, 0, steps)
            recompute_statistics(model, (images for images, _ in batches))
        return model
