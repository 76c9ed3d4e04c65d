"""Recipes by name and from TOML files, and a recipe that is made for a model and pictures of one's own."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ..data.augmentation import Augmentation
from ..errors import InputError, did_you_mean, either, printable
from ..files import named, read_regular
from ..models import list_models, spec
from .recipe import WORDS, FineTuning, Optimizer, Recipe, Schedule, kinds_of, one_of

#: Bytes of the largest recipe, and letters of its longest line. The time that `tomllib` takes for a key of many parts
#: grows with the square of their number, and a key stands on one line.
LARGEST_RECIPE, LONGEST_LINE = 1 << 16, 4000

#: Data sets that are advised to somebody who names a model where a recipe is wanted.
DATA = ("folder:PATH", "cifar10")

#: The folder of the recipes that come with the package.
SHIPPED = Path(__file__).parent.parent / "recipes"


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read_recipe(source: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by the path of its TOML file.

    Raises:
        InputError: there is no such recipe, or the file does not describe one; the message names the key.
    """
    path = Path(named(source, "A recipe"))
    if path.suffix != ".toml":
        path = SHIPPED / f"{source}.toml"
        if str(source) not in list_recipes():
            _refuse_what_is_no_recipe(str(source))
            hint = did_you_mean(str(source), list_recipes())
            what = "neither a folder nor a recipe" if {"/", "\\"} & set(str(source)) else "no recipe"
            raise InputError(
                f"There is {what} {str(source)!r}; {hint}choose {', '.join(list_recipes())}, "
                "or give the path of a .toml file."
            )
    try:
        table = read_table(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"The recipe {path} cannot be read: {reason}.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"The recipe {path} is not valid TOML: {printable(str(error))}.") from None
    table.setdefault("name", path.stem)
    return recipe_from(table, str(path))


def read_table(path: Path) -> dict[str, Any]:
    """The tables of a recipe's file, of whatever version.

    Raises:
        InputError: it is no regular file, or has more bytes or a longer line than any recipe.
        OSError: it cannot be read.
        ValueError, RecursionError: it is not UTF-8, or not valid TOML.
    """
    text = read_regular(path, LARGEST_RECIPE, "recipe").decode()
    if max(map(len, text.split("\n"))) > LONGEST_LINE:
        raise InputError(f"The recipe {path} has a line of over {LONGEST_LINE:,} letters, which no recipe needs.")
    return tomllib.loads(text)


def _refuse_what_is_no_recipe(source: str) -> None:
    """Raise InputError for a model and for a folder, which may be taken for what a recipe is."""
    if source in list_models():
        own, known = (
            either(f"cnnref train {source} --data {data}", f"recipe_for({source!r}, {data!r})") for data in DATA
        )
        raise InputError(
            f"There is no recipe {source!r}, but a model of that name: `{own}` is for pictures of yours, `{known}` for "
            f"that data set, and {source!r} can be the model of a recipe of yours."
        )
    if Path(source).is_dir():
        data = f"folder:{source}"
        advised = either(f"cnnref train MODEL --data {data}", f"recipe_for(MODEL, {data!r})")
        raise InputError(f"{source} is a folder and no recipe; `{advised}` is for the pictures in it.")


def recipe_from(table: dict[str, Any], where: str) -> Recipe:
    """A recipe from nested tables as TOML has them; `where` they come from is said in messages.

    Raises:
        InputError: a key is unknown or missing, or a value does not fit; the message names the key.
    """
    recipe: Recipe = _record(Recipe, table, where, "")
    return recipe


def recipe_for(name: str, data: str, *, pretrained: bool = False) -> Recipe:
    """A recipe to train a model on other pictures.

    Args:
        name: of a shipped recipe or path of one, whose data set is replaced; or of a model, for which a recipe is made:
            mirrored and slightly moved and turned pictures, the classifier alone for 3 epochs if there are trained
            weights, then everything for 12 with a small rate.
        data: a data set as `cnnref.data.load` names it, such as folder:PATH.
        pretrained: whether the run will begin with trained weights. A recipe that is made keeps their statistics then,
            and takes Adam with a small rate, because the weights of a network that was trained with batch normalization
            may be so small that a usual step of SGD destroys them.

    Raises:
        InputError: there is neither a recipe nor a model of that name.
    """
    name = str(named(name, "A recipe or a model"))
    if name in list_recipes() or name.endswith(".toml"):
        return replace(read_recipe(name), dataset=data)
    if name not in list_models():
        hint = did_you_mean(name, [*list_models(), *list_recipes()])
        raise InputError(f"There is no recipe or model {name!r}; {hint}`cnnref models` lists the models.")
    side = spec(name).input_shape[0]
    return Recipe(
        name=f"{name}-{short_name(data)}",
        model=name,
        dataset=data,
        epochs=15,
        batch_size=32,
        precision="auto",
        augmentation=Augmentation(flip=True, translate=side / 16, rotate=8, scale=0.1, border="reflect"),
        optimizer=Optimizer("adam", 3e-4) if pretrained else Optimizer("sgd", 0.01, 0.9, weight_decay=1e-4),
        schedule=Schedule(warmup=0.1, decay="cosine"),
        fine_tuning=FineTuning(3, 0.003, keep_statistics=True) if pretrained else FineTuning(3, 0.05),
    )


def short_name(data: str) -> str:
    """What a run is named after: the last part of a folder's path in letters that every disk takes, or the data set."""
    name = Path(os.path.realpath(os.path.expanduser(data.partition(":")[2] or data))).name if ":" in data else data
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "own-pictures"


def _record(kind: Any, table: dict[str, Any], path: str, prefix: str) -> Any:
    """Turn a table into a dataclass, naming the first key that does not fit."""
    hints = kinds_of(kind)
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
