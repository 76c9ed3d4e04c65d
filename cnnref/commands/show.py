"""`cnnref show`: print a model layer by layer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from .options import AsJson, check_plot, print_json


def show(
    model: Annotated[str, typer.Argument(help="A name that `cnnref models` lists.")],
    plot: Annotated[Path | None, typer.Option(help="Also draw the network into this .png, .svg or .pdf file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing picture.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a model layer by layer: shapes, parameters, multiply-accumulates, receptive field.

    Example: cnnref show lenet5 --plot lenet5.png
    """
    from dataclasses import asdict

    from ..arithmetic import layer_table
    from ..models import outline, spec

    facts = spec(model)
    if plot:
        check_plot(plot, force=force)  # before TensorFlow is imported for nothing
    table = layer_table(outline(model))
    if plot:
        from ..explain.drawing.network import draw
        from ..files import write_whole

        write_whole(plot, draw(table, facts.name, form=plot.suffix[1:].lower()))
        print(f"Drawn: {plot}", file=sys.stderr)
    if as_json:
        return print_json([asdict(row) for row in table])
    tables.of_layers(table).print()
    return print(f"{tables.totals(table)}\n{facts.paper}")
