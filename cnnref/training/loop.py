"""Training: from a recipe to a finished run folder."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import environment
from ..data import Dataset, channel_statistics, load
from ..data.batches import BatchPlan
from ..environment import keras
from ..errors import InputError
from ..files import refuse_existing, write_whole
from ..models import build, spec
from ..models.initial import draw_weights
from ..models.saving import weights_sha256
from . import checkpoint
from .budget import epochs_that_fit
from .checkpoint import Cadence, Progress
from .cluster import is_first_process
from .evaluation import recompute_statistics
from .finish import finish
from .fit import Phase, Pictures, fit
from .learner import Learner, computing_in, keep_ends_exact
from .progress import ProgressDisplay
from .recipe import Recipe
from .recipe_files import read_recipe
from .run import Run
from .tensorboard import TensorBoardLog
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


def train(
    recipe: str | Path | Recipe,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    budget_minutes: float | None = None,
    **settings: Any,
) -> Run:
    """Train by a recipe; the test set is looked at once, at the end.

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a `Recipe`.
        data_dir: folder with the published files of the data set; see `cnnref.data.load`.
        out: the run folder, by default runs/NAME.
        resume: continue the run in `out` after its last checkpoint.
        force: replace what is in `out`.
        budget_minutes: measure the machine, and train as many epochs as fit, instead of the recipe's.
        **settings: see `Settings`.

    Returns:
        The finished run.

    Raises:
        InputError: the recipe, the data or the folder cannot be used; the message says what to do.
        DatasetError: the data set is missing or damaged.
    """
    started = time.monotonic()
    how = Settings(**settings)
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    run = Run(Path(out) if out else Path("runs") / recipe.name)
    facts = spec(recipe.model)
    if resume and run.recipe.is_file():
        before = read_recipe(run.recipe)
        if budget_minutes:
            recipe = replace(recipe, epochs=before.epochs)  # the machine was measured then
        if recipe.dataset.startswith("folder:"):
            recipe = replace(recipe, batch_size=min(recipe.batch_size, before.batch_size))
    if recipe.precision == "auto":
        recipe = replace(recipe, precision="bfloat16" if environment.fast_bfloat16() else "float32")
    _check_folder(run, recipe, resume=resume, force=force)
    if resume and run.finished:
        return run
    # Pictures of a folder are read in the model's size; every other data set has its own.
    side = recipe.image_size
    wanted = (side or facts.input_shape[0], side or facts.input_shape[1], facts.input_shape[2])
    dataset = load(recipe.dataset, data_dir, image_shape=wanted if recipe.dataset.startswith("folder:") else None)
    if side:
        dataset = dataset.resized(side, side)
    if recipe.dataset.startswith("folder:"):  # there may be few pictures
        recipe = replace(recipe, batch_size=min(recipe.batch_size, len(dataset.train_images) - recipe.validation))
    job = Job.prepare(recipe, dataset, how)
    if budget_minutes and not resume:
        left = 60 * budget_minutes - (time.monotonic() - started)
        learner = job.learner(job.phases[-1])
        recipe = replace(recipe, epochs=epochs_that_fit(left, learner, job.plan, job.pictures, job.model, dataset))
        job = Job.prepare(recipe, dataset, how)
    if is_first_process():
        if not resume:  # nothing is deleted or made before data and model have proved to fit
            shutil.rmtree(run.folder, ignore_errors=True)
            write_whole(run.recipe, recipe.toml())
        run.write_json("environment.json", environment.report())
        if not how.quiet:
            print(f"{recipe.model} on {dataset.name} from {dataset.source}", file=sys.stderr)
            print(environment.device_line(), file=sys.stderr)
    progress = job.go(run, resume=resume)
    if is_first_process():
        finish(recipe, dataset, job.pictures, run, job.final_model(), progress)
    return run


def _check_folder(run: Run, recipe: Recipe, *, resume: bool, force: bool) -> None:
    if resume:
        if not run.recipe.is_file():
            raise InputError(f"There is no run in {run.folder} to resume; start it without --resume.")
        if read_recipe(run.recipe).fingerprint() != recipe.fingerprint():
            raise InputError(
                f"The run in {run.folder} was started with other settings; resume it with those in its "
                "recipe.toml, or start over with --force."
            )
        return
    refuse_existing(run.folder, force=force, marker=run.recipe.name, hint="continue it with --resume, ")


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
        if source is not None:
            transfer(source, model)
        elif recipe.whiten:
            whiten(model, pictures.images[:5000])
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
            phases.append(Phase(len(phases), head, max(total, 1), self.recipe.optimizer.learning_rate))
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
        listeners: list[Any] = []
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
