"""A run that is killed at any moment ends as one that was not, bit for bit, on TensorFlow and on JAX."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnref.data.augmentation import Augmentation
from cnnref.training import Recipe, Run
from cnnref.training.checkpoint import list_checkpoints
from cnnref.training.recipe import Average, LowResolution, Optimizer

RECIPE = Recipe(
    name="killed",
    model="lenet5",
    dataset="digits",
    epochs=20.3,
    batch_size=64,
    validation=100,
    augmentation=Augmentation(
        flip=True, alternating=True, translate=1, rotate=5, elastic=0.5, crop=0.6, brightness=0.2, erase=0.2, mixup=0.2
    ),
    optimizer=Optimizer(learning_rate=0.05, weight_decay=1e-4),
    average=Average("ema", decay=0.99, every=3),
)
GROWS = replace(RECIPE, name="grows", model="resnet8", epochs=2, low_resolution=LowResolution(12, 0.7))
KILLS = 3


@pytest.fixture(params=["tensorflow", pytest.param("jax", marks=pytest.mark.exhaustive)])
def trainer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Trains into a folder in a process that may be killed: trainer(folder, recipe, **when) -> exit status."""
    if request.param == "jax":
        pytest.importorskip("jax")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killable.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": request.param},
    )

    def run(folder: Any, recipe: Any = RECIPE, **when: Any) -> Any:
        path = tmp_path / f"{recipe.name}.toml"
        path.write_text(recipe.toml())
        process.stdin.write(json.dumps({"recipe": str(path), "out": str(folder), **when}) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield run
    process.stdin.close()
    process.wait(timeout=30)


def final_state(run: Any) -> Any:
    with np.load(list_checkpoints(run.checkpoints)[-1]) as stored:
        return {name: stored[name].tobytes() for name in stored.files if name != "progress"}


def test_a_killed_run_ends_as_one_that_was_not(trainer: Any, tmp_path: Path) -> None:
    whole, killed = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    assert trainer(whole.folder) == 0
    duration = whole.results["seconds"]
    chance = random.Random(7)
    assert trainer(killed.folder, write=2) == -signal.SIGKILL
    left_by_the_kill = list(killed.checkpoints.glob(".step-*"))
    assert left_by_the_kill  # half a checkpoint, under another name
    for _ in range(KILLS):
        assert not killed.finished
        assert trainer(killed.folder, after=chance.uniform(0, duration / (2 * KILLS))) == -signal.SIGKILL
    assert trainer(killed.folder) == 0
    assert killed.results["weights_sha256"] == whole.results["weights_sha256"]
    assert killed.results["test"] == whole.results["test"]
    assert (killed.folder / "metrics.csv").read_bytes() == (whole.folder / "metrics.csv").read_bytes()
    assert final_state(killed) == final_state(whole)
    assert any(name.startswith("optimizer/") for name in final_state(whole))
    assert any(name.startswith("average/") for name in final_state(whole))
    assert not list(killed.checkpoints.glob(".*"))


@pytest.mark.exhaustive
def test_a_run_killed_where_its_pictures_grow_ends_as_one_that_was_not(trainer: Any, tmp_path: Path) -> None:
    whole, killed = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    assert trainer(whole.folder, GROWS) == 0
    assert trainer(killed.folder, GROWS, write=2) == -signal.SIGKILL  # on JAX in the epoch in which they do
    assert list_checkpoints(killed.checkpoints)
    assert trainer(killed.folder, GROWS) == 0
    assert killed.results["weights_sha256"] == whole.results["weights_sha256"]
    assert final_state(killed) == final_state(whole)
