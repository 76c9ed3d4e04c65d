"""Training: from a recipe to a finished run folder."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from .. import environment
from ..data import Dataset, load
from ..errors import InputError
from ..files import refuse_existing, write_whole
from ..models import spec
from .budget import epochs_that_fit
from .cluster import is_first_process
from .finish import finish
from .recipe import Recipe
from .recipe_files import read_recipe
from .run import Run
from .trainer import Job, Settings


def train(
    recipe: str | Path | Recipe,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    budget_minutes: float | None = None,
    weights: str | Path | None = None,
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
        weights: a bundle, run folder or weights file to start from; see `cnnref.training.transfer.pretrained`.
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
    how = Settings(weights, devices, tensorboard, checkpoint_seconds, quiet)
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    run = Run(Path(out) if out else Path("runs") / recipe.name)
    spec(recipe.model)  # refuses a model that there is not, before anything takes time
    recipe = _for_this_machine(recipe, run, resume=resume, sized=budget_minutes is not None)
    _check_folder(run, recipe, resume=resume, force=force)
    if resume and run.finished:
        return run
    dataset = _dataset(recipe, data_dir)
    if recipe.dataset.startswith("folder:"):  # there may be few pictures
        recipe = replace(recipe, batch_size=min(recipe.batch_size, len(dataset.train_images) - recipe.validation))
    job = Job.prepare(recipe, dataset, how)
    if budget_minutes and not resume:
        left = 60 * budget_minutes - (time.monotonic() - started)
        learner = job.learner(job.phases[-1])
        recipe = replace(recipe, epochs=epochs_that_fit(left, learner, job.plan, job.pictures, job.model, dataset))
        job = Job.prepare(recipe, dataset, how)
    try:
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
    except OSError as error:  # a full disk, mostly
        raise InputError(
            f"The run in {run.folder} cannot be written: {error.strerror or error}; what it has is kept. Make room and "
            "go on with --resume."
        ) from None
    return run


def _for_this_machine(recipe: Recipe, run: Run, *, resume: bool, sized: bool) -> Recipe:
    """The recipe with its precision decided, and to resume, with what the start of the run has measured."""
    if resume and run.recipe.is_file():
        before = read_recipe(run.recipe)
        if sized:
            recipe = replace(recipe, epochs=before.epochs)
        if recipe.dataset.startswith("folder:"):
            recipe = replace(recipe, batch_size=min(recipe.batch_size, before.batch_size))
    if recipe.precision == "auto":
        recipe = replace(recipe, precision="bfloat16" if environment.fast_bfloat16() else "float32")
    return recipe


def _dataset(recipe: Recipe, data_dir: str | Path | None) -> Dataset:
    """Pictures of a folder are read in the model's size, every other data set has its own; or both the recipe's."""
    side, usual = recipe.image_size, spec(recipe.model).input_shape
    shape = (side or usual[0], side or usual[1], usual[2])
    dataset = load(recipe.dataset, data_dir, image_shape=shape if recipe.dataset.startswith("folder:") else None)
    return dataset.resized(side, side) if side else dataset


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
