"""A grid of settings, each trained with several seeds: mean and interval of the accuracy, resumable at any point."""

from __future__ import annotations

import itertools
import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import refuse_existing, write_whole
from .overrides import full_key, override
from .recipe import Recipe
from .recipe_files import read_recipe
from .run import Run

#: What a sweep leaves in its folder, beside the run folders.
FILE = "sweep.json"

Train = Callable[..., Run]


@dataclass
class Cell:
    """One combination of settings, over all seeds.

    Attributes:
        settings: by dotted key.
        accuracy: (0..1) by seed: on the validation images where there are several cells, else on the test images.
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
    """Train every combination of settings with every seed; the same call again goes on where it stopped.

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a `Recipe`.
        data_dir: folder with the published files of the data set.
        out: folder of the sweep, by default runs/NAME-sweep; each run has a folder in it.
        seeds: how many, from the recipe's seed on, or which.
        settings: values by key, see `cnnref.training.overrides`.
        quiet: no progress on standard error.
        train: by default `cnnref.train`.

    Raises:
        InputError: several settings would be judged by test images, a key or value does not fit a recipe, or the folder
            holds another sweep.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    chosen = list(range(recipe.seed, recipe.seed + seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise InputError("A sweep has no seeds; give one at least.")
    grid = {full_key(key): list(values) for key, values in (settings or {}).items()}
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    recipes = [override(recipe, values) for values in combinations]
    judged_on = "validation" if len(combinations) > 1 else "test"
    if judged_on == "validation" and any(not one.validation for one in recipes):
        raise InputError(
            "A sweep over settings chooses between them, and nothing is chosen on test images; keep training images "
            "aside with --validation 5000."
        )
    folder = Path(out) if out else Path("runs") / f"{recipe.name}-sweep"
    found = Sweep(folder, recipe.name, judged_on, chosen, [Cell(values) for values in combinations])
    if not (folder / FILE).is_file():
        refuse_existing(folder, force=False)
    if train is None:
        from .loop import train as default

        train = default
    for cell, one in zip(found.cells, recipes, strict=True):
        for seed in chosen:
            _run(
                cell,
                replace(one, seed=seed),
                folder / folder_name(cell.settings, seed),
                data_dir,
                judged_on,
                quiet,
                train,
            )
            cell.sum_up()
            write_whole(folder / FILE, json.dumps({**asdict(found), "folder": folder.name}, indent=2) + "\n")
    return found


def _run(
    cell: Cell, recipe: Recipe, folder: Path, data_dir: str | Path | None, judged_on: str, quiet: bool, train: Train
) -> None:
    """Train one run, or go on with it, and note what came of it."""
    if not quiet:
        print(f"{folder.name}", file=sys.stderr)
    try:
        run = train(recipe, data_dir, folder, resume=(folder / "recipe.toml").is_file(), quiet=quiet)
    except InputError as error:
        if "finite" not in str(error):  # a run that diverged is a result; all else is a mistake
            raise
        cell.failed[recipe.seed] = str(error)
        return
    if judged_on == "validation":
        cell.accuracy[recipe.seed] = run.results["validation_accuracy"]
        return
    cell.accuracy[recipe.seed] = run.results["test"]["accuracy"]
    if views := run.results["test_views"]:
        cell.views_accuracy[recipe.seed] = views["accuracy"]


def folder_name(settings: Mapping[str, Any], seed: int) -> str:
    """A run's folder: its settings and seed, in characters that every file system takes."""
    parts = [f"{key.split('.')[-1]}={value}" for key, value in settings.items()]
    return re.sub(r"[^A-Za-z0-9=._+-]", "-", "_".join([*parts, f"seed={seed}"]))


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and half the width of its 95 % confidence interval (Student's t); None for a single value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, float(half)
