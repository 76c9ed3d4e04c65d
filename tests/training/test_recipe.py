"""Recipes: what is shipped reads, what is written reads back, and what is wrong is named."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref import data, models
from cnnref.data.augmentation import Augmentation
from cnnref.errors import InputError
from cnnref.training import Recipe, list_recipes, override, read_recipe
from cnnref.training.recipe import Average, FineTuning, LowResolution, Optimizer, Published, Schedule, Teacher

SMALL = """
model = "lenet5"
dataset = "digits"
epochs = 3
batch_size = 32
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Write a recipe file and read it."""

    def read(text: Any) -> Any:
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_recipe(path)

    return read


@pytest.mark.parametrize("name", list_recipes())
def test_a_shipped_recipe_reads_and_names_what_there_is(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.model in models.list_models()
    assert recipe.dataset in data.names()
    assert recipe.description
    assert models.build(recipe.model, **recipe.options).name == recipe.model


def test_lenet5_on_mnist_is_shipped() -> None:
    assert "lenet5-mnist" in list_recipes()
    assert read_recipe("lenet5-mnist").published.target == 99.3


def test_what_a_recipe_leaves_out_has_its_default(written: Any) -> None:
    assert written(SMALL) == Recipe(name="mine", model="lenet5", dataset="digits", epochs=3, batch_size=32)


text = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters="./\\\\:"), min_size=1, max_size=20
)
numbers = st.floats(0, 1e6)
recipes = st.builds(
    Recipe,
    name=names,
    model=text,
    dataset=text,
    epochs=st.one_of(st.integers(1, 10**6), st.floats(0.01, 1000)),
    batch_size=st.integers(1, 1 << 16),
    description=text,
    seed=st.integers(0, 2**32 - 1),
    validation=st.integers(0, 10**6),
    label_smoothing=st.floats(0, 0.99),
    precision=st.sampled_from(["float32", "bfloat16", "auto"]),
    whiten=st.booleans(),
    image_size=st.integers(0, 500),
    views=st.sampled_from(["", "mirror", "shift", "mirror+shift"]),
    average=st.builds(
        Average, kind=st.sampled_from(["none", "ema", "lookahead"]), decay=st.floats(0, 0.999), every=st.integers(1, 9)
    ),
    low_resolution=st.builds(LowResolution, size=st.integers(0, 500), share=st.floats(0.01, 0.99)),
    fine_tuning=st.builds(
        FineTuning, frozen_epochs=st.integers(0, 9), head_rate=st.floats(1e-9, 1), keep_statistics=st.booleans()
    ),
    teacher=st.builds(
        Teacher,
        networks=st.lists(text, max_size=2).map(tuple),
        temperature=st.floats(0.01, 99),
        weight=st.floats(0, 1),
    ),
    options=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.one_of(st.booleans(), st.integers(), text)
    ),
    augmentation=st.builds(
        Augmentation,
        **dict.fromkeys(("translate", "rotate", "scale", "shear", "elastic"), numbers),
        **dict.fromkeys(("crop", "brightness", "contrast", "saturation", "erase", "mixup"), st.floats(0, 1)),
        hue=st.floats(0, 0.5),
        flip=st.booleans(),
        border=st.sampled_from(["zero", "reflect"]),
    ),
    optimizer=st.builds(
        Optimizer,
        name=st.sampled_from(["sgd", "adam", "adamw", "rmsprop", "muon"]),
        learning_rate=st.floats(1e-9, 1e9),
        momentum=st.floats(0, 0.999),
        nesterov=st.booleans(),
        weight_decay=numbers,
    ),
    schedule=st.one_of(
        st.builds(
            Schedule,
            warmup=st.floats(0, 0.99),
            decay=st.sampled_from(["linear", "cosine", "constant"]),
            start=st.floats(0, 1),
            end=st.floats(0, 1),
        ),
        st.builds(
            Schedule,
            decay=st.just("steps"),
            milestones=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3).map(tuple),
        ),
    ),
    published=st.builds(Published, accuracy=st.floats(0, 100), source=text, target=st.floats(0, 100), tried=text),
)


@settings(max_examples=60, deadline=None)
@given(recipe=recipes)
def test_a_recipe_reads_back_equal(recipe: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recipes") / "any.toml"
    path.write_text(recipe.toml(), encoding="utf-8")
    again = read_recipe(path)
    assert again == recipe
    assert again.fingerprint() == recipe.fingerprint()


def after(*lines: Any) -> Any:
    return SMALL + "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (after("epoch = 3"), "unknown key 'epoch'; did you mean 'epochs'"),
        (
            after("[optimizer]", "learning_rat = 1"),
            r"unknown key 'optimizer\.learning_rat'; did you mean 'learning_rate'",
        ),
        (after("[augmentation]", "zoom = 1"), r"unknown key 'augmentation\.zoom'; known are flip, alternating"),
        (SMALL.replace("epochs = 3", ""), "lacks the key 'epochs'"),
        (SMALL.replace("= 3\n", "= 'three'\n"), "epochs is 'three'; write a number"),
        (SMALL.replace("32", "3.5"), "batch_size is 3.5; write a whole number"),
        (SMALL.replace("= 3\n", "= true\n"), "epochs is True; write a number"),
        (SMALL.replace('"lenet5"', "5"), "model is 5; write a text in quotes"),
        (after("optimizer = 'sgd'"), r"optimizer is a table, write it as \[optimizer\]"),
        (after("options = 'relu'"), "options is 'relu'; write a table"),
        (after("[augmentation]", "flip = 1"), r"augmentation\.flip is 1; write true or false"),
        (after("[augmentation]", "border = 'wrap'"), r"augmentation\.border is 'wrap'; choose zero, reflect"),
        (after("[optimizer]", "name = 'sdg'"), r"optimizer\.name is 'sdg'; choose sgd, adam"),
        (after("[optimizer]", "learning_rate = -0.1"), r"optimizer\.learning_rate is -0\.1; give at least"),
        (after("[optimizer]", "weight_decay = -1"), r"optimizer\.weight_decay is -1\.0; give at least 0"),
        (after("[schedule]", "decay = 'step'"), r"schedule\.decay is 'step'; choose linear, cosine, constant, steps"),
        (after("[schedule]", "warmup = 1.0"), r"schedule\.warmup is 1\.0"),
        (SMALL.replace("= 3\n", "= 0\n"), "epochs is 0.0; give a number above 0"),
        (after("[schedule]", "decay = 'steps'"), r"schedule\.milestones belong to schedule\.decay = \"steps\""),
        (after("[schedule]", "decay = 'steps'", "milestones = 0.5"), r"schedule\.milestones is 0\.5; write a list"),
        (
            after("[schedule]", "decay = 'steps'", "milestones = [0.5, 2]"),
            r"milestones are \[0\.5, 2\.0\]; give shares",
        ),
        (after("[schedule]", "end = 2"), r"schedule\.end is 2\.0; give a share"),
        (after("[optimizer]", "momentum = 1"), r"optimizer\.momentum is 1\.0; give a number from 0 to below 1"),
        (after("[average]", "kind = 'swa'"), r"average\.kind is 'swa'; choose none, ema, lookahead"),
        (after("[average]", "decay = 1"), r"average\.decay is 1\.0; give a number from 0 to below 1"),
        (after("[teacher]", "weight = 1.5"), r"teacher\.weight is 1\.5; give a share of the loss, from 0 to 1"),
        (after("[teacher]", "temperature = 0.0"), r"teacher\.temperature is 0\.0; give at least 0\.001"),
        (
            after("[teacher]", 'networks = ["a"]\nstored = true\n[augmentation]\nshear = 3'),
            r"teacher\.stored asks the teachers once .* with augmentation\.shear the network sees others",
        ),
        (after("[teacher]", 'networks = "a"'), r"teacher\.networks is 'a'; write a list in brackets"),
        (after("[low_resolution]", "size = -1"), r"low_resolution\.size is -1; give at least 0"),
        (after("[low_resolution]", "share = 1.0"), r"low_resolution\.share is 1\.0; give a share of the run, between"),
        (after("[options]", "classes = 5"), r"options\.classes is no option: data and training decide it"),
        (after("[options]", "since = 2020-01-01"), r"options\.since is .*; write a text, a number"),
        (
            after("[optimizer]", "learning_rate = inf"),
            r"learning_rate is inf; give at least .*finite number",
        ),
        (after("views = 'both'"), "views is 'both'; choose"),
        (SMALL.replace("32", "0"), "batch_size is 0; give at least 1"),
        (after("validation = -1"), "validation is -1; give at least 0"),
        (after("label_smoothing = 1"), r"label_smoothing is 1\.0"),
        (after("epochs = 4"), "not valid TOML"),
        (after("name = '../../escaped'"), r"'\.\./\.\./escaped' cannot be the name of a recipe"),
        (after("name = '/x'"), "'/x' cannot be the name of a recipe"),
        (after('name = "a\\u001b[31m"'), r"'a\\\\x1b\[31m' cannot be the name of a recipe"),
        (after("name = ''"), "The name of a recipe has 0 characters"),
        (after("seed = 4294967296"), "seed is 4294967296; give at most 4294967295"),
        (after("image_size = 20000"), "image_size is 20000; give at most 2048"),
        (after("options = " + "[" * 2000), "is not valid TOML"),
        (after("#" * (1 << 16)), "and a recipe has at most 65,536"),
        (after("a." * 3000 + "b = 1"), "has a line of over 4,000 letters"),
        (b"model = \xff", "cannot be read: it is not UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_one_line_with_file_and_key(
    written: Any, content: Any, message: Any
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        written(content)
    assert "mine.toml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("name", "rate"), [("sgd", 0.1), ("adam", 0.001), ("adamw", 0.001), ("rmsprop", 0.001)])
def test_each_optimizer_has_its_own_usual_rate(written: Any, name: str, rate: float) -> None:
    assert written(after("[optimizer]", f"name = '{name}'")).optimizer.learning_rate == rate
    assert override(written(SMALL), {"optimizer.name": name}).optimizer.learning_rate == rate
    chosen = written(after("[optimizer]", "learning_rate = 0.05"))
    assert override(chosen, {"optimizer.name": name}).optimizer.learning_rate == 0.05


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(InputError, match=r"pipe\.toml is no regular file, so it is not read; give a recipe"):
        read_recipe(tmp_path / "pipe.toml")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no recipe 'lenet5-minst'; did you mean 'lenet5-mnist'"):
        read_recipe("lenet5-minst")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "lenet5_relu"},
        {"dataset": "mnist"},
        {"epochs": 4},
        {"batch_size": 33},
        {"seed": 1},
        {"validation": 1},
        {"label_smoothing": 0.1},
        {"options": {"filters": 8}},
        {"augmentation": Augmentation(flip=True)},
        {"optimizer": Optimizer(nesterov=False)},
        {"schedule": Schedule(warmup=0.1)},
        {"schedule": Schedule(decay="steps", milestones=(0.5,))},
        {"average": Average("ema")},
        {"low_resolution": LowResolution(16)},
        {"teacher": Teacher(("lenet5-mnist",))},
        {"precision": "bfloat16"},
        {"whiten": True},
        {"image_size": 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_the_weights_changes_the_fingerprint(written: Any, change: Any) -> None:
    recipe = written(SMALL)
    assert replace(recipe, **change).fingerprint() != recipe.fingerprint()


def test_what_only_people_read_leaves_the_fingerprint(written: Any) -> None:
    recipe = written(SMALL)
    changed = replace(recipe, name="other", description="other", views="mirror", published=Published(99.0, "other"))
    assert changed.fingerprint() == recipe.fingerprint()


def test_settings_of_what_there_is_not_leave_the_fingerprint(written: Any) -> None:
    recipe = written(SMALL)
    assert replace(recipe, low_resolution=LowResolution(0, 0.3)).fingerprint() == recipe.fingerprint()
    assert replace(recipe, optimizer=Optimizer(sgd_rate=3.0)).fingerprint() == recipe.fingerprint()
    assert replace(recipe, teacher=Teacher((), 2.0, 0.5)).fingerprint() == recipe.fingerprint()
    changed = replace(recipe, low_resolution=LowResolution(16, 0.3))
    assert replace(changed, low_resolution=LowResolution(16)).fingerprint() != changed.fingerprint()


def test_a_whole_number_and_the_same_float_are_the_same_setting() -> None:
    whole, point = (
        Recipe(
            name="r", model="lenet5", dataset="digits", epochs=1, batch_size=8, augmentation=Augmentation(translate=t)
        )
        for t in (1, 1.0)
    )
    assert whole.fingerprint() == point.fingerprint()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_augmentation_is_named(value: Any) -> None:
    with pytest.raises(InputError, match=r"augmentation\.rotate"):
        Augmentation(rotate=value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: replace(read_recipe("lenet5-digits"), optimizer="adam"),
            "optimizer is 'adam'; give an object of Optimizer",
        ),
        (lambda: replace(read_recipe("lenet5-digits"), epochs="3"), "epochs is '3'; give a number"),
        (lambda: replace(read_recipe("lenet5-digits"), batch_size=2.5), "batch_size is 2.5; give a whole number"),
        (lambda: replace(read_recipe("lenet5-digits"), whiten=1), "whiten is 1; give true or false"),
        (lambda: replace(read_recipe("lenet5-digits"), options=3), "options is 3; give a table"),
        (
            lambda: replace(read_recipe("lenet5-digits"), model=object()),
            r"an object of object; `cnnref.train\(recipe, model=...\)` trains",
        ),
        (lambda: Optimizer(learning_rate="fast"), "optimizer.learning_rate is 'fast'; give a number"),
        (lambda: Schedule(warmup=None), "schedule.warmup is None; give a number"),
    ],
)
def test_a_value_of_another_kind_is_told_in_a_program_too(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
