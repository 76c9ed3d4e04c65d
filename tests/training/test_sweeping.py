"""A sweep: a grid of runs, resumable, judged on validation images where something is chosen."""

import json
import logging
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t
from typer.testing import CliRunner

from cnnref.cli import app
from cnnref.errors import InputError
from cnnref.training import Recipe, Run, Sweep, mean_interval, read_recipe, sweep, train
from cnnref.training.recipe import Optimizer
from cnnref.training.sweeping import folder_name

RECIPE = Recipe(
    name="small",
    model="lenet5_relu",
    dataset="digits",
    epochs=1,
    batch_size=64,
    validation=200,
    optimizer=Optimizer(learning_rate=0.02),
)
GRID = {"settings": {"learning_rate": ["0.01", "0.020"], "momentum": ["0.8", "0.9"]}, "quiet": True}
DIVERGING = {"seeds": 2, "settings": {"learning_rate": ["1e30", "0.01"]}, "quiet": True}
NAMES = [f"learning_rate={rate}_momentum={momentum}_seed=0" for rate in ("0.01", "0.02") for momentum in (0.8, 0.9)]


class Counted:
    """Trains, and keeps the names of the folders in which there was something to train."""

    def __init__(self) -> None:
        self.folders = []

    def __call__(self, recipe: Any, data_dir: Any, folder: Any, *, resume: Any, quiet: Any) -> Any:
        if not Run(folder).finished:
            self.folders.append(folder.name)
        return train(recipe, data_dir, folder, resume=resume, quiet=quiet)


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages = []

    def emit(self, record: Any) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture(scope="module", autouse=True)
def warned() -> Iterator[list[str]]:
    """What TensorFlow warns of, whatever level another test or library has left its logger at."""
    records, log = Records(), logging.getLogger("tensorflow")
    before = log.level
    log.setLevel(logging.WARNING)
    log.addHandler(records)
    yield records.messages
    log.removeHandler(records)
    log.setLevel(before)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Any:
    counted, folder = Counted(), tmp_path_factory.mktemp("sweeps") / "grid"
    return sweep(RECIPE, out=folder, train=counted, **GRID), counted.folders


@pytest.fixture(scope="module")
def diverging(tmp_path_factory: pytest.TempPathFactory) -> Any:
    counted, folder = Counted(), tmp_path_factory.mktemp("sweeps") / "diverging"
    return sweep(RECIPE, out=folder, train=counted, **DIVERGING), counted.folders


def test_every_combination_is_trained_in_a_folder_that_says_which(grid: tuple[Sweep, list[str]]) -> None:
    found, trained = grid
    assert trained == NAMES
    assert [cell.settings for cell in found.cells] == [
        {"optimizer.learning_rate": rate, "optimizer.momentum": momentum}
        for rate in (0.01, 0.02)
        for momentum in (0.8, 0.9)
    ]
    for cell, name in zip(found.cells, NAMES, strict=True):
        recipe = read_recipe(found.folder / name / "recipe.toml")
        assert (recipe.optimizer.learning_rate, recipe.optimizer.momentum) == tuple(cell.settings.values())
        assert cell.accuracy == {0: Run(found.folder / name).metrics()[-1]["val_accuracy"]}
        assert (cell.mean, cell.interval) == (pytest.approx(100 * cell.accuracy[0]), None)
    assert len({cell.mean for cell in found.cells}) > 1


def test_the_file_says_what_was_found_and_nothing_of_the_test_images(grid: tuple[Sweep, list[str]]) -> None:
    found, _ = grid
    document = json.loads((found.folder / "sweep.json").read_text())
    assert document["judged_on"] == "validation"
    assert document["grid"] == {"optimizer.learning_rate": [0.01, 0.02], "optimizer.momentum": [0.8, 0.9]}
    for cell, said in zip(found.cells, document["cells"], strict=True):
        assert said["accuracy"] == {"0": cell.accuracy[0]}
        assert (said["n"], said["mean"], said["interval"]) == (1, cell.mean, None)
    assert "test" not in json.dumps(document)


def test_the_same_call_again_trains_nothing(grid: tuple[Sweep, list[str]]) -> None:
    found, _ = grid
    counted = Counted()
    assert sweep(RECIPE, out=found.folder, train=counted, **GRID) == found
    assert counted.folders == []


def test_only_the_run_that_was_stopped_goes_on(grid: tuple[Sweep, list[str]], tmp_path: Path) -> None:
    found, _ = grid
    folder = tmp_path / "again"
    shutil.copytree(found.folder, folder)
    (folder / NAMES[2] / "results.json").unlink()
    counted = Counted()
    again = sweep(RECIPE, out=folder, train=counted, **GRID)
    assert counted.folders == [NAMES[2]]
    assert again.cells == found.cells


def test_more_seeds_are_added_to_what_is_there_in_whatever_order_the_settings_are(
    grid: tuple[Sweep, list[str]], tmp_path: Path
) -> None:
    found, _ = grid
    folder = tmp_path / "wider"
    shutil.copytree(found.folder, folder)
    counted = Counted()
    wider = sweep(RECIPE, out=folder, train=counted, seeds=2, settings={"momentum": [0.9], "learning_rate": [0.01]})
    assert counted.folders == [NAMES[1].replace("seed=0", "seed=1")]
    assert wider.judged_on == "test"


def test_a_sweep_that_is_killed_in_its_first_run_goes_on(tmp_path: Path) -> None:
    def killed(recipe: Any, _: Any, folder: Any, **__: Any) -> None:
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text(recipe.toml())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(RECIPE, out=tmp_path / "s", quiet=True, train=killed)
    found = sweep(RECIPE, out=tmp_path / "s", quiet=True)
    assert found.cells[0].accuracy.keys() == {0}


def test_a_run_that_diverged_is_told_and_stops_no_other(diverging: tuple[Sweep, list[str]]) -> None:
    found, trained = diverging
    assert len(trained) == 4
    diverged, good = found.cells
    assert sorted(diverged.failed) == [0, 1]
    assert "no longer a finite number" in diverged.failed[0]
    assert (diverged.mean, diverged.accuracy) == (None, {})
    assert not good.failed
    accuracies = [
        Run(found.folder / f"learning_rate=0.01_seed={seed}").results["validation_accuracy"] for seed in (0, 1)
    ]
    assert list(good.accuracy.values()) == accuracies
    assert (good.mean, good.interval) == mean_interval([100 * value for value in accuracies])
    assert good.interval is not None


def test_a_run_that_diverged_is_not_tried_again_unless_its_folder_is_deleted(
    diverging: tuple[Sweep, list[str]], tmp_path: Path
) -> None:
    found, _ = diverging
    folder = tmp_path / "again"
    shutil.copytree(found.folder, folder)
    counted = Counted()
    assert sweep(RECIPE, out=folder, train=counted, **DIVERGING).cells == found.cells
    assert counted.folders == []
    shutil.rmtree(folder / "learning_rate=1e+30_seed=1")
    sweep(RECIPE, out=folder, train=counted, **DIVERGING)
    assert counted.folders == ["learning_rate=1e+30_seed=1"]


def test_a_mistake_is_not_taken_for_a_run_that_diverged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size is 5000 and there are only"):
        sweep(replace(RECIPE, batch_size=5000), out=tmp_path / "s", quiet=True)
    assert not (tmp_path / "s").exists()


@pytest.mark.usefixtures("grid", "diverging")
def test_no_run_warns_that_it_compiles_its_own_steps(warned: list[str]) -> None:
    assert [message for message in warned if "retracing" in message] == []
    log = logging.getLogger("tensorflow")
    log.setLevel(logging.WARNING)
    log.warning("retracing")
    assert warned[-1] == "retracing"  # after the sweep, all is as it was


def test_a_folder_of_other_runs_is_refused(grid: tuple[Sweep, list[str]], tmp_path: Path) -> None:
    found, _ = grid
    with pytest.raises(InputError, match="started with other settings"):
        sweep(replace(RECIPE, batch_size=32), out=found.folder, **GRID)
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"already exists, and thesis\.txt in it is not a run of this sweep"):
        sweep(RECIPE, out=tmp_path, quiet=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    with pytest.raises(InputError, match="is a file"):
        sweep(RECIPE, out=tmp_path / "thesis.txt", quiet=True)


def test_nothing_is_chosen_on_test_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is chosen on test images; keep .* aside with validation=5000"):
        sweep(replace(RECIPE, validation=0), out=tmp_path / "s", settings={"momentum": ["0.8", "0.9"]})
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"settings": {"seed": [1, 2]}}, "seed is no setting of a sweep: .*give seeds"),
        ({"settings": {"momentum": []}}, "momentum has no values"),
        ({"settings": {"momentum": ["0.9", "0.90"]}}, "run momentum=0.9_seed=0 twice"),
        ({"settings": {"views": ["mirror", "shift"]}}, "run views=shift_seed=0 twice"),  # the weights are the same
        ({"seeds": [1, 1]}, "run seed=1 twice"),
        ({"seeds": 0}, "needs seeds"),
        ({"seeds": [-1]}, "seed is -1; give at least 0"),
        ({"settings": {"model": ["lenet5", "lenet6"]}}, "no model 'lenet6'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(options: Any, words: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        sweep(RECIPE, out=tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()


def test_seeds_alone_are_tested_with_and_without_views(tmp_path: Path) -> None:
    recipe = replace(RECIPE, validation=0, views="shift", seed=3)
    found = sweep(recipe, out=tmp_path / "seeds", seeds=2, quiet=True)
    (cell,) = found.cells
    assert found.judged_on == "test"
    assert list(cell.accuracy) == list(cell.views_accuracy) == [3, 4]
    assert cell.accuracy[3] == Run(tmp_path / "seeds" / "seed=3").results["test"]["accuracy"]
    assert cell.interval is not None
    assert cell.views_interval is not None


def test_the_names_of_folders_are_safe() -> None:
    settings = {"schedule.milestones": (0.5, 0.75), "augmentation.flip": True, "dataset": "folder:../my pets"}
    assert folder_name(settings, 2) == "milestones=0.5-0.75_flip=true_dataset=folder-..-my-pets_seed=2"


def test_the_interval_is_students() -> None:
    mean, half = mean_interval([99.0, 99.2, 99.4])
    assert mean == pytest.approx(99.2)
    assert half == pytest.approx(4.302653 * 0.2 / math.sqrt(3), rel=1e-6)
    values = [1.0, 4.0, 2.5, 7.0]
    low, high = t.interval(0.95, 3, loc=3.625, scale=math.sqrt(sum((v - 3.625) ** 2 for v in values) / 3 / 4))
    assert mean_interval(values) == (3.625, pytest.approx((high - low) / 2))
    assert mean_interval([5.0]) == (5.0, None)


def test_the_command_prints_a_row_for_each_setting(diverging: tuple[Sweep, list[str]], tmp_path: Path) -> None:
    found, _ = diverging
    path = tmp_path / "small.toml"
    path.write_text(RECIPE.toml())
    command = ["sweep", str(path), "--seeds", "2", "--set", "learning_rate=1e30,0.01", "--out", str(found.folder)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0] == ["settings", "runs", "validation", "accuracy", "%", "±", "min", "max"]
    assert lines[2] == ["learning_rate", "1e+30", "0", "(2", "diverged)", "-", "-", "-", "-"]
    good = found.cells[1]
    percent = sorted(100 * value for value in good.accuracy.values())
    assert lines[3] == ["learning_rate", "0.01", "2", *(f"{n:.2f}" for n in (good.mean, good.interval, *percent))]
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert told == {**json.loads((found.folder / "sweep.json").read_text()), "folder": str(found.folder)}


def test_the_help_shows_an_example() -> None:
    text = " ".join(CliRunner().invoke(app, ["sweep", "--help"]).output.split())
    assert "Example: cnnref sweep lenet5-mnist --seeds 3 --set learning_rate" in text


def test_a_misspelt_setting_is_refused_before_a_framework_is_imported(tmp_path: Path) -> None:
    code = """
import sys
from cnnref.cli import app
from cnnref.errors import InputError
for command in ("sweep", "train"):
    for setting in ("momentun=0.9", "momentum=lots", "model=lenet6", "options.widht=2", "augmentation.border=grey"):
        try:
            app([command, "lenet5-digits", "--set", setting], standalone_mode=False)
        except InputError as error:
            print(command, error)
print({"tensorflow", "keras"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    *told, modules = done.stdout.splitlines()
    assert modules == "set()"
    assert [line.split()[0] for line in told] == ["sweep"] * 5 + ["train"] * 5
    wrong = ("'momentun'; did you mean 'momentum'", "momentum is 'lots'", "'lenet6'", "'widht'", "border is 'grey'")
    assert all(words in line for words, line in zip(2 * wrong, told, strict=True))
    assert list(tmp_path.iterdir()) == []
