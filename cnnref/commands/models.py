"""Commands that look at architectures: models, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, print_json


def models(
    pattern: Annotated[str, typer.Argument(help='Which, such as "lenet*".')] = "*",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table with exact numbers.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the architectures.

    Example: cnnref models "lenet*"
    """
    from ..models import list_models, spec

    found = [spec(name) for name in list_models(pattern)]
    if not found:
        raise InputError(f"No model matches {pattern!r}; `cnnref models` lists all.")
    if as_json:
        return print_json([{**vars(facts), "published": dict(facts.published)} for facts in found])
    if markdown:
        return print(tables.markdown_of_models(found))
    return tables.of_models(found).print()


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


def check_plot(path: Path, *, force: bool) -> None:
    """Raise InputError unless a picture may be written to `path`."""
    from ..explain.drawing.network import FORMS

    if path.suffix[1:].lower() not in FORMS:
        raise InputError(f"{path} is not a kind of picture that can be drawn; end its name in .png, .svg or .pdf.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a picture of that name is to be written; choose another name.")
    if path.exists() and not force:
        raise InputError(f"{path} already exists; choose another file, or give --force to replace it.")
