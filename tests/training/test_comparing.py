"""Runs side by side, and the keys of recipes with their meanings."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cnnref import cli
from cnnref.data.augmentation import Augmentation
from cnnref.errors import InputError
from cnnref.plots import compared_curves
from cnnref.training import list_recipes, override, read_recipe
from cnnref.training.comparing import differences, list_runs
from cnnref.training.recipe import Average, FineTuning, LowResolution, Optimizer, Published, Recipe, Schedule, Teacher
from cnnref.training.recipe_keys import keys_of, meanings

#: The run of a shipped bundle.
SHIPPED = Path("saved_models/lenet5-mnist/training")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A finished run, the same with other settings, one that was stopped, and one that is damaged."""
    for name in ("first", "second", "stopped", "damaged"):
        shutil.copytree(SHIPPED, tmp_path / name)
    recipe = override(read_recipe(SHIPPED / "recipe.toml"), {"optimizer.momentum": 0.8, "flip": True})
    (tmp_path / "second" / "recipe.toml").write_text(recipe.toml(), encoding="utf-8")
    (tmp_path / "stopped" / "results.json").unlink()
    (tmp_path / "damaged" / "results.json").write_text("{")
    return tmp_path


def test_a_folder_of_runs_is_listed_with_what_each_reached(runs: Path) -> None:
    damaged, first, _, stopped = list_runs(runs)
    results = json.loads((SHIPPED / "results.json").read_text())
    assert (first.state, first.accuracy, first.dataset) == ("finished", results["test"]["accuracy"], "mnist")
    assert first.minutes == pytest.approx(results["seconds"] / 60)
    rows = list(csv.DictReader((SHIPPED / "metrics.csv").open()))
    assert (stopped.state, stopped.accuracy, stopped.epochs) == ("not finished", None, float(rows[-1]["epoch"]))
    assert damaged.state.startswith("damaged: ")
    for content in (b"epoch,loss\n0,x\n", b"epoch\n0,1\n", b"\xff", b"loss\n1\n"):
        (runs / "stopped" / "metrics.csv").write_bytes(content)
        assert list_runs(runs)[3].state.startswith("damaged: "), content
    (runs / "stopped" / "results.json").write_text(json.dumps(results | {"validation_accuracy": "0.9"}))
    assert "'validation_accuracy' is missing or of another kind" in list_runs(runs)[3].state
    with pytest.raises(InputError, match="There is no folder"):
        list_runs(runs / "absent")


def test_only_the_settings_that_differ_are_told(runs: Path) -> None:
    assert differences([runs / "first", runs / "stopped"]) == {}
    assert differences([runs / "first", runs / "second"]) == {
        "augmentation.flip": [False, True],
        "optimizer.momentum": [0.9, 0.8],
    }
    with pytest.raises(InputError, match="is not a run folder"):
        differences([runs / "first", runs])


def test_the_command_lists_and_compares(runs: Path) -> None:
    listed = CliRunner().invoke(cli.app, ["runs", str(runs)])
    assert "not finished" in listed.output
    names = [str(runs / "first"), str(runs / "second")]
    compared = CliRunner().invoke(cli.app, ["runs", *names, "--plot", str(runs / "both.png"), "--json"])
    document = json.loads(compared.output)
    assert document["differences"]["optimizer.momentum"] == [0.9, 0.8]
    assert (runs / "both.png").read_bytes().startswith(b"\x89PNG")
    for command, message in (
        (["runs", str(runs), "--plot", "x.png"], "name two runs or more"),
        (["runs", *names, "--plot", str(runs / "both.svg")], "end its name in .png"),
    ):
        assert message in str(CliRunner().invoke(cli.app, command).exception)


def test_the_curves_of_runs_are_the_same_bytes_each_time() -> None:
    rows = [{"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.5 / epoch} for epoch in (1, 2, 3)]
    held = [{**row, "val_loss": 1.0, "val_accuracy": 0.5} for row in rows]
    curves = {"one": rows, r"$\frac$": held, "without an epoch": []}
    assert compared_curves(curves) == compared_curves(curves)


@pytest.mark.parametrize(
    "record", [Recipe, Augmentation, Optimizer, Schedule, Average, LowResolution, FineTuning, Teacher, Published]
)
def test_every_key_has_a_meaning(record: type) -> None:
    told = meanings(record)
    tables = {field.name for field in dataclasses.fields(record) if dataclasses.is_dataclass(field.default_factory)}
    assert {field.name for field in dataclasses.fields(record)} - tables <= set(told)
    assert all(text.endswith(".") for text in told.values())


@pytest.mark.parametrize("name", list_recipes())
def test_the_keys_of_a_recipe_are_those_that_it_is_made_of(name: str) -> None:
    recipe = read_recipe(name)
    values = {one.key: one.value for one in keys_of(recipe)}
    assert values["optimizer.learning_rate"] == recipe.optimizer.learning_rate
    assert override(recipe, {key: value for key, value in values.items() if key != "options"}) == recipe


def test_the_command_shows_recipes_and_their_keys() -> None:
    listed = CliRunner().invoke(cli.app, ["recipes"]).output
    assert all(name in listed for name in list_recipes())
    told = json.loads(CliRunner().invoke(cli.app, ["recipes", "lenet5-mnist", "--json"]).output)
    assert {"key", "value", "default", "choices", "meaning"} == set(told[0])
    assert "Choose 'float32', 'bfloat16', 'auto'." in " ".join(
        CliRunner().invoke(cli.app, ["recipes", "lenet5-mnist"]).output.split()
    )
    assert "did you mean 'lenet5-mnist'" in str(CliRunner().invoke(cli.app, ["recipes", "lenet5-minst"]).exception)
