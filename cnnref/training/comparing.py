"""Runs side by side: what a folder of runs holds, and in which settings and numbers some of them differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .recipe import Recipe
from .recipe_file import read_recipe
from .recipe_keys import keys_of
from .run import Run


@dataclass(frozen=True)
class Summary:
    """One run in a line.

    Attributes:
        folder: of the run.
        model, dataset: what was trained on what; "" where the recipe cannot be read.
        epochs: that are done.
        accuracy: of the test set, 0..1; None until the run has finished.
        validation_accuracy: of the pictures kept aside, 0..1; None if there were none.
        minutes: of training; None until the run has finished.
        state: "finished", "not finished", or why the run cannot be read.
    """

    folder: str
    model: str
    dataset: str
    epochs: float
    accuracy: float | None
    validation_accuracy: float | None
    minutes: float | None
    state: str


def list_runs(folder: str | Path = "runs") -> list[Summary]:
    """Every run under a folder, also the runs of sweeps, by name.

    Raises:
        InputError: there is no such folder.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"There is no folder {place}; `cnnref train` makes runs/ where it is started.")
    return [summary_of(Run(recipe.parent)) for recipe in sorted(place.glob("**/recipe.toml"))]


def summary_of(run: Run) -> Summary:
    """A run in a line; damage is told in its `state`."""
    model = dataset = ""
    epochs = 0.0
    try:
        recipe = read_recipe(run.recipe)
        model, dataset = recipe.model, recipe.dataset
        if not run.finished:
            rows = run.metrics()
            done = float(rows[-1]["epoch"]) if rows else 0.0
            return Summary(str(run.folder), model, dataset, done, None, None, None, "not finished")
        results = run.results
        dataset, epochs = results["dataset"], float(results["epochs"])
        accuracy, minutes = float(results["test"]["accuracy"]), float(results["seconds"]) / 60
    except (InputError, KeyError, TypeError, ValueError, OSError) as error:
        return Summary(str(run.folder), model, dataset, epochs, None, None, None, f"damaged: {error}")
    held = results.get("validation_accuracy")
    return Summary(str(run.folder), model, dataset, epochs, accuracy, held, minutes, "finished")


def differences(folders: Sequence[str | Path]) -> dict[str, list[Any]]:
    """The keys of the recipes in which some runs differ, with the value of each run.

    Raises:
        InputError: a folder is not that of a run.
    """
    recipes = [_recipe(Run(Path(folder))) for folder in folders]
    told = [{one.key: one.value for one in keys_of(recipe)} for recipe in recipes]
    return {
        key: [values[key] for values in told] for key in told[0] if any(values[key] != told[0][key] for values in told)
    }


def _recipe(run: Run) -> Recipe:
    if not run.recipe.is_file():
        raise InputError(f"{run.folder} is not a run folder: it has no recipe.toml; `cnnref runs` lists the runs.")
    recipe = read_recipe(run.recipe)
    return dataclasses.replace(recipe, description="")  # a sentence for people, no setting
