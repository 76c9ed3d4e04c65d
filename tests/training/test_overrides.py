"""Settings from the command line: what they mean, and what is wrong with them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnref.errors import InputError
from cnnref.training import override, parse_settings, read_recipe
from cnnref.training.overrides import full_key

RECIPE = read_recipe("lenet5-mnist")


def test_a_short_key_is_the_one_table_that_has_it():
    assert full_key("learning_rate") == "optimizer.learning_rate" or pytest.raises(InputError)
    assert full_key("learning_rate") == "optimizer.learning_rate"
    assert full_key("epochs") == "epochs"
    assert full_key("flip") == "augmentation.flip"
    assert full_key("options.filters") == "options.filters"


@given(
    rate=st.floats(1e-6, 10),
    epochs=st.floats(0.1, 500),
    flip=st.booleans(),
    seed=st.integers(0, 10**6),
    border=st.sampled_from(["zero", "reflect"]),
    milestones=st.lists(st.floats(0.1, 0.9), min_size=1, max_size=3),
)
def test_what_is_set_reads_back_from_text_and_from_values(rate, epochs, flip, seed, border, milestones):
    values = {
        "optimizer.learning_rate": rate,
        "epochs": epochs,
        "flip": flip,
        "seed": seed,
        "border": border,
        "decay": "steps",
        "milestones": milestones,
        "options.activation": "relu",
    }
    values["schedule.decay"] = values.pop("decay")
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
    for found in (override(RECIPE, values), override(RECIPE, texts)):
        assert found.optimizer.learning_rate == rate
        assert found.epochs == epochs
        assert found.augmentation.flip is flip
        assert found.seed == seed
        assert found.augmentation.border == border
        assert found.schedule.milestones == tuple(milestones)
        assert found.options == {"activation": "relu"}
        assert found.batch_size == RECIPE.batch_size


def test_nothing_set_changes_nothing():
    assert override(RECIPE, {}) == RECIPE


def test_settings_of_the_command_line():
    found = parse_settings(["optimizer.learning_rate=0.1,0.2", "momentum=0.9"])
    assert found == {"optimizer.learning_rate": ["0.1", "0.2"], "optimizer.momentum": ["0.9"]}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("momentun=1", "no key 'momentun'; did you mean momentum"),
        ("momentum", "--set momentum has no value; write it as KEY=VALUE"),
        ("momentum=", "has no value"),
        ("decay=0.1", r"several keys 'decay'; say which: schedule\.decay, average\.decay"),
        ("augmentation=1", "no key 'augmentation'"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(setting, words):
    with pytest.raises(InputError, match=words):
        parse_settings([setting])


def test_a_key_is_set_once():
    with pytest.raises(InputError, match=r"optimizer\.momentum is set twice; give all its values at once"):
        parse_settings(["momentum=0.8", "optimizer.momentum=0.9"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": "many"}, "batch_size is 'many'; write a whole number"),
        ({"optimizer.name": "sdg"}, r"optimizer\.name is 'sdg'; choose sgd, adam"),
        ({"momentum": "2"}, r"optimizer\.momentum is 2\.0; give a number from 0 to below 1"),
        ({"flip": "1"}, r"augmentation\.flip is 1; write true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_the_recipe(values, words):
    with pytest.raises(InputError, match=words) as refusal:
        override(RECIPE, values)
    assert "lenet5-mnist" in str(refusal.value)


def test_every_key_of_a_recipe_can_be_set_to_what_it_is():
    plain = dataclasses.asdict(read_recipe("resnet20-cifar10-paper"))
    values = {}
    for key, value in plain.items():
        if isinstance(value, dict) and key != "options":
            values |= {f"{key}.{inner}": part for inner, part in value.items()}
        elif key != "options":
            values[key] = value
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    assert override(RECIPE, values) == dataclasses.replace(
        read_recipe("resnet20-cifar10-paper"), options=RECIPE.options
    )
