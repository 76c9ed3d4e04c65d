"""Snapshots: what a small network had learned after some of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.models.saving import load_model, weights_sha256
from cnnref.training import read_recipe
from cnnref.training.checkpoint import restore_weights
from cnnref.training.recipe import Recipe, Snapshots
from cnnref.training.snapshots import SnapshotWriter, list_snapshots


def recipe_with(*epochs: int) -> Recipe:
    return replace(read_recipe("lenet5-digits"), epochs=2, snapshots=Snapshots(epochs))


def test_the_weights_of_the_epochs_are_kept_also_of_a_run_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cnnref.train(recipe_with(0, 1, 2, 9), out=tmp_path / "whole", quiet=True)
    kept = list_snapshots(whole.snapshots)
    assert list(kept) == [0, 1, 2]
    model = load_model(whole.model)
    trained = weights_sha256(model)
    variables = {f"model/{place:04d}/{one.path}": one for place, one in enumerate(model.variables)}
    restore_weights(kept[2], variables)
    assert weights_sha256(model) == trained
    restore_weights(kept[0], variables)
    assert weights_sha256(model) != trained
    assert not any(np.asarray(one).any() for one in model.variables if one.path.endswith("bias"))

    def stop(self: SnapshotWriter, row: Mapping[str, float]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt
        usual(self, row)

    usual = SnapshotWriter.after_epoch
    monkeypatch.setattr(SnapshotWriter, "after_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        cnnref.train(recipe_with(0, 1, 2), out=tmp_path / "stopped", quiet=True, checkpoint_seconds=0)
    monkeypatch.setattr(SnapshotWriter, "after_epoch", usual)
    stopped = cnnref.train(recipe_with(0, 1, 2), out=tmp_path / "stopped", quiet=True, resume=True)
    again = list_snapshots(stopped.snapshots)
    assert {epoch: path.read_bytes() for epoch, path in again.items()} == {
        epoch: path.read_bytes() for epoch, path in kept.items()
    }


def test_snapshots_decide_no_weight() -> None:
    assert recipe_with(0, 1).fingerprint() == recipe_with().fingerprint()


@pytest.mark.parametrize(
    ("epochs", "message"),
    [((-1,), "from 0"), ((0.5,), "whole numbers"), ((True,), "whole numbers")],
)
def test_epochs_that_are_none_are_named(epochs: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Snapshots(epochs)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (replace(recipe_with(*range(80)), epochs=80), r"lenet5 has 61,\d\d\d weights; at most \d\d of its"),
        (replace(recipe_with(0), model="allcnn_c"), "at most 500,000 weights"),
    ],
    ids=["too many", "too large"],
)
def test_what_is_too_large_is_refused_before_anything_is_written(tmp_path: Path, recipe: Recipe, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cnnref.train(recipe, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
