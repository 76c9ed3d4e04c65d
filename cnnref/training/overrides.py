"""Settings from the command line: one key of a recipe set to another value, or to several in turn."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

from ..errors import InputError
from .recipe import Recipe
from .recipe_files import recipe_from


def override(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values.

    Args:
        recipe: to begin with.
        values: by key, "optimizer.learning_rate", or "learning_rate" alone where no other table has that key. A text is
            read as a value of a recipe file is; quotes may be left out. "options.NAME" is an option of the model.

    Raises:
        InputError: a key is unknown or stands in several tables, or a value does not fit.
    """
    plain = dataclasses.asdict(recipe)
    for key, value in values.items():
        *table, last = full_key(key).split(".")
        target = plain[table[0]] if table else plain
        target[last] = _parsed(value) if isinstance(value, str) else value
    return recipe_from({key: _plain(value) for key, value in plain.items()}, f"recipe {recipe.name}")


def parse_settings(given: Iterable[str]) -> dict[str, list[str]]:
    """From "learning_rate=0.1,0.2" to {"optimizer.learning_rate": ["0.1", "0.2"]}.

    Raises:
        InputError: there is no "=", a key is unknown, or one is given twice.
    """
    found: dict[str, list[str]] = {}
    for setting in given:
        key, equals, values = setting.partition("=")
        if not equals or not values:
            raise InputError(f"--set {setting} has no value; write it as KEY=VALUE.")
        key = full_key(key.strip())
        if key in found:
            raise InputError(f"{key} is set twice; give all its values at once, as {key}=A,B.")
        found[key] = [value.strip() for value in values.split(",")]
    return found


def full_key(key: str) -> str:
    """The dotted key of a recipe that a key means.

    Raises:
        InputError: there is none, or there are several.
    """
    known = _keys()
    if key in known or key.startswith("options."):
        return key
    meant = [name for name in known if name.split(".")[-1] == key]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InputError(f"A recipe has several keys {key!r}; say which: {', '.join(meant)}.")
    near = difflib.get_close_matches(key, [*known, *(name.split(".")[-1] for name in known)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise InputError(f"A recipe has no key {key!r}; {hint}known are {', '.join(known)}.")


def _keys() -> list[str]:
    """All keys of a recipe that can be set, dotted; a table's own name is none."""
    found = []
    for name, kind in get_type_hints(Recipe).items():
        if dataclasses.is_dataclass(kind):
            found += [f"{name}.{field.name}" for field in dataclasses.fields(kind)]
        elif name != "options":
            found.append(name)
    return found


def _parsed(text: str) -> Any:
    """A value as a recipe file writes it; what is none there is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _plain(value: Any) -> Any:
    """Tables and lists as TOML gives them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
