"""A grid of settings, each trained with several seeds: mean and interval of the accuracy. A sweep can be resumed."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import DivergedError, InputError, option
from ..files import read_text, refuse_existing, write_whole
from .overrides import full_key, override, value_of
from .recipe import Recipe
from .recipe_file import read_recipe
from .run import Run

#: The file with the results of a sweep, beside the run folders.
FILE = "sweep.json"

Train = Callable[..., Run]


@dataclass
class Cell:
    """One combination of settings, over all seeds.

    Attributes:
        settings: by dotted key, as the recipe has them.
        accuracy: by seed, from 0 to 1; of the validation images where there are several cells, else of the test images.
        views_accuracy: the same, averaged over test-time views; only of the test images.
        failed: what stopped a run, by seed.
        mean, interval: in percent; the mean lies within the interval on either side with 95 % confidence.
    """

    settings: dict[str, Any]
    accuracy: dict[int, float] = field(default_factory=dict)
    views_accuracy: dict[int, float] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    mean: float | None = None
    interval: float | None = None
    views_mean: float | None = None
    views_interval: float | None = None

    def add(self, seed: int, results: Mapping[str, Any], judged_on: str) -> None:
        """Take the accuracy from the results of a finished run."""
        if judged_on == "validation":
            self.accuracy[seed] = results["validation_accuracy"]
            return
        self.accuracy[seed] = results["test"]["accuracy"]
        if views := results["test_views"]:
            self.views_accuracy[seed] = views["accuracy"]

    def sum_up(self) -> None:
        """Compute mean and interval from what is there."""
        if self.accuracy:
            self.mean, self.interval = mean_interval([100 * value for value in self.accuracy.values()])
        if self.views_accuracy:
            found = mean_interval([100 * value for value in self.views_accuracy.values()])
            self.views_mean, self.views_interval = found


@dataclass(frozen=True)
class Sweep:
    """All that a sweep has found so far. `judged_on` is "validation" or "test"."""

    folder: Path
    recipe: str
    judged_on: str
    seeds: list[int]
    cells: list[Cell]

    def document(self) -> dict[str, Any]:
        """What sweep.json says: all of it, the values of each key as `grid`, and the runs of each mean as `n`."""
        grid: dict[str, list[Any]] = {}
        for cell in self.cells:
            for key, value in cell.settings.items():
                if value not in grid.setdefault(key, []):
                    grid[key].append(value)
        cells = [{**asdict(cell), "n": len(cell.accuracy)} for cell in self.cells]
        return {**asdict(self), "folder": self.folder.name, "grid": grid, "cells": cells}

    def write(self) -> None:
        """Write sweep.json."""
        write_whole(self.folder / FILE, json.dumps(self.document(), indent=2) + "\n")


def sweep(
    recipe: str | Path | Recipe,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Sequence[Any]] | None = None,
    quiet: bool = False,
    train: Train | None = None,
) -> Sweep:
    """Train every combination of settings with every seed; the same call continues a sweep that was stopped.

    A run that diverged counts as done; delete its folder to have it trained again.

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a `Recipe`.
        data_dir: folder with the published files of the data set.
        out: folder of the sweep, by default runs/NAME-sweep; each run has a folder in it.
        seeds: the number of seeds, counted up from the recipe's, or the seeds themselves.
        settings: values by key, see `cnnref.training.overrides`.
        quiet: show no progress on standard error.
        train: by default `cnnref.train`.

    Raises:
        InputError: several settings would be judged by test images, a key or value does not fit a recipe, two runs
            would be the same, or the folder holds something else.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    chosen = list(range(recipe.seed, recipe.seed + seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise InputError("A sweep needs seeds; give at least one.")
    recipes = _combinations(recipe, settings or {})
    if len(recipes) > 1 and any(not one.validation for _, one in recipes):
        raise InputError(
            "A sweep over settings chooses between them, and nothing is chosen on test images; keep training images "
            f"aside with {option('validation', 5000)}."
        )
    cells = [Cell(values) for values, _ in recipes]
    runs = [(cell, replace(one, seed=seed)) for cell, (_, one) in zip(cells, recipes, strict=True) for seed in chosen]
    _refuse_duplicates(runs)
    folder = Path(out) if out else Path("runs") / f"{recipe.name}-sweep"
    found = Sweep(folder, recipe.name, "validation" if len(cells) > 1 else "test", chosen, cells)
    failures = _failures(folder, {folder_name(cell.settings, one.seed) for cell, one in runs})
    if train is None:
        from .trainer import train as default

        train = default
    with _without_retracing_warnings():
        for cell, one in runs:
            run = Run(folder / folder_name(cell.settings, one.seed))
            if not quiet:
                print(run.folder.name, file=sys.stderr)
            if run.folder.name in failures and _is_of(run, one):
                cell.failed[one.seed] = failures[run.folder.name]
            else:
                try:
                    run = train(one, data_dir, run.folder, resume=run.recipe.is_file(), quiet=quiet)
                    cell.add(one.seed, run.results, found.judged_on)
                except DivergedError as error:  # a result; every other refusal is a mistake
                    cell.failed[one.seed] = str(error)
            cell.sum_up()
            found.write()
    return found


def _combinations(recipe: Recipe, settings: Mapping[str, Sequence[Any]]) -> list[tuple[dict[str, Any], Recipe]]:
    """The settings of each cell, as the recipe has them, and that recipe."""
    given = {key: [values] if isinstance(values, str) else list(values) for key, values in settings.items()}
    for key, values in given.items():
        if full_key(key) == "seed":
            raise InputError(
                f"The seed is no setting of a sweep: every setting is trained with all seeds; give {option('seeds')}."
            )
        if not values:
            raise InputError(f"{key} has no values in the sweep; give at least one.")
    order = sorted(given, key=full_key)  # whatever order they are given in, a run has one folder
    recipes = [
        override(recipe, dict(zip(order, values, strict=True)))
        for values in itertools.product(*(given[key] for key in order))
    ]
    return [({full_key(key): value_of(one, full_key(key)) for key in order}, one) for one in recipes]


def _refuse_duplicates(runs: Sequence[tuple[Cell, Recipe]]) -> None:
    """Refuse a sweep in which two runs give the same weights, or share a folder."""
    seen: set[str] = set()
    for cell, one in runs:
        name, weights = folder_name(cell.settings, one.seed), one.fingerprint()
        if name in seen or weights in seen:
            raise InputError(
                f"The sweep has the run {name} twice; give values and seeds that differ in what they train."
            )
        seen |= {name, weights}


def _failures(folder: Path, names: set[str]) -> dict[str, str]:
    """What stopped the runs that diverged in the sweep before, by the name of their folder.

    Raises:
        InputError: the folder holds something else than a sweep or, of one that was killed early, its first runs.
    """
    if not (folder / FILE).is_file():
        refuse_existing(folder, force=True)  # a file
        if folder.is_dir() and (other := {path.name for path in folder.iterdir()} - names):
            raise InputError(
                f"{folder} already exists, and {min(other)} in it is not a run of this sweep; choose another folder."
            )
        return {}
    try:
        cells = json.loads(read_text(folder / FILE))["cells"]
        return {folder_name(cell["settings"], int(seed)): why for cell in cells for seed, why in cell["failed"].items()}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):  # damaged: they are trained again
        return {}


def _is_of(run: Run, recipe: Recipe) -> bool:
    """Whether a run was started, by this recipe, and has not finished."""
    if run.finished or not run.recipe.is_file():
        return False
    before = read_recipe(run.recipe)
    if recipe.precision == "auto":  # the start of the run has decided
        recipe = replace(recipe, precision=before.precision)
    return before.fingerprint() == recipe.fingerprint()


@contextlib.contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """Keep TensorFlow from warning that every run compiles its own steps."""

    def keep(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    log = logging.getLogger("tensorflow")
    log.addFilter(keep)
    try:
        yield
    finally:
        log.removeFilter(keep)


def folder_name(settings: Mapping[str, Any], seed: int) -> str:
    """A run's folder: its settings and seed, in characters that every file system takes."""
    parts = [f"{key.split('.')[-1]}={in_words(value)}" for key, value in settings.items()]
    return re.sub(r"[^A-Za-z0-9=._+-]", "-", "_".join([*parts, f"seed={seed}"]))


def in_words(value: Any) -> str:
    """A value as one would type it: 0.1, 20, true, 0.5,0.75."""
    if isinstance(value, tuple | list):
        return ",".join(map(in_words, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and half the width of its 95 % confidence interval (Student's t); None for a single value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, float(half)
