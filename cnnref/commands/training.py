"""Commands that train by a recipe: train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import AsJson, DataDir, Force, print_json


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe such as lenet5-mnist, or the path of a .toml file.")],
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="The run folder, by default runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    force: Force = False,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    validation: Annotated[int | None, typer.Option(help="Training images kept aside, instead of the recipe's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train by a recipe; the test set is looked at once, at the end.

    Example: cnnref train lenet5-mnist --data-dir ~/datasets
    """
    from dataclasses import replace

    from ..training import read_recipe

    given: dict[str, Any] = {"epochs": epochs, "seed": seed, "validation": validation}
    changed = replace(read_recipe(recipe), **{key: value for key, value in given.items() if value is not None})
    from ..training import train as run_training  # takes seconds; a misspelt recipe is told at once

    try:
        run = run_training(changed, data_dir, out, resume=resume, force=force)
    except KeyboardInterrupt:
        print("cnnref: stopped; the same command with --resume goes on after the last whole epoch.", file=sys.stderr)
        raise typer.Exit(130) from None
    results = run.results
    if as_json:
        return print_json({"folder": str(run.folder), **results})
    test = results["test"]
    print(f"Test accuracy {100 * test['accuracy']:.2f} % ({test['errors']} errors in {test['images']:,} images).")
    return print(f"Run: {run.folder}   Next: cnnref export {run.folder} --out DIR")
