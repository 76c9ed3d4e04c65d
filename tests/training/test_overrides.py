"""Settings from the command line: what they mean, and what is wrong with them."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data.augmentation import RANGES
from cnnref.errors import InputError
from cnnref.models import list_models
from cnnref.training import Recipe, list_recipes, override, parse_settings, read_recipe
from cnnref.training.overrides import full_key, value_of

RECIPE = read_recipe("lenet5-mnist")

#: From here, each key can be set alone.
STEPS = override(
    RECIPE, {"flip": True, "schedule.decay": "steps", "milestones": [0.5], "model": "tinyvgg", "learning_rate": 0.07}
)

#: Texts that are checked by more than their type.
CHOICES = {"model": list_models("lenet*"), "optimizer.name": ["sgd", "adamw", "muon"], "schedule.decay": ["steps"]}


def keys(kind: Any = Recipe, prefix: Any = "") -> Iterator[Any]:
    """Every dotted key with its type."""
    for name, hint in get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            yield from keys(hint, f"{name}.")
        elif name != "options":
            yield prefix + name, hint


def values(key: Any, kind: Any) -> Any:
    """Values that fit a key."""
    if key in CHOICES:
        return st.sampled_from(CHOICES[key])
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(values("", get_args(kind)[0]), min_size=1, max_size=3).map(tuple)
    if key == "name":  # which becomes a folder
        return st.from_regex(r"[\w\-+]{1,20}", fullmatch=True)
    if (of_augmentation := key.removeprefix("augmentation.")) in RANGES:
        return st.floats(*RANGES[of_augmentation])
    if key == "image_size":
        return st.integers(1, 2048)
    text = st.text(st.characters(exclude_categories=("Cc", "Cs")))
    return {bool: st.booleans(), int: st.integers(1, 9999), float: st.floats(0.01, 0.9), str: text}[kind]


@pytest.mark.parametrize(("key", "kind"), list(keys()))
@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_every_key_reads_back_what_it_is_set_to_and_no_other_changes(key: Any, kind: Any, data: Any) -> None:
    value = data.draw(values(key, kind))
    text = json.dumps(value, ensure_ascii=False)
    assert parse_settings([f"{key}={text}"]) == {key: [text]}
    bare = not str(value).startswith(('"', "'"))  # else it would be taken as quoted
    for form in (text, value) if bare else (text,):
        changed = override(STEPS, {key: form})
        assert value_of(changed, key) == value
        assert type(value_of(changed, key)) is type(value)
        others = [other for other, _ in keys() if other != key]
        assert [value_of(changed, other) for other in others] == [value_of(STEPS, other) for other in others]


def test_options_take_what_their_model_takes() -> None:
    assert override(STEPS, {"options.filters": "20"}).options == {"filters": 20}
    assert override(STEPS, {"model": "mnist_cnn", "options.widths": "[8, 16]"}).options == {"widths": [8, 16]}
    assert override(STEPS, {"model": "basic_cnn", "options.pooling": "max"}).options == {"pooling": "max"}
    with pytest.raises(InputError, match="tinyvgg has no option 'filter'; it takes filters"):
        override(STEPS, {"options.filter": "20"})
    with pytest.raises(InputError, match="lenet5 has no option 'filters'; it takes none"):
        override(STEPS, {"options.filters": "20", "model": "lenet5"})
    with pytest.raises(InputError, match=r"options\.classes is no option"):  # the data set says how many
        override(STEPS, {"options.classes": "5"})
    with pytest.raises(InputError, match="no model 'lenet6'; did you mean 'lenet5'"):
        override(STEPS, {"model": "lenet6"})


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_is_reached_from_any_other(name: str) -> None:
    wanted = read_recipe(name)
    changes = {key: value_of(wanted, key) for key, _ in keys()} | {
        f"options.{key}": value for key, value in wanted.options.items()
    }
    assert override(RECIPE, changes) == wanted


def test_nothing_set_changes_nothing() -> None:
    assert override(RECIPE, {}) == RECIPE


def test_a_short_key_is_the_one_table_that_has_it() -> None:
    assert full_key("learning_rate") == "optimizer.learning_rate"
    assert full_key("epochs") == "epochs"
    assert full_key("flip") == "augmentation.flip"
    assert full_key("options.filters") == "options.filters"


def test_settings_of_the_command_line() -> None:
    found = parse_settings(["optimizer.learning_rate=0.1, 0.2", "momentum=0.9", "milestones=[0.5,0.75],[0.6, 0.8]"])
    assert found == {
        "optimizer.learning_rate": ["0.1", "0.2"],
        "optimizer.momentum": ["0.9"],
        "schedule.milestones": ["[0.5,0.75]", "[0.6, 0.8]"],
    }


def test_quotes_keep_commas_and_make_an_empty_text() -> None:
    assert parse_settings(['views="",mirror', r'description="a \", b",c']) == {
        "views": ['""', "mirror"],
        "description": [r'"a \", b"', "c"],
    }
    assert override(RECIPE, {"views": '""', "description": r'"a \", b"'}).description == 'a ", b'


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("momentun=1", "no key 'momentun'; did you mean 'momentum'"),
        ("xyzzy=1", r"no key 'xyzzy'; known are name, .*optimizer\.momentum.*options\.NAME"),
        ("momentum", "The setting 'momentum' lacks a value; write it as KEY=VALUE"),
        ("momentum=", "lacks a value"),
        ("momentum=0.8,,0.9", "lacks a value"),
        ("decay=0.1", r"several keys 'decay'; say which: schedule\.decay, average\.decay"),
        ("augmentation=1", "no key 'augmentation'"),
        ("options.a.b=1", "no key 'options.a.b'"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(setting: Any, words: Any) -> None:
    with pytest.raises(InputError, match=words):
        parse_settings([setting])


def test_a_key_is_set_once() -> None:
    with pytest.raises(InputError, match=r"optimizer\.momentum is set twice; give all its values at once"):
        parse_settings(["momentum=0.8", "optimizer.momentum=0.9"])
    with pytest.raises(InputError, match=r"optimizer\.momentum is set twice; give it one value"):
        override(RECIPE, {"momentum": 0.8, "optimizer.momentum": 0.9})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": "many"}, "batch_size is 'many'; write a whole number"),
        ({"seed": "1\nepochs = 3"}, "seed is .*; write a whole number"),
        ({"optimizer.name": "sdg"}, r"optimizer\.name is 'sdg'; choose sgd, adam"),
        ({"precision": "float16"}, r"precision is 'float16'; choose float32, bfloat16"),
        ({"momentum": "2"}, r"optimizer\.momentum is 2\.0; give a number from 0 to below 1"),
        ({"flip": "1"}, r"augmentation\.flip is 1; write true or false"),
        ({"milestones": "0.5"}, r"schedule\.milestones is 0\.5; write a list in brackets"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_the_recipe(values: Any, words: Any) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        override(RECIPE, values)
    assert "lenet5-mnist" in str(refusal.value)
