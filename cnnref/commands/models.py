"""`cnnref models`: list the architectures."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import tables
from ..errors import InputError, did_you_mean
from .options import AsJson, print_json


def models(
    pattern: Annotated[str, typer.Argument(help='Which: a pattern such as "lenet*", or a part of the names.')] = "*",
    family: Annotated[
        str | None, typer.Option("--family", help='Only the models of one family, such as "resnet".')
    ] = None,
    phone: Annotated[bool, typer.Option("--phone", help="Only the models that were made for phones.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table with exact numbers.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the architectures.

    Example: cnnref models mobilenet --phone
    """
    from ..models import list_models, spec

    known = sorted({spec(name).family for name in list_models()})
    if family is not None and family not in known:
        raise InputError(
            f"There is no family {family!r}; {did_you_mean(family, known)}the families are {', '.join(known)}."
        )
    found = [spec(name) for name in list_models(pattern)]
    found = [facts for facts in found if family in (None, facts.family) and (facts.phone or not phone)]
    if not found:
        among = [f" in the family {family}"] * bool(family) + [" made for phones"] * phone
        hint = did_you_mean(pattern, list_models() if not among else [], most=3)
        raise InputError(f"No model{''.join(among)} matches {pattern!r}; {hint}`cnnref models` lists all.")
    if as_json:
        return print_json([{**vars(facts), "published": dict(facts.published)} for facts in found])
    if markdown:
        return print(tables.markdown_of_models(found))
    return tables.of_models(found).print()
