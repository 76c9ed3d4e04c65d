"""Where trained weights come from: the recipe of a run, and whether it is still one that the package ships."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import environment
from ...errors import InputError
from ...training.recipe import Recipe
from ...training.recipe_file import list_recipes, read_recipe, read_table, recipe_from
from ...training.run import Run

#: The keys of a recipe that have no influence on the weights.
DESCRIPTIVE = ("name", "description", "published", "views")


def provenance_of(run: Run) -> dict[str, Any]:
    """What bundle.json says of a finished run.

    The published numbers, the target and what was tried come from the shipped recipe where the run follows one,
    because what was tried is written down after the run.
    """
    results = run.results
    shipped = shipped_recipe(recipe_table(run.recipe))
    if not isinstance(results["test"].get("accuracy"), float | int) or "finished" not in results:
        raise InputError(f"The results of {run.folder} are damaged; train the run again.")
    return {
        "recipe": results["recipe"],
        "model": results["model"],
        "dataset": results["dataset"],
        "seed": results["seed"],
        "epochs": results["epochs"],
        "seconds": round(results["seconds"], 1),
        "trained": results["finished"],
        "test_accuracy": results["test"]["accuracy"],
        "test_images": results["test"].get("images"),
        "published": dataclasses.asdict(shipped.published) if shipped else results["published"],
        "versions": environment.versions(),
    }


def recipe_table(path: Path) -> dict[str, Any]:
    """A recipe.toml as it was written, also by an older version.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return read_table(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"The recipe {path} cannot be read ({error}); train the run again.") from None


def settings_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe that decide the weights, without the seed."""
    return {key: value for key, value in table.items() if key not in (*DESCRIPTIVE, "seed")}


def shipped_recipe(table: Mapping[str, Any]) -> Recipe | None:
    """The recipe of the same name in the package, if its settings are the same apart from seed and precision."""
    if table.get("name") not in list_recipes():
        return None
    recipe = read_recipe(table["name"])
    try:  # keys that an older version did not write have their defaults
        theirs = recipe_from(dict(table), "the recipe of the run")
    except InputError:
        return None
    # "auto" has become what the machine computes fast.
    theirs = dataclasses.replace(theirs, seed=recipe.seed, precision=recipe.precision)
    return recipe if theirs.fingerprint() == recipe.fingerprint() else None
