"""Every key of a recipe: its value, its default, and what it means, read from the records that hold them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from .recipe import Recipe, kinds_of

#: Indentation of the names under "Attributes:" in a docstring that `inspect.cleandoc` has straightened.
NAME = re.compile(r"^    (\w+(?:, \w+)*): (.*)")


@dataclass(frozen=True)
class RecipeKey:
    """One key of a recipe.

    Attributes:
        key: as `--set` takes it, such as "optimizer.momentum".
        value: in the recipe at hand.
        default: what counts where a recipe leaves the key out; None if it has to be there.
        choices: the values that it may have, where they are few.
        meaning: in one or two sentences.
    """

    key: str
    value: Any
    default: Any
    choices: tuple[str, ...]
    meaning: str


def keys_of(recipe: Recipe) -> list[RecipeKey]:
    """All keys of a recipe, table by table, in the order of a recipe file."""
    tables, found = [], []
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if dataclasses.is_dataclass(value):
            tables.append((f"{field.name}.", value))
        else:
            found.append(_key(recipe, field, ""))
    return found + [_key(table, field, prefix) for prefix, table in tables for field in dataclasses.fields(table)]


def meanings(record: type) -> dict[str, str]:
    """What the attributes of a record mean, by the "Attributes:" section of its docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    section = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")[2]
    for line in section.splitlines():
        if match := NAME.match(line):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _key(record: Any, field: dataclasses.Field[Any], prefix: str) -> RecipeKey:
    hint = kinds_of(type(record))[field.name]
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        default = None if field.default is dataclasses.MISSING else field.default
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return RecipeKey(
        f"{prefix}{field.name}", getattr(record, field.name), default, choices, meanings(type(record))[field.name]
    )
