"""Training runs on small data: what they leave behind, that they repeat, resume, and refuse."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import cnnref
from cnnref.data import load
from cnnref.data.augmentation import Augmentation
from cnnref.environment import keras
from cnnref.errors import DatasetError, InputError
from cnnref.models.saving import load_model, weights_sha256
from cnnref.pictures import write_picture
from cnnref.training import Recipe, Run, checkpoint, evaluate, loop, progress, read_recipe
from cnnref.training.recipe import Optimizer

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


def train(folder, recipe=RECIPE, **options):
    return cnnref.train(recipe, out=folder, **{"quiet": True, **options})


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The small recipe from start to end; tests only look at it."""
    return train(tmp_path_factory.mktemp("runs") / "finished")


def test_a_run_holds_everything_that_it_promises(finished):
    assert files(finished.folder).keys() == {
        "recipe.toml", "environment.json", "metrics.csv", "curves.png", "confusion_matrix.png", "confusion_matrix.json",
        "checkpoints/epoch-0003.npz", "checkpoints/epoch-0004.npz", "samples.npz", "model.keras", "results.json",
    }  # fmt: skip
    assert finished.finished
    assert read_recipe(finished.recipe) == RECIPE
    assert json.loads((finished.folder / "environment.json").read_text())["versions"]["keras"] == keras.__version__


def test_the_results_are_those_of_the_saved_model_on_the_test_images(finished):
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


def test_each_epoch_has_its_row(finished):
    rows = finished.metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_accuracy"] == finished.results["validation_accuracy"] > 0.5
    assert 0 <= rows[-1]["learning_rate"] < rows[1]["learning_rate"] <= 0.05
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert finished.results["seconds"] == rows[-1]["seconds"] > 0


def test_the_samples_are_test_pictures_of_every_class(finished):
    digits = load("digits")
    with np.load(finished.samples) as samples:
        images, labels = samples["images"], samples["labels"]
    assert images.shape == (16, 28, 28, 1)
    assert set(labels) == set(range(10))
    for image, label in zip(images, labels, strict=True):
        assert (digits.test_images[digits.test_labels == label] == image).all(axis=(1, 2, 3)).any()


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(tmp_path):
    recipe = replace(RECIPE, epochs=1)
    first, second, other = (
        train(tmp_path / name, replace(recipe, seed=seed)).results["weights_sha256"]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == second
    assert first != other


def without_seconds(run):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in run.metrics()]


@pytest.mark.parametrize("logged", [False, True], ids=["after the checkpoint", "between log and checkpoint"])
def test_an_interrupted_run_resumes_to_the_same_weights_and_metrics(finished, tmp_path, monkeypatch, logged):
    save = checkpoint.save

    def interrupted(folder, epoch, *rest):
        if epoch <= 2:
            save(folder, epoch, *rest)
        if epoch == 2 + logged:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patched.setattr(checkpoint, "save", interrupted)
        train(tmp_path / "run")
    run = Run(tmp_path / "run")
    assert [row["epoch"] for row in run.metrics()] == [1, 2, 3][: 2 + logged]
    assert not run.finished
    with pytest.raises(InputError, match="has not finished; continue it with --resume"):
        run.results  # noqa: B018

    resumed = train(tmp_path / "run", resume=True)
    assert resumed.results["weights_sha256"] == finished.results["weights_sha256"]
    assert without_seconds(resumed) == without_seconds(finished)
    assert resumed.results["test"] == finished.results["test"]
    seconds = [row["seconds"] for row in resumed.metrics()]
    assert seconds == sorted(seconds)


def test_resuming_a_finished_run_changes_nothing(finished):
    before = files(finished.folder)
    assert train(finished.folder, resume=True).results == finished.results
    assert files(finished.folder) == before


def test_an_existing_run_is_refused_and_kept(finished):
    before = files(finished.folder)
    with pytest.raises(InputError, match=r"already exists; continue it with --resume, .*--force"):
        train(finished.folder)
    assert files(finished.folder) == before


def test_force_replaces_a_run(tmp_path):
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path / "run", recipe)
    (tmp_path / "run" / "checkpoints" / "epoch-0007.npz").write_bytes(b"of the old run")
    run = train(tmp_path / "run", replace(recipe, seed=5), force=True)
    assert run.results["seed"] == 5
    assert [path.name for path in checkpoint.list_checkpoints(run.checkpoints)] == ["epoch-0001.npz"]


def test_force_deletes_no_folder_that_is_not_a_run(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")
    with pytest.raises(InputError, match=r"thesis has no recipe\.toml, so --force does not replace it"):
        train(tmp_path / "thesis", force=True)
    assert files(tmp_path) == {"thesis/chapter1.txt": b"precious"}


def test_resuming_with_other_settings_is_refused(finished):
    with pytest.raises(InputError, match=r"started with other settings; resume it with those in its recipe\.toml"):
        train(finished.folder, replace(RECIPE, batch_size=65), resume=True)


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(InputError, match=r"There is no run in .*absent to resume; start it without --resume"):
        train(tmp_path / "absent", resume=True)
    assert not (tmp_path / "absent").exists()


def test_a_folder_without_results_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        Run(tmp_path).results  # noqa: B018


def test_a_damaged_checkpoint_stops_the_resume_and_the_one_before_serves(finished, tmp_path):
    run = Run(tmp_path / "run")
    for name, content in files(finished.folder).items():
        if name != "results.json":
            (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (run.folder / name).write_bytes(content)
    newest = run.checkpoints / "epoch-0004.npz"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"epoch-0004\.npz is damaged"):
        train(run.folder, resume=True)
    newest.unlink()
    assert train(run.folder, resume=True).results["weights_sha256"] == finished.results["weights_sha256"]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoints(tmp_path, monkeypatch):
    original = loop.training_batches

    def poisoned(images, labels, **options):
        steps = len(images) // options["batch_size"]
        for step, (batch, targets) in enumerate(original(images, labels, **options)):
            yield (batch * np.nan if step == steps + steps // 2 else batch), targets

    monkeypatch.setattr(loop, "training_batches", poisoned)
    with pytest.raises(InputError, match=r"no longer a finite number at step \d+ of epoch 2; the last checkpoint"):
        train(tmp_path / "run")
    run = Run(tmp_path / "run")
    assert [path.name for path in checkpoint.list_checkpoints(run.checkpoints)] == ["epoch-0001.npz"]
    assert len(run.metrics()) == 1
    assert not run.finished


def test_an_absurd_learning_rate_is_told_from_a_result(tmp_path):
    recipe = replace(RECIPE, model="lenet5_relu", epochs=1, optimizer=Optimizer(learning_rate=1e30))
    with pytest.raises(InputError, match=r"step \d+ of epoch 1; .*lower optimizer\.learning_rate"):
        train(tmp_path / "run", recipe)
    assert not Run(tmp_path / "run").finished


def test_adam_label_smoothing_and_no_validation_train(tmp_path):
    settings = {"validation": 0, "label_smoothing": 0.1, "optimizer": Optimizer("adam", 0.002), "epochs": 2}
    run = train(tmp_path / "run", replace(RECIPE, **settings))
    assert run.results["validation_accuracy"] is None
    assert "val_loss" not in run.metrics()[0]
    assert run.results["test"]["accuracy"] > 0.5
    # No distribution is nearer to smoothed labels than their own entropy.
    assert run.metrics()[-1]["loss"] > -(0.91 * np.log(0.91) + 0.09 * np.log(0.01))


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
    with pytest.raises(InputError, match="batch_size is 5000 and there are only 1338 training images"):
        train(tmp_path / "run", replace(RECIPE, batch_size=5000))


def test_an_unknown_data_set_is_refused(tmp_path):
    with pytest.raises((InputError, DatasetError), match="no data set 'digitz'; did you mean digits"):
        train(tmp_path / "run", replace(RECIPE, dataset="digitz"))


def test_a_folder_of_pictures_trains_in_the_size_of_the_model(tmp_path):
    random = np.random.default_rng(0)
    for label, brightness in (("dark", 30), ("light", 220)):
        for number in range(20):
            picture = random.integers(brightness - 30, brightness + 30, (12, 16, 3)).astype(np.uint8)
            write_picture(tmp_path / "pictures" / label / f"{number}.png", picture)
    recipe = replace(
        RECIPE, model="lenet5_relu", dataset=f"folder:{tmp_path / 'pictures'}", batch_size=4, validation=4, epochs=3
    )
    run = train(tmp_path / "run", recipe)
    assert run.results["labels"] == ["dark", "light"]
    assert run.results["test"] == {**run.results["test"], "images": 8, "accuracy": 1.0}
    assert load_model(run.model).input_shape == (None, 28, 28, 1)


def test_a_run_says_what_it_does_and_quiet_says_nothing(tmp_path, capfd):
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path / "loud", recipe, quiet=False)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "lenet5 on digits from scikit-learn's load_digits" in shown.err
    assert "epoch 1/1  loss " in shown.err
    assert "validation " in shown.err
    train(tmp_path / "quiet", recipe, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_without_a_terminal_progress_is_at_most_a_line_a_second(monkeypatch, capsys):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    display = progress.ProgressDisplay(batch_size=50, steps=100, epochs=5, first_epoch=1)
    display.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.1)))
    display.on_train_begin()
    for epoch in range(1, 5):
        display.on_epoch_begin(epoch)
        for step in range(100):
            clock.now += 0.02
            display.on_train_batch_end(step, {"loss": 1.5, "accuracy": 0.25})
        display.on_epoch_end(epoch, {"loss": 1.5, "accuracy": 0.25})
    display.on_train_end()
    lines = capsys.readouterr().err.splitlines()
    assert 6 <= len(lines) <= 9  # eight seconds, and the last epoch has its line in any case
    assert lines[0].startswith("epoch 2/5  step 5")
    assert lines[0].endswith("0:07 left") or lines[0].endswith("0:06 left")
    assert lines[-1].startswith("epoch 5/5  loss 1.5000  accuracy 25.00 %")


def test_what_cannot_be_trained_leaves_an_old_run_alone_and_makes_no_new_one(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "recipe.toml").write_text(RECIPE.toml())
    for wrong, words in (
        (replace(RECIPE, dataset="mnits"), "did you mean"),
        (replace(RECIPE, model="lenet55"), "did you mean"),
        (replace(RECIPE, batch_size=100_000), "only"),
        (replace(RECIPE, options={"colour": "blue"}), "colour"),
    ):
        with pytest.raises(InputError, match=words):
            cnnref.train(wrong, out=old, force=True, quiet=True)
        with pytest.raises(InputError, match=words):
            cnnref.train(wrong, out=tmp_path / "new", quiet=True)
    assert (old / "recipe.toml").read_text() == RECIPE.toml()
    assert not (tmp_path / "new").exists()


def test_a_killed_run_resumes_to_the_weights_of_one_that_was_not(tmp_path):
    recipe = tmp_path / "short.toml"
    recipe.write_text(replace(RECIPE, epochs=12).toml())
    code = "import sys, cnnref; cnnref.train(sys.argv[1], out=sys.argv[2], quiet=True)"
    process = subprocess.Popen([sys.executable, "-c", code, str(recipe), str(tmp_path / "killed")])
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed" / "checkpoints").glob("epoch-0002.npz")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    killed = Run(tmp_path / "killed")
    assert not killed.finished
    resumed = cnnref.train(recipe, out=killed.folder, resume=True, quiet=True)
    whole = cnnref.train(recipe, out=tmp_path / "whole", quiet=True)
    assert resumed.results["weights_sha256"] == whole.results["weights_sha256"]
    assert len(resumed.metrics()) == 12
