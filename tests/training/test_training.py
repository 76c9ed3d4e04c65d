"""Training runs on small data: what they leave behind, that they repeat, resume, and refuse."""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.data import load
from cnnref.data.augmentation import Augmentation
from cnnref.data.batches import BatchPlan
from cnnref.environment import keras
from cnnref.errors import DatasetError, InputError
from cnnref.files import only_writer
from cnnref.models.saving import load_model, weights_sha256
from cnnref.pictures import write_picture
from cnnref.training import Recipe, Run, checkpoint, evaluate, read_recipe, results
from cnnref.training.recipe import Optimizer, Schedule
from cnnref.training.trainer import Trainer

RECIPE = Recipe(
    name="small",
    model="lenet5",
    dataset="digits",
    epochs=4,
    batch_size=64,
    validation=100,
    augmentation=Augmentation(translate=1.0, rotate=5.0),
    optimizer=Optimizer(learning_rate=0.05, weight_decay=1e-4),
)


def train(folder: Any, recipe: Any = RECIPE, **options: Any) -> Any:
    return cnnref.train(recipe, out=folder, **{"quiet": True, **options})


def files(folder: Any) -> Any:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The small recipe from start to end; tests only look at it."""
    return train(tmp_path_factory.mktemp("runs") / "finished")


def test_a_run_holds_everything_that_it_promises(finished: Run) -> None:
    assert files(finished.folder).keys() == {
        "recipe.toml", "environment.json", "metrics.csv", "timings.csv", "curves.png", "confusion_matrix.png",
        "confusion_matrix.json", "checkpoints/step-00000080.npz", "samples.npz", "model.keras", "results.json",
    }  # fmt: skip
    assert finished.finished
    assert read_recipe(finished.recipe) == RECIPE
    assert json.loads((finished.folder / "environment.json").read_text())["versions"]["keras"] == keras.__version__


def test_the_results_are_those_of_the_saved_model_on_the_test_images(finished: Run) -> None:
    results, digits = finished.results, load("digits")
    model = load_model(finished.model)
    found = evaluate(model, digits.test_images, digits.test_labels)
    matrix = json.loads((finished.folder / "confusion_matrix.json").read_text())
    assert results["test"].items() <= found.items()
    assert results["test"]["accuracy"] > 0.5
    assert results["weights_sha256"] == weights_sha256(model)
    assert matrix["true_by_predicted"] == found["confusion_matrix"].tolist()
    assert np.trace(matrix["true_by_predicted"]) == found["images"] - found["errors"]
    assert results["labels"] == matrix["labels"] == list("0123456789")
    assert not model.losses  # the weight decay does not travel with the model


def test_each_epoch_has_its_row(finished: Run) -> None:
    rows = finished.metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_accuracy"] == finished.results["validation_accuracy"] > 0.5
    assert 0 <= rows[-1]["learning_rate"] < rows[1]["learning_rate"] <= 0.05
    timings = finished.timings()
    assert [row["epoch"] for row in timings] == [1, 2, 3, 4]
    assert finished.results["seconds"] >= sum(row["seconds"] for row in timings) > 0
    assert all(row["images_a_second"] * row["seconds"] == pytest.approx(20 * 64) for row in timings)


def test_the_samples_are_test_pictures_of_every_class(finished: Run) -> None:
    digits = load("digits")
    with np.load(finished.samples) as samples:
        images, labels = samples["images"], samples["labels"]
    assert images.shape == (16, 28, 28, 1)
    assert set(labels) == set(range(10))
    for image, label in zip(images, labels, strict=True):
        assert (digits.test_images[digits.test_labels == label] == image).all(axis=(1, 2, 3)).any()


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    first, second, other = (
        train(tmp_path / name, replace(recipe, seed=seed)).results["weights_sha256"]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == second
    assert first != other


def test_resuming_a_finished_run_changes_nothing(finished: Run) -> None:
    before = files(finished.folder)
    assert train(finished.folder, resume=True).results == finished.results
    assert files(finished.folder) == before


def test_an_existing_run_is_refused_and_kept(finished: Run) -> None:
    before = files(finished.folder)
    with pytest.raises(InputError, match=r"already exists; continue it with resume=True, .*force=True"):
        train(finished.folder)
    assert files(finished.folder) == before


def test_force_replaces_a_run(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path / "run", recipe)
    (tmp_path / "run" / "checkpoints" / "step-00000999.npz").write_bytes(b"of the old run")
    run = train(tmp_path / "run", replace(recipe, seed=5), force=True)
    assert run.results["seed"] == 5
    assert [path.name for path in checkpoint.list_checkpoints(run.checkpoints)] == ["step-00000020.npz"]


def test_force_deletes_no_folder_that_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")
    with pytest.raises(InputError, match=r"thesis has no recipe\.toml, so force=True does not replace it"):
        train(tmp_path / "thesis", force=True)
    assert files(tmp_path) == {"thesis/chapter1.txt": b"precious"}


def test_the_best_weights_are_kept_and_patience_ends_a_run(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=30, keep="best", patience=1, schedule=Schedule(decay="constant"))
    run = train(tmp_path / "run", recipe)
    accuracies = [row["val_accuracy"] for row in run.metrics()]
    results = run.results
    assert len(accuracies) < 30
    assert results["epochs"] == len(accuracies)
    assert max(accuracies) == accuracies[-2] >= accuracies[-1]
    assert results["kept"] == {
        "weights": "best",
        "epoch": len(accuracies) - 1,
        "validation_accuracy": results["validation_accuracy"],
    }
    assert results["validation_accuracy"] == max(accuracies)
    (run.folder / "results.json").unlink()
    assert train(run.folder, recipe, resume=True).results["weights_sha256"] == results["weights_sha256"]


def test_a_choice_by_validation_needs_validation(tmp_path: Path) -> None:
    for wrong in (replace(RECIPE, validation=0, keep="best"), replace(RECIPE, validation=0, patience=2)):
        with pytest.raises(InputError, match="no images are kept for validation; set validation"):
            train(tmp_path / "run", wrong)
    with pytest.raises(InputError, match=r"validation is 1\.5; give a share below 1, or a whole number"):
        train(tmp_path / "run", validation=1.5)
    assert list(tmp_path.iterdir()) == []


def test_resuming_with_other_settings_is_refused(finished: Run) -> None:
    with pytest.raises(
        InputError, match=r"\(batch_size is 64 there and 65 here\); resume it with those in its recipe\.toml"
    ):
        train(finished.folder, replace(RECIPE, batch_size=65), resume=True)


def test_a_run_on_other_data_is_another_run() -> None:
    unused: Any = None
    begun = Trainer(RECIPE, unused, unused, unused, unused, unused, [], data="hash of the data")
    assert begun.fingerprint == replace(begun).fingerprint
    assert begun.fingerprint != replace(begun, data="another hash").fingerprint


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no run in .*absent to resume; start it without resume"):
        train(tmp_path / "absent", resume=True)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"recipe": 3}', "[" * 100_000])
def test_damaged_results_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=r"results\.json is damaged"):
        Run(tmp_path).results  # noqa: B018


def test_a_folder_that_another_process_trains_into_is_refused(tmp_path: Path) -> None:
    with only_writer(tmp_path / "run"), pytest.raises(InputError, match="run is being written by another process"):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_without_results_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        Run(tmp_path).results  # noqa: B018


def test_a_loss_that_is_no_number_stops_the_run_names_the_step_and_keeps_the_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = BatchPlan.batches

    def poisoned(plan: Any, images: Any, labels: Any, first: Any, last: Any) -> Iterator[Any]:
        for step, (batch, *targets) in enumerate(original(plan, images, labels, first, last), start=first):
            yield (batch * np.nan if step == 33 else batch), *targets

    monkeypatch.setattr(BatchPlan, "batches", poisoned)
    with pytest.raises(InputError, match=r"no longer a finite number at step 14 of epoch 2; the last good checkpoint"):
        train(tmp_path / "run", checkpoint_seconds=0)
    run = Run(tmp_path / "run")
    (stored, *_) = checkpoint.list_checkpoints(run.checkpoints)
    assert stored.name <= "step-00000032.npz"
    assert len(run.metrics()) == 1
    assert not run.finished
    monkeypatch.undo()
    assert train(run.folder, resume=True).finished


def test_an_absurd_learning_rate_is_told_from_a_result(tmp_path: Path) -> None:
    recipe = replace(RECIPE, model="lenet5_relu", epochs=1, optimizer=Optimizer(learning_rate=1e30))
    with pytest.raises(InputError, match=r"step \d+ .*lower optimizer\.learning_rate"):
        train(tmp_path / "run", recipe)
    assert not Run(tmp_path / "run").finished


def test_adam_label_smoothing_and_no_validation_train(tmp_path: Path) -> None:
    settings = {"validation": 0, "label_smoothing": 0.1, "optimizer": Optimizer("adam", 0.002), "epochs": 2}
    run = train(tmp_path / "run", replace(RECIPE, **settings))
    assert run.results["validation_accuracy"] is None
    assert "val_loss" not in run.metrics()[0]
    assert run.results["test"]["accuracy"] > 0.5
    # No distribution is nearer to smoothed labels than their own entropy.
    assert run.metrics()[-1]["loss"] > -(0.91 * np.log(0.91) + 0.09 * np.log(0.01))


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size is 5000 and there are only 1338 training images"):
        train(tmp_path / "run", replace(RECIPE, batch_size=5000))


def test_an_option_of_another_kind_is_told(tmp_path: Path) -> None:
    for options, words in (
        ({"devices": "two"}, "devices is 'two'; choose one, all"),
        ({"teacher": 3}, "A teacher is given by its name or its path"),
        ({"validation": "a"}, "validation is 'a'; give a share below 1"),
    ):
        with pytest.raises(InputError, match=words):
            train(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises((InputError, DatasetError), match=r"no data set 'digitz'; did you mean '?digits"):
        train(tmp_path / "run", replace(RECIPE, dataset="digitz"))


def test_a_folder_trains_in_the_size_of_the_model_without_bad_pictures_balanced_and_is_resumed_so(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    for name, count, brightness in (("dark", 9, 30), ("light", 36, 220)):
        for number in range(count):
            picture = random.integers(brightness - 30, brightness + 30, (12, 16, 3)).astype(np.uint8)
            write_picture(tmp_path / "pictures" / name / f"{number}.png", picture)
    (tmp_path / "pictures" / "light" / "bad.png").write_bytes(b"no picture")
    data = f"folder:{tmp_path / 'pictures'}"
    command = ["train", "lenet5_relu", "--data", data, "--epochs", "3", "--set", "batch_size=4"]
    refused = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "run")])
    assert "bad.png" in str(refused.exception)
    weights = []
    for balance in ("weights", "sampling"):
        run = Run(tmp_path / balance)
        done = CliRunner().invoke(app, [*command, "--out", str(run.folder), "--skip-bad", "--balance", balance])
        assert done.exit_code == 0, done.output
        assert "Left out (1):\n  light/bad.png: " in done.output
        assert "--balance sampling or --balance weights makes up for it" in done.output
        (skipped,) = run.results["skipped_pictures"]
        assert skipped.startswith("light/bad.png: ")
        images = len(load(data, skip_bad=True).test_images)
        assert run.results["test"] == {**run.results["test"], "images": images, "accuracy": 1.0}
        assert load_model(run.model).input_shape == (None, 28, 28, 1)
        weights.append(run.results["weights_sha256"])
    assert run.results["labels"] == ["dark", "light"]
    (run.folder / "results.json").unlink()
    assert CliRunner().invoke(app, ["train", str(run.folder), "--resume"]).exit_code == 0
    assert [run.results["weights_sha256"]] == weights[1:] != weights[:1]


def test_a_run_says_what_it_does_and_quiet_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path / "loud", recipe, quiet=False)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "lenet5 on digits from scikit-learn's load_digits" in shown.err
    assert "epoch 1/1  loss " in shown.err
    assert "validation " in shown.err
    train(tmp_path / "quiet", recipe, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_trained_leaves_an_old_run_alone_and_makes_no_new_one(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "recipe.toml").write_text(RECIPE.toml())
    for wrong, words in (
        (replace(RECIPE, dataset="mnits"), "did you mean"),
        (replace(RECIPE, model="lenet55"), "did you mean"),
        (replace(RECIPE, batch_size=60_000), "only"),
        (replace(RECIPE, options={"colour": "blue"}), "colour"),
    ):
        with pytest.raises(InputError, match=words):
            cnnref.train(wrong, out=old, force=True, quiet=True)
        with pytest.raises(InputError, match=words):
            cnnref.train(wrong, out=tmp_path / "new", quiet=True)
    assert (old / "recipe.toml").read_text() == RECIPE.toml()
    assert not (tmp_path / "new").exists()


def test_pictures_can_be_resized_for_a_network(tmp_path: Path) -> None:
    run = train(tmp_path / "run", replace(RECIPE, epochs=1, image_size=20))
    model = load_model(run.model)
    assert model.input_shape == (None, 20, 20, 1)
    digits = load("digits", image_shape=(20, 20, 1))
    assert run.results["test"]["errors"] == evaluate(model, digits.test_images, digits.test_labels)["errors"]


def test_a_disk_that_fills_up_is_one_sentence_and_the_run_goes_on_from_there(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(results, "save_model", full)
        with pytest.raises(InputError, match=r"run cannot be written: No space left .*; what it has is kept"):
            train(tmp_path / "run")
    assert not Run(tmp_path / "run").finished
    resumed = train(tmp_path / "run", resume=True)
    assert resumed.results["weights_sha256"] == finished.results["weights_sha256"]
