"""A budget in minutes: measured, kept, or refused."""

from dataclasses import replace
from pathlib import Path

import pytest

import cnnref
from cnnref.data.augmentation import Augmentation
from cnnref.errors import InputError
from cnnref.training import Recipe, read_recipe
from cnnref.training.recipe import Optimizer

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
