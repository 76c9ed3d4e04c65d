"""The part of a model card about training: how the weights were made, and how accurate they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError, code, markdown
from ...files import read_regular
from ...training.recipe import OF_MUON
from ...training.run import LARGEST_LOG
from .provenance import recipe_table, shipped_recipe
from .seeds import DAMAGED, read_seeds

#: The tables of a recipe that a card repeats.
TABLES = ("augmentation", "optimizer", "schedule", "average")


def training_lines(
    folder: Path, provenance: Mapping[str, Any], weights_sha256: str, export_options: str = ""
) -> list[str]:
    """Accuracy, settings, time, machine and logs, from what the bundle in `folder` keeps of its run in training/.

    `export_options` are the options of `cnnref export` that write the same bundle again.

    Raises:
        InputError: a file in training/ is damaged.
    """
    training = folder / "training"
    if not (training / "results.json").is_file():
        return ["The weights come from outside a recipe; nothing is known about their accuracy.", ""]
    try:
        return _of_a_run(training, provenance, weights_sha256, export_options)
    except DAMAGED as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The logs in {training} are damaged ({error!r}); export the run again.") from None


def _of_a_run(training: Path, provenance: Mapping[str, Any], weights_sha256: str, export_options: str) -> list[str]:
    seeds, recipe = read_seeds(training), recipe_table(training / "recipe.toml")
    return [
        f"Trained on {markdown(provenance['dataset'])} by the recipe `{code(seeds['recipe'])}`, "
        f"{markdown(str(provenance['trained']))}. Accuracy of the final weights on {seeds['runs'][0]['images']:,} test "
        "images, looked at once a run:",
        "",
        *_runs(seeds, weights_sha256),
        "",
        *_measured_against(provenance.get("published", {}), seeds),
        *_settings(recipe),
        *_teachers(_json(training / "results.json").get("teacher")),
        f"- machine: {markdown(machine_of(training))}; {markdown(_versions(_json(training / 'environment.json')))}",
        "",
        "Every value used is in `training/recipe.toml`, the log by epoch in `training/metrics.csv`"
        + (" and `training/timings.csv`" if (training / "timings.csv").is_file() else "")
        + ", the counts behind the confusion matrix in `training/confusion_matrix.json`, the machine in "
        "`training/environment.json`.",
        "",
        *_again(recipe, seeds, export_options),
        "![Learning curves](training/curves.png)",
        "",
        "![Confusion matrix](training/confusion_matrix.png)",
        "",
        "Test pictures and the three most probable classes:",
        "",
        "![Test pictures and predictions](samples.png)",
        "",
    ]


def mean_text(seeds: Mapping[str, Any], views: bool = False) -> str:
    """Mean accuracy with its 95 % interval, "99.31 ± 0.05 %"; a single run's as it is; "" where there is none."""
    mean, interval = (seeds[f"views_{key}" if views else key] for key in ("mean", "interval"))
    if mean is None:
        return ""
    return f"{mean:.2f} %" if interval is None else f"{mean:.2f} ± {interval:.2f} %"


def machine_of(training: Path) -> str:
    """The accelerators, the processor with its cores, and the number of threads where it is known."""
    facts = _json(training / "environment.json")
    cores = f"{facts['cpu']}, {facts['cores']} core{'s' * (facts['cores'] != 1)}"
    limits = {facts["settings"].get(name) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")} - {None, ""}
    threads = [f"{number} thread{'s' * (number != '1')}" for number in sorted(limits)[:1]]
    return ", ".join([*facts["accelerators"], cores, *threads])


def _runs(seeds: Mapping[str, Any], weights_sha256: str) -> list[str]:
    """The table of runs: one row for each seed, and one with their mean."""
    views = seeds["views"]
    lines = [
        "| seed | accuracy | errors |" + (f" with test-time views ({views}) |" if views else "") + " training |",
        "|---|---:|---:|" + "---:|" * bool(views) + "---:|",
    ]
    for run in seeds["runs"]:
        this = " (these weights)" if run["weights_sha256"] == weights_sha256 and len(seeds["runs"]) > 1 else ""
        row = f"| {run['seed']}{this} | {100 * run['accuracy']:.2f} % | {run['errors']:,} |"
        if views:
            row += f" {100 * run['views_accuracy']:.2f} % |" if run["views_accuracy"] is not None else " |"
        lines.append(f"{row} {_duration(run['seconds'])} |")
    if len(seeds["runs"]) > 1:
        seconds = sum(run["seconds"] for run in seeds["runs"]) / len(seeds["runs"])
        both = f" {mean_text(seeds, views=True)} |" if views else ""
        lines.append(f"| mean ± 95 % interval | {mean_text(seeds)} | |{both} {_duration(seconds)} |")
    return lines


def _measured_against(published: Mapping[str, Any], seeds: Mapping[str, Any]) -> list[str]:
    """The published accuracy, and whether the recipe's target is met; if not, by how much and what was tried."""
    lines = []
    if published.get("source"):
        lines += [f"Published: {published['accuracy']:g} % ({markdown(published['source'])}).", ""]
    if target := published.get("target"):
        missed = _missed(target, seeds["mean"])
        said = (
            f"The target, {target:g} %, is missed by {missed} points" if missed else f"The target, {target:g} %, is met"
        )
        if missed and seeds["views_mean"] is not None:
            views = _missed(target, seeds["views_mean"])
            said += f"; with test-time views by {views}" if views else "; with test-time views it is met"
        tried = f" Tried: {markdown(published['tried']).rstrip('.')}." if missed and published.get("tried") else ""
        lines += [f"{said}.{tried}", ""]
    return lines


def _missed(target: float, mean: float) -> str:
    """By how many percentage points the target is missed, in words; "" if it is met."""
    return f"{target - mean:.2g}" if target - mean > 1e-9 else ""


def _settings(recipe: Mapping[str, Any]) -> list[str]:
    """The settings that matter, each on its own line."""
    facts = [
        f"{recipe['epochs']:g} epochs",
        f"batches of {recipe['batch_size']}",
        f"computed in {recipe.get('precision', 'float32')}",
    ]
    facts += [f"label smoothing {recipe['label_smoothing']:g}"] * bool(recipe.get("label_smoothing"))
    if size := (low := recipe.get("low_resolution", {})).get("size"):
        facts.append(f"pictures {size} pixels high in the first {100 * low['share']:g} % of the steps")
    facts += ["whitened first convolution"] * bool(recipe.get("whiten"))
    facts += [f"{recipe.get('validation', 0):,} training images kept aside"] * bool(recipe.get("validation"))
    lines = [f"- {', '.join(facts)}"]
    return lines + [f"- {key}: {_in_words(recipe[key], key)}" for key in TABLES if key in recipe]


def _teachers(told: Any) -> list[str]:
    """What the network learned from beside the labels, by results.json; no line where there was nothing."""
    if not told:
        return []
    names = " and ".join(f"`{code(name)}`" for name in told["networks"])
    return [
        f"- distilled from {names} (SHA-256 of the weights `{told['weights_sha256'][:16]}`...): temperature "
        f"{told['temperature']:g}, {100 * told['weight']:g} % of the loss"
        + ", asked once for each picture and its mirror image"
        * bool(told.get("stored"))
    ]


def _in_words(table: Mapping[str, Any], key: str) -> str:
    """A table of a recipe without what is turned off."""
    if table.get("kind") == "none":
        return "none"
    usual = {"norm_rate": 1}
    told = {name: value for name, value in table.items() if value and value != usual.get(name)}
    if told.get("name") != "muon":
        for name in OF_MUON:
            told.pop(name, None)
    if not told.get("crop"):
        told.pop("crop_aspect", None)
    if key == "augmentation" and set(told) <= {"border"}:
        return "none"
    return ", ".join(
        str(value)
        if name in ("name", "kind")
        else name.replace("_", " ") + ("" if value is True else f" {_value(value)}")
        for name, value in told.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _versions(facts: Mapping[str, Any]) -> str:
    versions = facts["versions"]
    backend = facts["backend"]
    return (
        f"Keras {versions['keras']} on {backend} {versions.get(backend, '')}, Python {versions['python']}, "
        f"NumPy {versions['numpy']}"
    )


def _again(recipe: Mapping[str, Any], seeds: Mapping[str, Any], export_options: str) -> list[str]:
    """The commands that reproduce these weights, where the recipe has everything that is needed."""
    if recipe.get("fine_tuning", {}).get("frozen_epochs"):
        return []  # the recipe does not name the weights that the run began with
    name, seed, shipped = recipe["name"], recipe["seed"], shipped_recipe(recipe)
    train, folder = "cnnref train training/recipe.toml --out RUN", "RUN"
    if shipped and len(seeds["runs"]) > 1:
        count = max(run["seed"] for run in seeds["runs"]) - shipped.seed + 1
        train, folder = f"cnnref sweep {name} --seeds {count}", f"runs/{name}-sweep/seed={seed}"
    elif shipped:
        train, folder = f"cnnref train {name}" + f" --seed {seed}" * (seed != shipped.seed), f"runs/{name}"
    export = f"cnnref export {folder} --out DIR --data-dir DATA{export_options}"
    return [f"Make it again: `{train} --data-dir DATA` and `{export}`.", ""]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(read_regular(path, LARGEST_LOG, "log"))
        return document
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); export the run again.") from None
