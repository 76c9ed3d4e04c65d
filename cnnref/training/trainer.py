"""Training: `train` takes a recipe to a finished run folder, and `Trainer` has the loop over epochs and steps."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import environment
from ..data import Dataset, channel_statistics
from ..data.batches import BatchPlan
from ..data.decoding import listed
from ..environment import keras
from ..errors import DivergedError, InputError, option
from ..files import named, only_writer, remove_partial, write_whole
from ..models import build, list_models, spec
from ..models.initializers import draw_weights
from ..models.normalization import normalization_of
from ..models.saving import load_model, save_model, weights_sha256
from . import checkpoint
from .beginning import check_folder, dataset_of, for_own_network, for_this_machine, own_network
from .budget import epochs_that_fit, measure
from .callbacks import BestWeights, Callback, CheckpointWriter, MetricsLog, ProgressDisplay, TensorBoardLog
from .checkpoint import Progress
from .class_counts import class_counts, class_weights
from .cluster import is_first_process
from .distillation import Distillation, read_teachers
from .engines import check_devices, make_engine
from .engines.progressive_resizing import ProgressiveResizing
from .evaluation import recompute_statistics, validate
from .own_network import OwnNetwork, copied, name_of, size_of
from .phases import Phase, Pictures, phases_of
from .recipe import Recipe
from .recipe_file import read_recipe
from .results import write_results
from .run import Run
from .snapshots import SnapshotWriter, check_size
from .train_state import TrainState, computing_in, keep_ends_exact, smaller
from .transfer import body_and_head, pretrained, transfer
from .whitening import whiten

#: Training pictures that BatchNormalization statistics are computed from after weights were averaged.
STATISTICS = 10_000


def train(
    recipe: str | Path | Recipe,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    budget_minutes: float | None = None,
    validation: float | None = None,
    weights: str | Path | None = None,
    teacher: str | Path | Sequence[str | Path] = (),
    model: OwnNetwork | None = None,
    devices: str = "one",
    tensorboard: bool = False,
    checkpoint_seconds: float = 10.0,
    quiet: bool = False,
) -> Run:
    """Train by a recipe; the test set is looked at once, at the end.

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a `Recipe`.
        data_dir: folder with the published files of the data set; see `cnnref.data.load`.
        out: the run folder, by default runs/NAME.
        resume: continue the run in `out` after its last checkpoint.
        force: replace what is in `out`.
        budget_minutes: measure the machine, and train as many epochs as fit, instead of the recipe's.
        validation: training images to keep for validation instead of the recipe's number; below 1 a share of them.
        weights: a bundle, run folder or weights file to start from; see `cnnref.training.transfer.pretrained`.
        teacher: a bundle, run folder or .keras file, or several of them, that the network learns from beside the
            labels, instead of the recipe's; see `cnnref.training.recipe.Teacher`.
        model: a network of your own instead of the recipe's: a functional `keras.Model` or `keras.Sequential` that
            takes raw pixels and ends in a softmax or in logits, or a function that makes one, given the shape of the
            pictures and the number of classes. It begins with its own weights and is not changed; the run holds a
            copy, so to resume, it may be left out. See `cnnref.training.own_network.prepared`.
        devices: "one", or "all": every batch is divided between all that Keras on JAX sees.
        tensorboard: write TensorBoard logs into the run folder.
        checkpoint_seconds: the shortest time between two checkpoints.
        quiet: no progress on standard error.

    Returns:
        The finished run.

    Raises:
        InputError: the recipe, the data or the folder cannot be used; the message says what to do.
        DatasetError: the data set is missing or damaged.
    """
    started = time.monotonic()
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    share = 0.0
    if validation is not None:
        if not isinstance(validation, int | float):
            raise InputError(f"validation is {validation!r}; give a share below 1, or a whole number of images.")
        whole = validation >= 1 or validation == 0
        if not 0 <= validation < float("inf") or (whole and validation != int(validation)):
            raise InputError(f"validation is {validation}; give a share below 1, or a whole number of images.")
        recipe, share = (replace(recipe, validation=int(validation)), 0.0) if whole else (recipe, validation)
    settings = Settings(weights, None, devices, tensorboard, checkpoint_seconds, quiet, share)
    if teacher:
        teachers = teacher if isinstance(teacher, list | tuple) else [teacher]
        networks = tuple(str(named(one, "A teacher")) for one in teachers)
        recipe = replace(recipe, teacher=replace(recipe.teacher, networks=networks))
    size = None
    if model is not None:
        if weights is not None:
            raise InputError("A model of your own brings its weights along; give model or weights, and not both.")
        if (size := size_of(model)) is None and recipe.model in list_models():
            size = spec(recipe.model).input_shape
        recipe = for_own_network(recipe, name_of(model))
    run = Run(Path(named(out, "The folder of a run")) if out else Path("runs") / recipe.name)
    stored = resume and run.network.is_file()
    if stored:
        recipe, size = for_own_network(recipe, read_recipe(run.recipe).model), size_of(load_model(run.network))
    elif model is None:
        size = spec(recipe.model).input_shape  # refuses a model that there is not, before anything takes time
    recipe = for_this_machine(recipe, run, resume=resume, sized=budget_minutes is not None, share=bool(share))
    check_folder(run, recipe, resume=resume, force=force)
    if resume and run.finished:
        return run
    with only_writer(run.folder) if is_first_process() else nullcontext():
        dataset = dataset_of(recipe, data_dir, run, size, quiet=quiet)
        if model is not None or stored:
            settings = replace(settings, network=own_network(model, run, recipe, dataset, resume=resume))
        return _train(recipe, run, dataset, settings, started, resume=resume, budget_minutes=budget_minutes)


def _train(
    recipe: Recipe,
    run: Run,
    dataset: Dataset,
    settings: Settings,
    started: float,
    *,
    resume: bool,
    budget_minutes: float | None,
) -> Run:
    """Train into a folder that may be written, and that nobody else writes; `started` is when the command began."""
    if settings.validation_share and not resume:
        recipe = replace(recipe, validation=max(1, round(settings.validation_share * len(dataset.train_labels))))
    if recipe.dataset.startswith("folder:"):  # there may be few pictures
        recipe = replace(recipe, batch_size=min(recipe.batch_size, len(dataset.train_images) - recipe.validation))
    trainer = Trainer.prepare(recipe, dataset, settings)
    if budget_minutes and not resume:
        left = 60 * budget_minutes - (time.monotonic() - started)
        recipe = replace(recipe, epochs=_epochs_for(left, trainer, dataset))
        trainer = Trainer.prepare(recipe, dataset, settings)  # measuring has changed the weights of the first
    try:
        if is_first_process():
            if resume:
                remove_partial(run.folder)
            else:  # nothing is deleted or made before data and model have proved to fit
                shutil.rmtree(run.folder, ignore_errors=True)
                write_whole(run.recipe, recipe.toml())
                if settings.network is not None:
                    save_model(settings.network, run.network)
            run.write_json("environment.json", environment.report())
            if not settings.quiet:
                print(f"{recipe.model} on {dataset.name} from {dataset.source}", file=sys.stderr)
                if dataset.skipped:
                    print(f"Left out ({len(dataset.skipped):,}):\n{listed(dataset.skipped)}", file=sys.stderr)
                if recipe.dataset.startswith("folder:"):
                    print(*class_counts(dataset, trainer.pictures), sep="\n", file=sys.stderr)
                print(environment.device_line(), file=sys.stderr)
        trainer.run(run, resume=resume)
        if is_first_process():
            write_results(
                recipe, dataset, trainer.pictures, run, trainer.final_model(), trainer.progress, trainer.teacher_sha256
            )
    except OSError as error:  # a full disk, mostly
        kept = f"what it has is kept. Make room and go on with {option('resume', True)}."
        advice = kept if run.recipe.is_file() else "choose another folder."
        raise InputError(f"The run in {run.folder} cannot be written: {error.strerror or error}; {advice}") from None
    return run


@dataclass(frozen=True)
class Settings:
    """How a run is run, as opposed to what is run. None of it changes a weight but `weights` and `network`.

    Attributes:
        weights: a bundle, run folder or weights file to start from.
        network: a network of one's own as `own_network.prepared` gives it, with the weights to start from.
        devices: "one" or "all".
        tensorboard: whether to write TensorBoard logs into the run folder.
        checkpoint_seconds: the shortest time between two checkpoints.
        quiet: no progress on standard error.
        validation_share: of the training images that is kept for validation, where the recipe says no number.
    """

    weights: str | Path | None = None
    network: keras.Model | None = None
    devices: str = "one"
    tensorboard: bool = False
    checkpoint_seconds: float = 10.0
    quiet: bool = False
    validation_share: float = 0.0


@dataclass
class Trainer:
    """A run while it is trained: the one owner of everything that changes during the run.

    Attributes:
        recipe, settings: what is run, and how.
        build: makes the network of the recipe anew, in float32.
        model: the network that learns, from raw pixels to probabilities.
        plan: which pictures and which distortions make up the batch of each step.
        pictures: the training and the validation images.
        phases: the parts of the run, in order.
        data: SHA-256 of the training images and labels.
        origin: SHA-256 of the weights that the run is given to start from; empty if it draws fresh ones.
        teachers: that the network learns from beside the labels, if there are any.
        progress: how far the run is.
    """

    recipe: Recipe
    settings: Settings
    build: Callable[[], keras.Model]
    model: keras.Model
    plan: BatchPlan
    pictures: Pictures
    phases: list[Phase]
    data: str
    origin: str = ""
    teachers: Distillation | None = None
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def prepare(cls, recipe: Recipe, dataset: Dataset, settings: Settings) -> Trainer:
        """Data and model, with the weights that the run begins with.

        Raises:
            InputError: recipe, data and starting weights do not fit each other. Nothing has been written then.
        """
        check_devices(settings.devices)
        # The split is for choices that are compared with each other, so it does not change with the seed.
        pictures = Pictures(*dataset.split(recipe.validation, seed=0))
        count = len(pictures.images)
        if count < recipe.batch_size:
            raise InputError(f"batch_size is {recipe.batch_size} and there are only {count} training images.")
        if (recipe.keep == "best" or recipe.patience) and not len(pictures.held_labels):
            raise InputError(
                "The best weights and the patience go by the validation accuracy, and no images are kept for "
                "validation; set validation."
            )
        balanced = pictures.labels if recipe.balance == "sampling" else None
        plan = BatchPlan(pictures.images.shape, recipe.batch_size, recipe.seed, recipe.augmentation, balanced)
        source = pretrained(recipe.model, settings.weights, **recipe.options) if settings.weights else None
        if source is not None and source.input_shape[-1] != dataset.image_shape[-1]:
            raise InputError(
                f"{settings.weights} takes pictures of {source.input_shape[-1]} channels, and those of {dataset.name} "
                f"have {dataset.image_shape[-1]}; choose weights for as many."
            )
        statistics = normalization_of(source) if source is not None else None

        def make() -> keras.Model:
            if settings.network is not None:
                return copied(settings.network)
            return build(
                recipe.model,
                dataset.image_shape,
                dataset.classes,
                normalization=statistics or channel_statistics(dataset.train_images),
                **recipe.options,
            )

        teachers = read_teachers(recipe, dataset)
        environment.seed_everything(recipe.seed)
        with computing_in(recipe.precision):
            model = make()
        keep_ends_exact(model)
        check_size(recipe.snapshots.epochs, model)
        if settings.network is None:
            draw_weights(model, recipe.seed)
        if recipe.low_resolution.size:
            smaller(model, recipe.low_resolution.size)  # refused here, where nothing has been written yet
        if source is not None:
            transfer(source, model)
        elif recipe.whiten:
            whiten(model, pictures.images)
        phases = phases_of(recipe, plan.steps_per_epoch, pretrained=source is not None)
        begun = settings.network if source is None else source
        origin = weights_sha256(begun) if begun is not None else ""
        return cls(recipe, settings, make, model, plan, pictures, phases, dataset.sha256(), origin, teachers)

    @property
    def teacher_sha256(self) -> str:
        """SHA-256 of the weights of the teachers; empty if there are none."""
        return self.teachers.sha256 if self.teachers else ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the weights: recipe, data, starting weights, and those of the teachers."""
        parts = (self.recipe.fingerprint(), self.data, self.origin, self.teacher_sha256)
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def run(self, run: Run, *, resume: bool, callbacks: Sequence[Callback] = ()) -> None:
        """Train all phases, from the last checkpoint on if there is one and `resume` says so.

        Args:
            run: the folder for the log and the checkpoints.
            callbacks: are called after those for the log and the display, and before the one for the checkpoints.

        Raises:
            DivergedError: the loss or a weight is no finite number.
            InputError: the last checkpoint cannot be used, or the disk is full; what was stored before is kept.
        """
        stored = checkpoint.read_last(run.checkpoints, self.fingerprint) if resume else None
        if stored is not None:
            self.progress = stored.progress
        called = self._callbacks(run, callbacks)
        state: TrainState | None = None
        try:
            for phase in self.phases[self.progress.phase :]:
                self.progress.phase = phase.place
                state = self.train_state(phase)
                if stored is not None:
                    checkpoint.restore(stored, state.variables)
                    stored = None
                for callback in called:
                    callback.before_steps(state.variables)
                self._run_phase(phase, state, called)
                state.use_average()
            if self.recipe.keep == "best" and state is not None and is_first_process():
                checkpoint.restore_weights(run.checkpoints / checkpoint.BEST, state.variables)
        finally:
            for callback in called:
                callback.close()

    def train_state(self, phase: Phase) -> TrainState:
        """Network, optimizer and average as they are at the beginning of a phase."""
        if self.settings.weights:
            body, _ = body_and_head(self.model)
            for layer in body:
                norm = isinstance(layer, keras.layers.BatchNormalization)
                layer.trainable = not phase.head_only and not (norm and self.recipe.fine_tuning.keep_statistics)
        if self.recipe.whiten:
            self.model.get_layer("whiten").kernel.trainable = False
        if self.teachers is not None and self.recipe.teacher.stored and self.teachers.stored is None:
            mirrored = self.recipe.augmentation.flip
            if not self.settings.quiet:
                seen = (1 + mirrored) * len(self.pictures.images)
                print(f"The teachers look at {seen:,} pictures, once", file=sys.stderr)
            self.teachers.ask(self.pictures.images, mirrored=mirrored)
        steps = phase.last - phase.first
        weights = class_weights(self.pictures.labels) if self.recipe.balance == "weights" else None
        return TrainState(
            self.recipe, self.model, steps, rate=phase.rate, teachers=self.teachers, class_weights=weights
        )

    def final_model(self) -> keras.Model:
        """The trained network in float32, with the statistics of its own weights."""
        model = self.build()
        for target, value in zip(model.variables, self.model.variables, strict=True):
            target.assign(value)
        if self.recipe.average.kind != "none" and self.recipe.keep == "last":
            size = self.recipe.batch_size
            steps = max(1, min(STATISTICS, len(self.pictures.images)) // size)
            batches = self.plan.batches(self.pictures.images, self.pictures.labels, 0, steps)
            recompute_statistics(model, (images for images, *_ in batches))
        return model

    def _run_phase(self, phase: Phase, state: TrainState, callbacks: Sequence[Callback]) -> None:
        """The loop over epochs and steps: do the steps of a phase that are left, from `progress.step` on."""
        progress = self.progress
        if progress.step == phase.last or self._out_of_patience(phase):
            return
        make = partial(make_engine, state, self.plan, self.pictures, devices=self.settings.devices)
        sizes = (self.recipe.low_resolution.size, phase.small_until), (0, phase.last)
        engine = ProgressiveResizing(state, sizes, progress.step, make)
        watch = _Stopwatch(progress)
        try:
            while progress.step < phase.last:
                epoch = progress.step // self.plan.steps_per_epoch
                epoch_end = min((epoch + 1) * self.plan.steps_per_epoch, phase.last)
                while progress.step < epoch_end:
                    stop = min(progress.step + engine.steps_per_call, epoch_end)
                    losses, right = engine.run(progress.step, stop)
                    self._check(losses)
                    progress.count(losses, right)
                    watch.update()
                    rate = float(state.optimizer.learning_rate)
                    loss, accuracy = progress.mean_loss, progress.accuracy(self.plan.batch_size)
                    for callback in callbacks:
                        callback.after_steps(stop, loss, accuracy, rate)
                    watch.update()
                    if stop == epoch_end:
                        row = self._end_epoch(state, rate, watch)
                        for callback in callbacks:
                            callback.after_epoch(row)
                    ended = stop == epoch_end and self._out_of_patience(phase)
                    for callback in callbacks:
                        callback.at_save_point(state.variables, last=ended or stop == phase.last)
                    if ended:
                        return
        finally:
            engine.close()

    def _out_of_patience(self, phase: Phase) -> bool:
        """Whether the whole network has learned for `patience` epochs without a better validation accuracy."""
        patience, best = self.recipe.patience, self.progress.best_epoch
        return bool(patience and best and not phase.head_only and len(self.progress.rows) - best >= patience)

    def _end_epoch(self, state: TrainState, rate: float, watch: _Stopwatch) -> dict[str, float]:
        """Validate, and add a row to the log: of metrics.csv, which is returned, and of timings.csv."""
        progress, size = self.progress, self.plan.batch_size
        row = {"epoch": len(progress.rows) + 1, "loss": progress.mean_loss, "accuracy": progress.accuracy(size)}
        row |= validate(state.network, self.pictures.held_images, self.pictures.held_labels)
        row["learning_rate"] = rate
        seconds = watch.end_epoch()
        timing = {"epoch": row["epoch"], "seconds": seconds, "images_a_second": progress.seen * size / seconds}
        progress.end_epoch(row, timing)
        return row

    def _callbacks(self, run: Run, more: Sequence[Callback]) -> list[Callback]:
        """What is called during the run, in order; nothing in a process that is not the first of its cluster."""
        if not is_first_process():
            return []
        found: list[Callback] = [MetricsLog(run, self.progress)]
        if not self.settings.quiet:
            steps, last = self.plan.steps_per_epoch, self.phases[-1].last
            found.append(ProgressDisplay(self.recipe.batch_size, steps, last, self.progress.step))
        if self.recipe.keep == "best":
            found.append(BestWeights(run.checkpoints, self.progress))
        if self.recipe.snapshots.epochs:
            found.append(SnapshotWriter(run.snapshots, self.recipe.snapshots.epochs, self.progress))
        if self.settings.tensorboard:
            found.append(TensorBoardLog(run.folder / "tensorboard"))
        cadence = checkpoint.Cadence(self.settings.checkpoint_seconds)
        # The checkpoint comes last, so that the log never lacks an epoch that a checkpoint has.
        return [*found, *more, CheckpointWriter(run.checkpoints, self.fingerprint, self.progress, cadence)]

    def _check(self, losses: NDArray[np.float32]) -> None:
        """Stop at the first loss that is no finite number, and name its step."""
        wrong = np.flatnonzero(~np.isfinite(losses))
        if len(wrong):
            epoch, place = divmod(self.progress.step + int(wrong[0]), self.plan.steps_per_epoch)
            raise DivergedError(
                f"The loss is no longer a finite number at step {place + 1} of epoch {epoch + 1}; the last good "
                "checkpoint is kept. Try a lower optimizer.learning_rate."
            )


class _Stopwatch:
    """Adds the time that passes to `progress.seconds`, and tells how much of it an epoch took."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._before, self._started = progress, progress.seconds, time.monotonic()
        self._epoch_began = sum(timing["seconds"] for timing in progress.timings)

    def update(self) -> None:
        """Bring `progress.seconds` up to date."""
        self._progress.seconds = self._before + time.monotonic() - self._started

    def end_epoch(self) -> float:
        """The seconds of the epoch that ends now."""
        self.update()
        spent = self._progress.seconds - self._epoch_began
        self._epoch_began = self._progress.seconds
        return spent


def _epochs_for(seconds: float, trainer: Trainer, dataset: Dataset) -> float:
    """How many epochs fit into `seconds`, measuring included. The weights of the trainer are changed by it."""
    began = time.monotonic()
    state = trainer.train_state(trainer.phases[-1])
    pace = measure(seconds, state, trainer.plan, trainer.pictures, trainer.model)
    held, tested = len(trainer.pictures.held_images), len(dataset.test_images)
    spent = time.monotonic() - began
    return epochs_that_fit(seconds - spent, pace, trainer.recipe, trainer.plan.steps_per_epoch, held, tested)
