"""Settings from the command line: one key of a recipe set to another value, or to several in turn."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, get_origin, get_type_hints

from ..errors import InputError, did_you_mean
from ..models.registry import COMMON, builder
from .recipe import USUAL_RATES, Recipe, kinds_of
from .recipe_file import recipe_from

#: The table of a recipe that every model fills with keys of its own.
OPTIONS = "options"

#: A text in quotes, or a character.
TOKEN = re.compile(r"""\"(?:\\.|[^"\\])*"|'[^']*'|.""", re.DOTALL)


def override(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with other values.

    Args:
        recipe: to begin with.
        values: by key, "optimizer.learning_rate", or "learning_rate" alone where no other table has that key. A text is
            read as a value of a recipe file is; quotes may be left out. "options.NAME" is an option of the model.

    Raises:
        InputError: a key is unknown, stands in several tables or is given twice, or a value does not fit.
    """
    plain = dataclasses.asdict(recipe)
    named = set()
    for short, value in values.items():
        key = full_key(short)
        if key in named:
            raise InputError(f"{key} is set twice; give it one value.")
        named.add(key)
        *table, last = key.split(".")
        target = plain[table[0]] if table else plain
        target[last] = _parsed(value, _keys().get(key)) if isinstance(value, str) else value
    usual = plain["optimizer"]["learning_rate"] == USUAL_RATES[recipe.optimizer.name]
    if "optimizer.name" in named and "optimizer.learning_rate" not in named and usual:
        del plain["optimizer"]["learning_rate"]  # each optimizer has its own
    changed = recipe_from({key: _plain(value) for key, value in plain.items()}, f"recipe {recipe.name}")
    if any(key == "model" or key.startswith(f"{OPTIONS}.") for key in named):
        _check_options(changed)  # building would find out, after the seconds that a backend takes to import
    return changed


def parse_settings(given: Iterable[str]) -> dict[str, list[str]]:
    """From "learning_rate=0.1,0.2" to {"optimizer.learning_rate": ["0.1", "0.2"]}.

    Commas in quotes and brackets belong to a value: "milestones=[0.5,0.75],[0.6,0.8]" has two.

    Raises:
        InputError: there is no "=", a value is missing, a key is unknown, or one is given twice.
    """
    found: dict[str, list[str]] = {}
    for setting in given:
        key, equals, text = setting.partition("=")
        values = [value.strip() for value in _split(text)]
        if not equals or not all(values):
            raise InputError(f'The setting {setting!r} lacks a value; write it as KEY=VALUE (an empty text as "").')
        key = full_key(key.strip())
        if key in found:
            raise InputError(f"{key} is set twice; give all its values at once, as {key}=A,B.")
        found[key] = values
    return found


def full_key(key: str) -> str:
    """The dotted key of a recipe that a key means.

    Raises:
        InputError: there is none, or there are several.
    """
    known = _keys()
    table, _, name = key.partition(".")
    if key in known or (table == OPTIONS and name and "." not in name):
        return key
    meant = [one for one in known if one.split(".")[-1] == key]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InputError(f"A recipe has several keys {key!r}; say which: {', '.join(meant)}.")
    near = did_you_mean(key, dict.fromkeys([*known, *(one.split(".")[-1] for one in known)]), most=3)
    hint = near.strip() or f"known are {', '.join([*known, f'{OPTIONS}.NAME'])}."
    raise InputError(f"A recipe has no key {key!r}; {hint}")


def value_of(recipe: Recipe, key: str) -> Any:
    """What a recipe has under a dotted key."""
    table, _, name = key.rpartition(".")
    holder = getattr(recipe, table) if table else recipe
    return holder[name] if isinstance(holder, dict) else getattr(holder, name)


@cache
def _keys() -> dict[str, Any]:
    """The type of every key of a recipe that can be set, dotted; a table's own name is none."""
    found: dict[str, Any] = {}
    for name, kind in kinds_of(Recipe).items():
        if dataclasses.is_dataclass(kind):
            found |= {f"{name}.{inner}": hint for inner, hint in get_type_hints(kind).items()}
        elif name != OPTIONS:
            found[name] = kind
    return found


def _parsed(text: str, kind: Any) -> Any:
    """A value as a recipe file writes it; what is none there is a text, and so is what a key of texts gets unquoted."""
    if (kind is str or get_origin(kind) is Literal) and text[:1] not in ("'", '"'):
        return text
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # Python refuses numbers of over 4,300 digits with a plain ValueError
        return text
    return table["value"] if len(table) == 1 else text  # a second line would set another key


def _split(text: str) -> list[str]:
    """The text cut at the commas that stand in no quotes and no brackets."""
    parts, depth = [""], 0
    for token in TOKEN.findall(text):
        depth = max(0, depth + (token in ("[", "{")) - (token in ("]", "}")))
        if token == "," and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _plain(value: Any) -> Any:
    """Tables and lists as TOML gives them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _check_options(recipe: Recipe) -> None:
    """Refuse a model that there is not, and an option that it does not take."""
    takes = [name for name in inspect.signature(builder(recipe.model)).parameters if name not in COMMON]
    if unknown := [name for name in recipe.options if name not in takes]:
        raise InputError(f"{recipe.model} has no option {unknown[0]!r}; it takes {', '.join(takes) or 'none'}.")
