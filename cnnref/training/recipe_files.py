"""Recipe files: TOML to a recipe, and the first thing that does not fit named with its key."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..errors import InputError, did_you_mean
from .recipe import Recipe, one_of

#: What a value of a type is called in messages.
WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text in quotes", dict: "a table"}

SHIPPED = Path(__file__).parent.parent / "recipes"


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read_recipe(source: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by the path of its TOML file.

    Raises:
        InputError: there is no such recipe, or the file does not describe one; the message names the key.
    """
    path = Path(source)
    if path.suffix != ".toml":
        path = SHIPPED / f"{source}.toml"
        if str(source) not in list_recipes():
            hint = did_you_mean(str(source), list_recipes())
            raise InputError(
                f"There is no recipe {str(source)!r}; {hint}choose {', '.join(list_recipes())}, "
                "or give the path of a .toml file."
            )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"The recipe {path} cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The recipe {path} is not valid TOML: {error}.") from None
    table.setdefault("name", path.stem)
    return recipe_from(table, str(path))


def recipe_from(table: dict[str, Any], where: str) -> Recipe:
    """A recipe from nested tables as TOML has them; `where` they come from is said in messages.

    Raises:
        InputError: a key is unknown or missing, or a value does not fit; the message names the key.
    """
    return _record(Recipe, table, where, "")


def _record(kind: Any, table: dict[str, Any], path: str, prefix: str) -> Any:
    """Turn a table into a dataclass, naming the first key that does not fit."""
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            hint = did_you_mean(key, hints)
            raise InputError(f"{path} has an unknown key {prefix + key!r}; {hint}known are {', '.join(hints)}.")
        values[key] = _value(hints[key], value, path, prefix + key)
    required = [f.name for f in dataclasses.fields(kind) if _is_required(f)]
    if missing := [key for key in required if key not in values]:
        raise InputError(f"{path} lacks the key {prefix + missing[0]!r}; add it.")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _is_required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _value(kind: Any, value: Any, path: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise InputError(f"{path}: {key} is a table, write it as [{key}].")
        return _record(kind, value, path, f"{key}.")
    if get_origin(kind) is Literal:
        one_of(f"{path}: {key}", value, get_args(kind))
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{path}: {key} is {value!r}; write a list in brackets.")
        return tuple(_value(get_args(kind)[0], item, path, key) for item in value)
    expected: tuple[type, ...] = {float: (float, int), int: (int,), bool: (bool,), str: (str,)}.get(kind, (dict,))
    if not isinstance(value, expected) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{path}: {key} is {value!r}; write {WORDS[expected[0]]}.")
    return float(value) if kind is float else value  # type: ignore[arg-type]
