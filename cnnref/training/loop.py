"""Training: from a recipe to a finished run folder."""

from __future__ import annotations

import dataclasses
import io
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .. import environment
from ..data import Dataset, channel_statistics, load
from ..data.batches import prefetch, training_batches
from ..environment import keras, ops
from ..errors import InputError
from ..explain import plots
from ..files import refuse_existing, write_whole
from ..models import build, spec
from ..models.saving import save_model, weights_sha256
from . import checkpoint
from .evaluation import evaluate
from .progress import ProgressDisplay
from .recipe import Recipe, read_recipe
from .run import Run
from .schedules import WarmupDecay

#: Test pictures that are kept with a run.
SAMPLES = 16

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def train(
    recipe: str | Path | Recipe,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Run:
    """Train by a recipe; the test set is looked at once, at the end.

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a `Recipe`.
        data_dir: folder with the published files of the data set; see `cnnref.data.load`.
        out: the run folder, by default runs/NAME.
        resume: continue the run in `out` after its last finished epoch.
        force: replace what is in `out`.
        quiet: no progress on standard error.

    Returns:
        The finished run.

    Raises:
        InputError: the recipe, the data or the folder cannot be used; the message says what to do.
        DatasetError: the data set is missing or damaged.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    run = Run(Path(out) if out else Path("runs") / recipe.name)
    facts = spec(recipe.model)
    _check_folder(run, recipe, resume=resume, force=force)
    if resume and run.finished:
        return run
    # Pictures of a folder are read in the model's size; every other data set has its own.
    shape = facts.input_shape if recipe.dataset.startswith("folder:") else None
    dataset = load(recipe.dataset, data_dir, image_shape=shape)
    parts = _parts(recipe, dataset)
    model = _model(recipe, dataset)
    if not resume:  # nothing is deleted or made before data and model have proved to fit
        shutil.rmtree(run.folder, ignore_errors=True)
        write_whole(run.recipe, recipe.toml())
    if not quiet:
        print(f"{recipe.model} on {dataset.name} from {dataset.source}", file=sys.stderr)
        print(environment.device_line(), file=sys.stderr)

    _fit(recipe, model, parts, run, resume=resume, quiet=quiet)
    _finish(recipe, dataset, run, model)
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


def _parts(recipe: Recipe, dataset: Dataset) -> Parts:
    """Training images and labels, validation images and labels."""
    # The split is for choices that are compared with each other, so it does not change with the seed.
    parts = dataset.split(recipe.validation, seed=0)
    if len(parts[0]) < recipe.batch_size:
        raise InputError(f"batch_size is {recipe.batch_size} and there are only {len(parts[0])} training images.")
    return parts


def _model(recipe: Recipe, dataset: Dataset) -> keras.Model:
    """The model from raw pixels to probabilities, with fresh weights."""
    environment.seed_everything(recipe.seed)
    return build(
        recipe.model,
        dataset.image_shape,
        dataset.classes,
        normalization=channel_statistics(dataset.train_images),
        **recipe.options,
    )


def _fit(recipe: Recipe, model: keras.Model, parts: Parts, run: Run, *, resume: bool, quiet: bool) -> None:
    """Train the model."""
    run.write_json("environment.json", environment.report())
    images, labels, held_images, held_labels = parts
    steps = len(images) // recipe.batch_size
    trained = _compiled(recipe, model, steps)
    done = 0
    if resume and (found := checkpoint.list_checkpoints(run.checkpoints)):
        done = checkpoint.restore(found[-1], recipe.fingerprint(), trained)
    batches = training_batches(
        images,
        labels,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        augmentation=recipe.augmentation,
        first_epoch=done,
    )
    log = _EpochLog(run, recipe.fingerprint(), done)
    display = ProgressDisplay(recipe.batch_size, steps, recipe.epochs, done)
    try:
        trained.fit(
            prefetch(batches),
            epochs=recipe.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=(held_images.astype(np.float32), held_labels) if len(held_labels) else None,
            validation_batch_size=500,
            callbacks=[log] if quiet else [log, display],
            verbose=0,
        )
    finally:
        display.close()


def _compiled(recipe: Recipe, model: keras.Model, steps: int) -> keras.Model:
    """The same network without its softmax: cross-entropy of logits is exact where softmax saturates."""
    logits = keras.Model(model.input, model.get_layer("logits").output)
    settings = recipe.optimizer
    for variable in logits.trainable_variables:
        # On the variable, so that the saved model does not carry the penalty.
        if settings.weight_decay and len(variable.shape) > 1:
            variable.regularizer = keras.regularizers.L2(settings.weight_decay / 2)
    rate = WarmupDecay(settings.learning_rate, recipe.epochs * steps, recipe.schedule)
    if settings.name == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=settings.momentum, nesterov=settings.nesterov)
    else:
        optimizer = keras.optimizers.Adam(rate, beta_1=settings.momentum)
    logits.compile(
        optimizer,
        _cross_entropy(recipe.label_smoothing, logits.output_shape[-1]),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        steps_per_execution=_steps_at_once(steps),
    )
    return logits


def _steps_at_once(steps: int) -> int:
    """After how many steps Keras comes back to Python; they must fill the epoch exactly."""
    if keras.backend.backend() == "torch":
        return 1  # all that Keras can do there
    return max(size for size in range(1, 17) if steps % size == 0)


def _cross_entropy(smoothing: float, classes: int) -> Any:
    if not smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(labels: Any, logits: Any) -> Any:
        wanted = ops.one_hot(ops.reshape(labels, (-1,)), classes) * (1 - smoothing) + smoothing / classes
        return ops.categorical_crossentropy(wanted, logits, from_logits=True)

    return loss


class _EpochLog(keras.callbacks.Callback):
    """After every epoch: a row of metrics.csv and a checkpoint. Stops at a loss that is no number."""

    def __init__(self, run: Run, fingerprint: str, done: int) -> None:
        super().__init__()
        self.run, self.fingerprint = run, fingerprint
        self.rows = run.metrics()[:done]
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0
        self.started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not np.isfinite((logs or {})["loss"]):
            raise InputError(
                f"The loss is no longer a finite number at step {batch + 1} of epoch {len(self.rows) + 1}; the last "
                "checkpoint is kept. Try a lower optimizer.learning_rate."
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row: dict[str, float] = {
            "epoch": epoch + 1,
            **{key: float(value) for key, value in (logs or {}).items()},
        }
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        row["seconds"] = self.before + time.monotonic() - self.started
        self.rows.append(row)
        # The log first: a checkpoint promises that the epochs before it are logged.
        self.run.write_metrics(self.rows)
        checkpoint.save(self.run.checkpoints, epoch + 1, self.fingerprint, self.model)


def _finish(recipe: Recipe, dataset: Dataset, run: Run, model: keras.Model) -> None:
    """Test once, and write everything that the run leaves behind; results.json comes last."""
    rows = run.metrics()
    found = evaluate(model, dataset.test_images, dataset.test_labels)
    matrix = found.pop("confusion_matrix")
    title = f"{recipe.name}: {found['errors']} errors in {found['images']:,} test images"
    run.write_json("confusion_matrix.json", {"labels": dataset.labels, "true_by_predicted": matrix.tolist()})
    write_whole(run.folder / "confusion_matrix.png", plots.confusion_matrix(matrix, dataset.labels, title))
    write_whole(run.folder / "curves.png", plots.learning_curves(rows, recipe.name))
    _keep_samples(dataset, run)
    save_model(model, run.model)
    mean, std = channel_statistics(dataset.train_images)
    run.write_json(
        "results.json",
        {
            "recipe": recipe.name,
            "model": recipe.model,
            "dataset": dataset.name,
            "labels": dataset.labels,
            "normalization": {"mean": mean, "std": std},
            "test": found,
            "validation_accuracy": rows[-1].get("val_accuracy"),
            "published": dataclasses.asdict(recipe.published),
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "seconds": rows[-1]["seconds"],
            "weights_sha256": weights_sha256(model),
            "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        },
    )


def _keep_samples(dataset: Dataset, run: Run) -> None:
    """The first test pictures, spread over the classes as evenly as they come."""
    rank = np.zeros(len(dataset.test_labels), dtype=np.int64)
    for label in range(dataset.classes):
        of_class = dataset.test_labels == label
        rank[of_class] = np.arange(of_class.sum())
    chosen = np.lexsort((dataset.test_labels, rank))[:SAMPLES]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=dataset.test_images[chosen], labels=dataset.test_labels[chosen])
    write_whole(run.samples, buffer.getvalue())
