"""What a card says of the training, from files that are written here."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnnref.exporters.card.seeds import sum_up
from cnnref.exporters.card.training import machine_of, training_lines
from cnnref.runtimes import find_bundle, list_bundles, read_bundle
from cnnref.training import read_recipe
from cnnref.training.recipe import LowResolution

RECIPE = read_recipe("speednet-cifar10")
ENVIRONMENT = {
    "cpu": "Some CPU",
    "cores": 2,
    "accelerators": [],
    "backend": "tensorflow",
    "settings": {},
    "versions": {"keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11.7", "numpy": "2.4.6"},
}


def results(seed: Any, accuracy: Any, views: Any = None) -> Any:
    return {
        "recipe": RECIPE.name,
        "seed": seed,
        "test": {"accuracy": accuracy, "errors": round(10_000 * (1 - accuracy)), "images": 10_000},
        "test_views": {"views": "mirror", "accuracy": views} if views else None,
        "epochs": 9.9,
        "seconds": 5400.0,
        "weights_sha256": f"{seed}" * 64,
    }


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """The text for runs by a recipe, and published facts."""

    def tell(*runs: Any, recipe: Any = RECIPE, published: Any = None, environment: Any = ENVIRONMENT) -> Any:
        training = tmp_path / "training"
        training.mkdir(exist_ok=True)
        for name, content in (("seeds", sum_up(runs)), ("results", runs[0]), ("environment", environment)):
            (training / f"{name}.json").write_text(json.dumps(content))
        (training / "recipe.toml").write_text(recipe.toml())
        provenance = {"dataset": "cifar10", "trained": "2026-11-23", "published": published or {}}
        return "\n".join(training_lines(tmp_path, provenance, "0" * 64))

    return tell


def test_one_run_is_one_row(told: Any) -> None:
    text = told(results(0, 0.94))
    assert "| seed | accuracy | errors | training |" in text
    assert "| 0 | 94.00 % | 600 | 90 min |" in text
    assert "mean" not in text


def test_several_runs_end_in_their_mean_with_its_interval(told: Any) -> None:
    text = told(results(0, 0.93, 0.935), results(1, 0.94, 0.945))
    assert "| seed | accuracy | errors | with test-time views (mirror) | training |" in text
    assert "| 0 (these weights) | 93.00 % | 700 | 93.50 % | 90 min |" in text
    assert "| 1 | 94.00 % | 600 | 94.50 % | 90 min |" in text
    # Two values one point apart: 12.706 (Student's t, one degree of freedom) times half a point.
    assert "| mean ± 95 % interval | 93.50 ± 6.35 % | | 94.00 ± 6.35 % | 90 min |" in text


def test_a_missed_target_says_by_how_much_and_what_was_tried(told: Any) -> None:
    published = {"accuracy": 94.01, "source": "a paper", "target": 94.0, "tried": "Twice as long: 93.6 %."}
    text = told(results(0, 0.935, 0.938), published=published)
    assert "Published: 94.01 % (a paper)." in text
    assert (
        "The target, 94 %, is missed by 0.5 points; with test-time views by 0.2. Tried: Twice as long: 93.6 %." in text
    )
    assert "with test-time views it is met." in told(results(0, 0.935, 0.94), published=published)


@pytest.mark.parametrize("accuracy", [0.94, 0.9401])
def test_a_target_that_is_met_says_no_more(told: Any, accuracy: Any) -> None:
    text = told(results(0, accuracy), published={"target": 94.0, "tried": "Twice as long."})
    assert "The target, 94 %, is met." in text
    assert "Tried" not in text
    assert "Twice" not in text


def test_without_target_or_peer_nothing_is_compared(told: Any) -> None:
    text = told(results(0, 0.94), published={"accuracy": 0.0, "source": ""})
    assert "Published" not in text
    assert "target" not in text


def test_the_settings_that_matter_are_told_and_what_is_off_is_not(told: Any) -> None:
    text = told(results(0, 0.94), recipe=replace(RECIPE, precision="bfloat16"))
    assert "- 16 epochs, batches of 1024, computed in bfloat16, label smoothing 0.2, whitened first conv" in text
    assert "- augmentation: flip, alternating, translate 2, border reflect\n" in text
    assert "- optimizer: sgd, learning rate 1.5, momentum 0.85, nesterov, weight decay 0.00133, norm rate 64\n" in text
    assert "- schedule: warmup 0.23, decay linear, start 0.2, end 0.07\n" in text
    assert "- average: lookahead, decay 0.95, every 5\n" in text
    plain = told(results(0, 0.94), recipe=read_recipe("resnet20-cifar10-paper"))
    assert "- schedule: decay steps, milestones 0.5 and 0.75\n" in plain
    assert "- average: none\n" in plain
    assert "5,000 training images kept aside" in plain
    assert "pixels high" not in plain
    grown = told(results(0, 0.94), recipe=replace(RECIPE, low_resolution=LowResolution(24, 0.4)))
    assert "pictures 24 pixels high in the first 40 % of the steps" in grown


def test_the_teachers_are_told_with_the_hash_of_their_weights_and_without_marks(told: Any) -> None:
    assert "distilled" not in told(results(0, 0.94))
    taught = {"networks": ["speednet-cifar10", "a`b\n"], "temperature": 4.0, "weight": 0.9, "weights_sha256": "0a" * 32}
    text = told({**results(0, 0.94), "teacher": taught})
    assert "- distilled from `speednet-cifar10` and `a'b\\n` (SHA-256 of the weights `0a0a0a0a0a0a0a0a`" in text
    assert "temperature 4, 90 % of the loss\n" in text
    text = told({**results(0, 0.94), "teacher": taught | {"stored": True}})
    assert "90 % of the loss, asked once for each picture and its mirror image\n" in text


def test_the_machine_has_its_cores_threads_and_versions(told: Any, tmp_path: Path) -> None:
    text = told(results(0, 0.94))
    assert "- machine: Some CPU, 2 cores; Keras 3.15.1 on tensorflow 2.21.0, Python 3.11.7, NumPy 2.4.6" in text
    one = {"accelerators": ["Some GPU"], "cores": 1, "settings": {"OMP_NUM_THREADS": "1"}}
    told(results(0, 0.94), environment=ENVIRONMENT | one)
    assert machine_of(tmp_path / "training") == "Some GPU, Some CPU, 1 core, 1 thread"


def test_the_commands_to_make_it_again_are_those_that_made_it(told: Any) -> None:
    assert "`cnnref train speednet-cifar10 --data-dir DATA`" in told(results(0, 0.94))
    seventh = replace(RECIPE, seed=7, precision="float32")
    assert "`cnnref train speednet-cifar10 --seed 7 --data-dir DATA`" in told(results(7, 0.94), recipe=seventh)
    text = told(results(1, 0.94), results(0, 0.93), results(2, 0.95), recipe=replace(RECIPE, seed=1))
    assert "`cnnref sweep speednet-cifar10 --seeds 3 --data-dir DATA`" in text
    assert "`cnnref export runs/speednet-cifar10-sweep/seed=1 --out DIR --data-dir DATA`" in text
    changed = told(results(0, 0.94), recipe=replace(RECIPE, batch_size=512))
    assert "`cnnref train training/recipe.toml --out RUN --data-dir DATA`" in changed


def test_weights_from_elsewhere_are_said_to_be(tmp_path: Path) -> None:
    assert training_lines(tmp_path, {}, "")[0].startswith("The weights come from outside a recipe")


@pytest.mark.parametrize("name", list_bundles())
def test_the_logs_of_every_shipped_bundle_can_be_told(name: str) -> None:
    bundle = read_bundle(find_bundle(name))
    provenance = bundle.document["provenance"]
    text = "\n".join(training_lines(bundle.folder, provenance, bundle.weights_sha256))
    assert f"{100 * provenance['test_accuracy']:.2f} %" in text
    assert f"{provenance['epochs']:g} epochs" in text
