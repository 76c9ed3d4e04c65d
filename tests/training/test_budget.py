"""A budget in minutes: measured, kept, or refused."""

from dataclasses import replace
from pathlib import Path

import pytest

import cnnref
from cnnref.data.augmentation import Augmentation
from cnnref.errors import InputError
from cnnref.training import Recipe, read_recipe
from cnnref.training.budget import CLOSING, Pace, epochs_that_fit
from cnnref.training.checkpoint import SHARE
from cnnref.training.recipe import Average, Optimizer

RECIPE = Recipe(
    name="budget",
    model="lenet5",
    dataset="digits",
    epochs=1,
    batch_size=64,
    augmentation=Augmentation(translate=1.0, rotate=5.0),
    optimizer=Optimizer(learning_rate=0.05),
)


@pytest.mark.exhaustive
def test_a_run_with_a_budget_says_how_many_epochs_fitted_and_keeps_to_them(tmp_path: Path) -> None:
    run = cnnref.train(RECIPE, out=tmp_path / "run", quiet=True, budget_minutes=0.4)
    epochs = read_recipe(run.recipe).epochs
    assert epochs > 1
    assert run.results["epochs"] == epochs
    assert run.results["steps"] == round(epochs * 22)
    assert cnnref.train(RECIPE, out=run.folder, quiet=True, resume=True, budget_minutes=0.4).finished


def test_a_budget_below_one_epoch_is_refused_with_the_least_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"One epoch takes 0\.\d minutes .*; give a budget of at least 0\.\d minutes"):
        cnnref.train(replace(RECIPE), out=tmp_path / "run", quiet=True, budget_minutes=0.01)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("views", "average", "looked_at"), [("", "none", 360), ("mirror", "ema", 360 * 3 + 10_000)])
def test_the_epochs_fill_what_tests_files_and_checkpoints_leave(views: str, average: str, looked_at: int) -> None:
    recipe = replace(RECIPE, views=views, average=Average(average))
    epochs = epochs_that_fit(600.0, Pace(step=0.1, picture=0.001), recipe, 22, 100, 360)
    epoch = (22 * 0.1 + 100 * 0.001) * (1 + SHARE)
    assert epochs * epoch + looked_at * 0.001 + CLOSING == pytest.approx(600, abs=0.01)
