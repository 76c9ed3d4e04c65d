"""`cnnref models`: list the architectures."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, print_json


def models(
    pattern: Annotated[str, typer.Argument(help='Pattern of the names to list, such as "lenet*".')] = "*",
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
