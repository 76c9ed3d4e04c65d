"""Commands over many runs: sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import AsJson, DataDir, print_json


def sweep(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe such as lenet5-mnist, or the path of a .toml file.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many, from the recipe's on.")] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE,VALUE: a key of the recipe and what it is set to in turn."),
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep, by default runs/RECIPE-sweep.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Instead of the recipe's.")] = None,
    validation: Annotated[int | None, typer.Option(help="Training images kept aside, instead of the recipe's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a grid of settings with several seeds; the same command again goes on where it stopped.

    Several settings are compared on validation images; seeds alone are tested.

    Example: cnnref sweep lenet5-mnist --seeds 3 --set learning_rate=0.05,0.1,0.2 --validation 5000
    """
    from dataclasses import asdict, replace

    from ..training import parse_settings, read_recipe

    given: dict[str, Any] = {"epochs": epochs, "validation": validation}
    chosen = replace(read_recipe(recipe), **{key: value for key, value in given.items() if value is not None})
    grid = parse_settings(settings or [])
    from ..training import sweep as run_sweep

    found = run_sweep(chosen, data_dir, out, seeds=seeds, settings=grid)
    if as_json:
        return print_json({**asdict(found), "folder": str(found.folder)})
    from ..tables import Table

    rows = []
    for cell in found.cells:
        values = [100 * value for value in cell.accuracy.values()]
        rows.append(
            (
                ", ".join(f"{key.split('.')[-1]} {value}" for key, value in cell.settings.items()) or "the recipe's",
                str(len(values)) + (f" ({len(cell.failed)} diverged)" if cell.failed else ""),
                "-" if cell.mean is None else f"{cell.mean:.2f} %",
                "-" if cell.interval is None else f"± {cell.interval:.2f}",
                f"{min(values):.2f} to {max(values):.2f}" if values else "-",
                "-" if cell.views_mean is None else f"{cell.views_mean:.2f} %",
            )
        )
    header = ("settings", "seeds", f"{found.judged_on} accuracy", "95 % interval", "range", "with views")
    Table(header, rows, numbers=(1, 2, 3, 4, 5)).print()
    return print(f"Runs: {found.folder}")
