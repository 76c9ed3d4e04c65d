"""A sweep: a grid of runs, resumable, judged on validation images where something is chosen."""

import json
import math
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cnnref.cli import app
from cnnref.errors import InputError
from cnnref.training import Recipe, Run, mean_interval, sweep
from cnnref.training.loop import train
from cnnref.training.recipe import Optimizer

RECIPE = Recipe(
    name="small",
    model="lenet5_relu",
    dataset="digits",
    epochs=1,
    batch_size=64,
    validation=200,
    optimizer=Optimizer(learning_rate=0.02),
)


class Counted:
    """Trains, and keeps the folders it trained in."""

    def __init__(self):
        self.folders = []

    def __call__(self, recipe, data_dir, folder, *, resume, quiet):
        before = Run(folder).finished
        run = train(recipe, data_dir, folder, resume=resume, quiet=quiet)
        if not before:
            self.folders.append(folder.name)
        return run


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    counted, folder = Counted(), tmp_path_factory.mktemp("sweeps") / "grid"
    options = {"seeds": 2, "settings": {"learning_rate": ["0.01", "1e30"]}, "quiet": True}
    return sweep(RECIPE, out=folder, train=counted, **options), counted, options


def test_every_combination_is_trained_with_every_seed(grid):
    found, counted, _ = grid
    assert counted.folders == ["learning_rate=0.01_seed=0", "learning_rate=0.01_seed=1"]
    good, diverged = found.cells
    assert good.settings == {"optimizer.learning_rate": "0.01"}
    accuracies = [Run(found.folder / name).results["validation_accuracy"] for name in counted.folders]
    assert list(good.accuracy.values()) == accuracies
    assert (good.mean, good.interval) == mean_interval([100 * value for value in accuracies])
    assert not good.failed
    assert sorted(diverged.failed) == [0, 1]
    assert "finite" in diverged.failed[0]
    assert diverged.mean is None


def test_the_file_says_what_was_found_and_nothing_of_the_test_images(grid):
    found, *_ = grid
    document = json.loads((found.folder / "sweep.json").read_text())
    assert document["judged_on"] == "validation"
    assert document["cells"][0]["accuracy"] == {str(seed): value for seed, value in found.cells[0].accuracy.items()}
    assert "test" not in json.dumps(document)


def test_the_same_call_again_trains_only_what_is_missing(grid, tmp_path):
    found, _, options = grid
    folder = tmp_path / "again"
    shutil.copytree(found.folder, folder)
    (folder / "learning_rate=0.01_seed=1" / "results.json").unlink()
    counted = Counted()
    again = sweep(RECIPE, out=folder, train=counted, **options)
    assert counted.folders == ["learning_rate=0.01_seed=1"]
    assert again.cells[0] == found.cells[0]


def test_a_folder_of_other_runs_is_refused(grid, tmp_path):
    found, _, options = grid
    with pytest.raises(InputError, match="started with other settings"):
        sweep(replace(RECIPE, batch_size=32), out=found.folder, **options)
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="already exists"):
        sweep(RECIPE, out=tmp_path, quiet=True)


def test_nothing_is_chosen_on_test_images(tmp_path):
    with pytest.raises(InputError, match=r"nothing is chosen on test images; keep .* aside with --validation 5000"):
        sweep(replace(RECIPE, validation=0), out=tmp_path / "s", settings={"momentum": ["0.8", "0.9"]})
    assert not (tmp_path / "s").exists()


def test_seeds_alone_are_tested_with_and_without_views(tmp_path):
    recipe = replace(RECIPE, validation=0, views="shift", seed=3)
    found = sweep(recipe, out=tmp_path / "seeds", seeds=2, quiet=True)
    (cell,) = found.cells
    assert found.judged_on == "test"
    assert list(cell.accuracy) == list(cell.views_accuracy) == [3, 4]
    assert cell.accuracy[3] == Run(tmp_path / "seeds" / "seed=3").results["test"]["accuracy"]
    assert cell.interval is not None
    assert cell.views_interval is not None


def test_the_interval_is_students():
    mean, half = mean_interval([99.0, 99.2, 99.4])
    assert mean == pytest.approx(99.2)
    assert half == pytest.approx(4.302653 * 0.2 / math.sqrt(3), rel=1e-6)
    assert mean_interval([5.0]) == (5.0, None)


def test_the_command_prints_a_row_for_each_setting(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(RECIPE.toml())
    command = ["sweep", str(path), "--seeds", "1", "--set", "momentum=0.8,0.9", "--out", str(tmp_path / "s")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "validation accuracy" in done.output
    assert "momentum 0.8" in done.output
    assert "momentum 0.9" in done.output
