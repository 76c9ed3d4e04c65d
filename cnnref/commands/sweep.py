"""`cnnref sweep`: train a grid of settings with several seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import AsJson, DataDir, print_json


def sweep(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe such as lenet5-mnist, or the path of a .toml file.")],
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, counted up from the recipe's.")] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE,VALUE: a key of the recipe and the values to train with."),
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep, by default runs/RECIPE-sweep.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Number of epochs instead of the recipe's.")] = None,
    validation: Annotated[int | None, typer.Option(help="Number of training images kept for validation.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a grid of settings with several seeds; the same command continues a sweep that was stopped.

    Several settings are compared on validation images; a sweep over seeds alone measures the test accuracy. A run that
    diverged is not trained again unless its folder is deleted.

    Example: cnnref sweep lenet5-mnist --seeds 3 --set learning_rate=0.05,0.1,0.2 --validation 5000
    """
    from dataclasses import replace

    from ..training import parse_settings, read_recipe

    given: dict[str, Any] = {"epochs": epochs, "validation": validation}
    chosen = replace(read_recipe(recipe), **{key: value for key, value in given.items() if value is not None})
    grid = parse_settings(settings or [])
    from ..training import sweep as run_sweep
    from ..training.sweeping import in_words

    try:
        found = run_sweep(chosen, data_dir, out, seeds=seeds, settings=grid)
    except KeyboardInterrupt:
        print("cnnref: stopped; the same command continues after the last checkpoint.", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        return print_json({**found.document(), "folder": str(found.folder)})
    from ..tables import Table

    with_views = any(cell.views_accuracy for cell in found.cells)
    rows = []
    for cell in found.cells:
        settings_in_words = (f"{key.split('.')[-1]} {in_words(value)}" for key, value in cell.settings.items())
        values = [100 * value for value in cell.accuracy.values()]
        numbers = (cell.mean, cell.interval, min(values, default=None), max(values, default=None))
        rows.append(
            (
                ", ".join(settings_in_words) or "the recipe's",
                str(len(values)) + (f" ({len(cell.failed)} diverged)" if cell.failed else ""),
                *("-" if number is None else f"{number:.2f}" for number in numbers),
                *([f"{cell.views_mean:.2f}" if cell.views_mean is not None else "-"] if with_views else []),
            )
        )
    header = ("settings", "runs", f"{found.judged_on} accuracy %", "±", "min", "max", *(["with views"] * with_views))
    Table(header, rows, numbers=range(1, len(header)), breakable=0).print()
    if any(cell.interval is not None for cell in found.cells):
        print("± is half the 95 % interval of the mean, by Student's t.")
    return print(f"Runs: {found.folder}")
