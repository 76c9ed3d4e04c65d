"""Training on one's own pictures, from trained weights: the classifier first, then everything."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.data import load
from cnnref.errors import InputError
from cnnref.models.initializers import draw_weights
from cnnref.models.saving import load_model, save_model
from cnnref.pictures import write_picture
from cnnref.training import Recipe, Run, checkpoint, read_recipe, recipe_for, trainer
from cnnref.training.recipe import FineTuning
from cnnref.training.trainer import Settings, Trainer


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three classes of ten noisy pictures: dark, light, and light at the left."""
    folder, random = tmp_path_factory.mktemp("own") / "pictures", np.random.default_rng(0)
    for number in range(10):
        dark, light = random.integers(0, 80, (32, 32, 3)), random.integers(170, 250, (32, 32, 3))
        left = np.where(np.arange(32)[None, :, None] < 16, light, dark)
        for name, picture in (("dark", dark), ("left", left), ("light", light)):
            write_picture(folder / name / f"{number}.png", picture.astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A "trained" network with ten classes and a normalization of its own."""
    path = tmp_path_factory.mktemp("source") / "trained.keras"
    save_model(cnnref.build("resnet8", normalization=((0.4, 0.5, 0.6), (0.2, 0.2, 0.3))), path)
    return path


@pytest.fixture(scope="module")
def recipe(pictures: Any) -> Any:
    made = recipe_for("resnet8", f"folder:{pictures}")
    return replace(made, epochs=4, batch_size=8, fine_tuning=FineTuning(2, 0.05))


@pytest.fixture(scope="module")
def tuned(recipe: Any, source: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tuned") / "run"
    return cnnref.train(recipe, out=folder, weights=source, quiet=True, checkpoint_seconds=0)


def test_only_the_classifier_learns_at_first(recipe: Recipe, source: Path, tmp_path: Path) -> None:
    head_only = replace(recipe, epochs=2)
    run = cnnref.train(head_only, out=tmp_path / "run", weights=source, quiet=True)
    before, after = load_model(source), load_model(run.model)
    for layer in after.layers:
        if layer.name in ("logits", "normalization"):
            continue
        for found, expected in zip(layer.weights, before.get_layer(layer.name).weights, strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert after.output_shape == (None, 3)


def test_then_everything_learns_from_the_normalization_of_the_source(tuned: Run, source: Path) -> None:
    before, after = load_model(source), load_model(tuned.model)
    assert (np.asarray(after.get_layer("stem").kernel) != np.asarray(before.get_layer("stem").kernel)).any()
    np.testing.assert_allclose(tuned.results["normalization"]["mean"], (0.4, 0.5, 0.6), rtol=1e-5)
    assert tuned.results["labels"] == ["dark", "left", "light"]
    assert [row["epoch"] for row in tuned.metrics()] == [1, 2, 3, 4]
    assert all(layer.trainable for layer in after.layers)


def test_a_run_that_stopped_in_either_part_goes_on_to_the_same_weights(
    tuned: Run, recipe: Recipe, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = checkpoint.save
    for stop in (1, 3):  # epochs of the first and of the second part
        folder = tmp_path / str(stop)

        def stopping(place: Any, fingerprint: Any, progress: Any, variables: Any, stop: Any = stop) -> None:
            save(place, fingerprint, progress, variables)
            if len(progress.rows) >= stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012
            patched.setattr(checkpoint, "save", stopping)
            cnnref.train(recipe, out=folder, weights=source, quiet=True, checkpoint_seconds=0)
        resumed = cnnref.train(recipe, out=folder, weights=source, quiet=True, resume=True)
        assert resumed.results["weights_sha256"] == tuned.results["weights_sha256"]


def test_other_weights_are_not_resumed_with(
    recipe: Recipe, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "write_results", lambda *_: None)  # as if it had stopped there
    cnnref.train(recipe, out=tmp_path / "run", weights=source, quiet=True)
    other = tmp_path / "other.keras"
    changed = cnnref.build("resnet8", normalization=((0.4, 0.5, 0.6), (0.2, 0.2, 0.3)))
    draw_weights(changed, 99)
    save_model(changed, other)
    with pytest.raises(InputError, match="belongs to another recipe"):
        cnnref.train(recipe, out=tmp_path / "run", weights=other, quiet=True, resume=True)


@pytest.mark.exhaustive
def test_statistics_that_are_kept_are_those_of_the_source(recipe: Recipe, source: Path, tmp_path: Path) -> None:
    kept = replace(recipe, epochs=2, fine_tuning=FineTuning(1, 0.05, keep_statistics=True))
    run = cnnref.train(kept, out=tmp_path / "run", weights=source, quiet=True)
    before, after = load_model(source), load_model(run.model)
    assert (np.asarray(after.get_layer("stem").kernel) != np.asarray(before.get_layer("stem").kernel)).any()
    norms = [layer for layer in before.layers if type(layer).__name__ == "BatchNormalization"]
    assert norms
    for layer in norms:
        for found, expected in zip(after.get_layer(layer.name).weights, layer.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_recipe_for_trained_weights_keeps_their_statistics_and_learns_slowly() -> None:
    tuned, fresh = (recipe_for("resnet8", "folder:pets", pretrained=given) for given in (True, False))
    assert tuned.fine_tuning.keep_statistics
    assert not fresh.fine_tuning.keep_statistics
    assert tuned.optimizer.name == "adam"
    assert tuned.optimizer.learning_rate < fresh.optimizer.learning_rate
    assert recipe_for("resnet20-cifar10", "folder:pets", pretrained=True).optimizer.name == "sgd"  # as it is written


def test_a_run_belongs_to_its_data(recipe: Recipe) -> None:
    data = load(recipe.dataset)
    changed = replace(data, train_labels=np.roll(data.train_labels, 1))
    same, other = (Trainer.prepare(recipe, each, Settings()).fingerprint for each in (data, changed))
    assert same != other


def test_weights_for_gray_pictures_are_refused_for_colored_ones(recipe: Recipe, tmp_path: Path) -> None:
    save_model(cnnref.build("resnet8", (32, 32, 1)), tmp_path / "gray.keras")
    with pytest.raises(InputError, match=r"gray\.keras takes pictures of 1 channels, and those of .* have 3"):
        cnnref.train(recipe, out=tmp_path / "run", weights=tmp_path / "gray.keras", quiet=True)
    assert not (tmp_path / "run").exists()


def test_the_command_takes_a_model_a_folder_and_weights(pictures: Path, source: Path, tmp_path: Path) -> None:
    command = ["train", "resnet8", "--data", f"folder:{pictures}", "--weights", str(source), "--epochs", "1"]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "Test accuracy" in done.output
    left = len(load(f"folder:{pictures}").train_images)  # fewer than a usual batch
    assert read_recipe(Run(tmp_path / "run").recipe).batch_size == left < 32


def test_a_name_that_is_neither_recipe_nor_model_is_answered_with_the_nearest(pictures: Path) -> None:
    with pytest.raises(InputError, match="no recipe or model 'resnet81'; did you mean 'resnet8'"):
        recipe_for("resnet81", f"folder:{pictures}")
    assert recipe_for("lenet5-mnist", f"folder:{pictures}").model == "lenet5"


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_pictures_out_of_the_cache_give_the_weights_that_pictures_in_memory_give(
    pictures: Path, tmp_path: Path, backend: str
) -> None:
    pytest.importorskip(backend)
    found = set()
    for megabytes in ("256", "0"):
        command = ["train", "resnet8", "--data", f"folder:{pictures}", "--epochs", "2", "--json", "--validation", "4"]
        done = subprocess.run(
            [sys.executable, "-m", "cnnref", *command, "--out", str(tmp_path / megabytes / "run")],
            env={**os.environ, "KERAS_BACKEND": backend, "CNNREF_FOLDER_MEGABYTES": megabytes},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(json.loads(done.stdout)["weights_sha256"])
    assert (tmp_path / "0" / ".pictures").is_dir()
    assert not (tmp_path / "256" / ".pictures").exists()
    assert len(found) == 1
