"""`cnnref runs`: list the runs of a folder, or compare some."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from ..files import write_whole
from .options import AsJson, Force, check_plot, print_json


def runs(
    folders: Annotated[
        list[str] | None, typer.Argument(help="A folder of runs, by default runs; or two or more runs to compare.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the learning curves of compared runs: a .png file.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """List the runs with accuracy, epochs and minutes; with two runs or more, compare settings and curves.

    Example: cnnref runs

    Example: cnnref runs runs/lenet5-mnist runs/lenet5-mnist-2 --plot both.png
    """
    from ..training.comparing import differences, list_runs, summary_of
    from ..training.run import Run

    given = folders or ["runs"]
    if len(given) == 1:
        if plot:
            raise InputError("--plot draws the curves of runs that are compared; name two runs or more.")
        found = list_runs(given[0])
        if as_json:
            return print_json([dataclasses.asdict(one) for one in found])
        if not found:
            raise InputError(f"There is no run in {given[0]}; `cnnref train RECIPE` makes one.")
        return tables.of_runs(found).print()
    if plot:
        check_plot(plot, force=force, only_png=True)
    changed = differences(given)
    found = [summary_of(Run(Path(folder))) for folder in given]
    if plot:
        from ..plots import compared_curves

        short = [Path(folder).name for folder in given]
        names = short if len(set(short)) == len(short) else given
        rows = [Run(Path(folder)).metrics() for folder in given]
        write_whole(plot, compared_curves(dict(zip(names, rows, strict=True))))
    if as_json:
        return print_json({"runs": [dataclasses.asdict(one) for one in found], "differences": changed})
    return tables.of_compared_runs(found, changed).print()
