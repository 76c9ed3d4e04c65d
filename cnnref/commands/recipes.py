"""`cnnref recipes`: list the recipes, or every key of one."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from .. import tables
from .options import AsJson, print_json


def recipes(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe or the path of a .toml file; without it, all are listed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes; with the name of one, every key with its value, its default and its meaning.

    Example: cnnref recipes lenet5-mnist
    """
    from ..training import list_recipes, read_recipe
    from ..training.recipe_keys import keys_of

    if recipe is None:
        found = [read_recipe(name) for name in list_recipes()]
        if as_json:
            return print_json([dataclasses.asdict(one) for one in found])
        return tables.of_recipes(found).print()
    keys = keys_of(read_recipe(recipe))
    if as_json:
        return print_json([{**dataclasses.asdict(one), "default": tables.default_of(one) or None} for one in keys])
    return tables.of_recipe_keys(keys).print()
