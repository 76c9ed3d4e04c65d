"""The runs behind a bundle: one recipe with one seed or several, with the mean of their accuracies (seeds.json)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import read_regular
from ...training.run import LARGEST_LOG, Run
from ...training.sweeping import FILE as SWEEP
from ...training.sweeping import folder_name, mean_interval
from .provenance import recipe_table, settings_of

FILE = "seeds.json"

#: What reading a damaged log raises.
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


def seeds_of(run: Run) -> dict[str, Any]:
    """What seeds.json says of a finished run, and of the other runs of its sweep if the sweep varies the seed alone.

    Returns:
        `recipe`; `runs`, each with `seed`, `accuracy` and `views_accuracy` (0..1, the second None without test-time
        views), `errors`, `images`, `epochs`, `seconds` and `weights_sha256`; `mean`, and `interval` on either side with
        95 % confidence (None for a single run), in percent; `views`, `views_mean` and `views_interval` likewise.
    """
    settings = settings_of(recipe_table(run.recipe))
    found = [
        other
        for other in _siblings(run) or [run]
        if other.finished and settings_of(recipe_table(other.recipe)) == settings
    ]
    try:
        return sum_up([other.results for other in found])
    except DAMAGED as error:
        raise InputError(f"The results of {run.folder} are damaged ({error!r}); train the run again.") from None


def read_seeds(training: Path) -> dict[str, Any]:
    """seeds.json in a bundle's folder training/; without that file, the same facts of the one run in results.json."""
    try:
        if (training / FILE).is_file():
            document: dict[str, Any] = json.loads(read_regular(training / FILE, LARGEST_LOG, "log"))
            return document
        return sum_up([json.loads(read_regular(training / "results.json", LARGEST_LOG, "log"))])
    except (OSError, *DAMAGED) as error:
        raise InputError(f"The results in {training} cannot be read ({error!r}); export the run again.") from None


def sum_up(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """seeds.json from the results.json of each run."""
    runs = [_entry(one) for one in results]
    mean, interval = mean_interval([100 * one["accuracy"] for one in runs])
    document = {"recipe": results[0]["recipe"], "runs": runs, "mean": mean, "interval": interval}
    views = results[0].get("test_views")
    looked = [100 * one["views_accuracy"] for one in runs if one["views_accuracy"] is not None]
    views_mean, views_interval = mean_interval(looked) if len(looked) == len(runs) else (None, None)
    return {
        **document,
        "views": views["views"] if views else None,
        "views_mean": views_mean,
        "views_interval": views_interval,
    }


def _entry(results: dict[str, Any]) -> dict[str, Any]:
    test, views = results["test"], results.get("test_views")
    return {
        "seed": results["seed"],
        "accuracy": test["accuracy"],
        "views_accuracy": views["accuracy"] if views else None,
        "errors": test["errors"],
        "images": test["images"],
        "epochs": results["epochs"],
        "seconds": round(results["seconds"], 1),
        "weights_sha256": results["weights_sha256"],
    }


def _siblings(run: Run) -> list[Run]:
    """All runs of the sweep that a run belongs to, itself included; an empty list if there is no such sweep."""
    folder = Path(os.path.realpath(run.folder)).parent
    try:
        sweep = json.loads(read_regular(folder / SWEEP, LARGEST_LOG, "log"))
        (cell,) = sweep["cells"]
        runs = [Run(folder / folder_name(cell["settings"], seed)) for seed in sweep["seeds"]]
    except (OSError, *DAMAGED):  # no sweep, or one over a grid
        return []
    return runs if Path(os.path.realpath(run.folder)) in [other.folder for other in runs] else []
