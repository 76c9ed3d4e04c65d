"""The runs of a sweep over seeds travel with the bundle of any of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.exporters.card import provenance
from cnnref.exporters.card.seeds import read_seeds, seeds_of
from cnnref.training import Run, read_recipe
from cnnref.training.recipe import Published

#: Accuracy of seeds 0, 1 and 2, and with test-time views: means 99 and 99.5 %, standard deviations of 1 and 0.5 points.
ACCURACIES = {0: (0.98, 0.99), 1: (0.99, 0.995), 2: (1.0, 1.0)}
#: Student's t for 95 % and two degrees of freedom, from a printed table, over the root of three runs.
HALF = 4.303 / 3**0.5


@pytest.fixture
def sweep_of(run: Any, tmp_path: Path) -> Any:
    """Sweeps whose runs are copies of one run, but for seed and accuracy."""

    def train(recipe: Any, _: Any, folder: Any, **how: Any) -> Any:
        assert how == {"resume": False, "quiet": True}
        copied = Run(shutil.copytree(run.folder, folder, dirs_exist_ok=True))
        copied.recipe.write_text(recipe.toml())
        plain, views = ACCURACIES[recipe.seed]
        results = copied.results
        results |= {"seed": recipe.seed, "test_views": {"views": "shift", "accuracy": views, "errors": 0, "loss": 0.0}}
        results["validation_accuracy"] = plain
        results["test"] |= {"accuracy": plain, "errors": round(359 * (1 - plain))}
        if recipe.seed:
            results["weights_sha256"] = f"{recipe.seed}" * 64
        copied.write_json("results.json", results)
        return copied

    def make(seeds: Any, settings: Any = None, validation: Any = 0) -> Any:
        recipe = cnnref.training.override(read_recipe("lenet5-digits"), {"validation": validation, "epochs": 2.0})
        folder = tmp_path / "sweep"
        cnnref.training.sweep(recipe, out=folder, seeds=seeds, settings=settings, quiet=True, train=train)
        return folder

    return make


def test_a_bundle_of_a_sweep_tells_of_every_seed_in_its_files_and_its_card(sweep_of: Any, tmp_path: Path) -> None:
    chosen = Run(sweep_of(3) / "seed=0")
    bundle = cnnref.export(chosen.folder, tmp_path / "bundle", formats=["onnx"], precisions=["float32"])
    seeds = json.loads((bundle.folder / "training" / "seeds.json").read_text())
    assert seeds["recipe"] == "lenet5-digits"
    assert [one["seed"] for one in seeds["runs"]] == [0, 1, 2]
    assert [one["accuracy"] for one in seeds["runs"]] == [0.98, 0.99, 1.0]
    assert {one["images"] for one in seeds["runs"]} == {359}
    assert seeds["runs"][0]["weights_sha256"] == bundle.weights_sha256
    assert (seeds["mean"], seeds["views_mean"]) == pytest.approx((99, 99.5))
    assert (seeds["interval"], seeds["views_interval"]) == pytest.approx((HALF, HALF / 2), rel=1e-3)
    assert seeds["views"] == "shift"
    for name in ("timings.csv", "metrics.csv"):
        kept = bundle.folder / "training" / name
        assert kept.read_bytes() == (chosen.folder / name).read_bytes()
    assert {"training/seeds.json", "training/timings.csv"} <= set(bundle.files)
    card = (bundle.folder / "README.md").read_text()
    assert "| 0 (these weights) | 98.00 % | 7 | 99.00 % |" in card
    assert "| 1 | 99.00 % | 4 | 99.50 % |" in card
    assert "| mean ± 95 % interval | 99.00 ± 2.48 % | | 99.50 ± 1.24 % |" in card
    again = cnnref.export(bundle.folder, tmp_path / "again", formats=["onnx"], precisions=["float32"])
    assert read_seeds(again.folder / "training") == seeds


def test_a_run_by_itself_is_one_seed_without_an_interval(run: Any) -> None:
    seeds = seeds_of(run)
    (only,) = seeds["runs"]
    assert only["accuracy"] == run.results["test"]["accuracy"]
    assert (seeds["mean"], seeds["interval"]) == (pytest.approx(100 * only["accuracy"]), None)
    assert (seeds["views"], seeds["views_mean"], only["views_accuracy"]) == (None, None, None)


def test_runs_of_a_grid_are_not_taken_for_seeds(sweep_of: Any) -> None:
    folder = sweep_of(2, settings={"learning_rate": [0.1, 0.2]}, validation=100)
    chosen = Run(folder / "learning_rate=0.1_seed=1")
    assert [one["seed"] for one in seeds_of(chosen)["runs"]] == [1]


def test_runs_that_are_not_finished_or_have_other_settings_do_not_count(sweep_of: Any) -> None:
    folder = sweep_of(3)
    (folder / "seed=1" / "results.json").unlink()
    assert [one["seed"] for one in seeds_of(Run(folder / "seed=2"))["runs"]] == [0, 2]
    other = folder / "seed=0" / "recipe.toml"
    other.write_text(other.read_text().replace("batch_size = 32", "batch_size = 64"))
    assert [one["seed"] for one in seeds_of(Run(folder / "seed=2"))["runs"]] == [2]


def test_a_folder_beside_the_runs_of_a_sweep_is_a_run_by_itself(sweep_of: Any, run: Any) -> None:
    folder = sweep_of(2)
    shutil.copytree(run.folder, folder / "mine")
    assert len(seeds_of(Run(folder / "mine"))["runs"]) == 1


def test_results_of_an_older_version_are_one_run(run: Any, tmp_path: Path) -> None:
    old = {key: value for key, value in run.results.items() if key not in ("test_views", "steps", "precision")}
    (tmp_path / "results.json").write_text(json.dumps(old))
    assert read_seeds(tmp_path) == seeds_of(run)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_damaged_results_are_named(tmp_path: Path, content: Any) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=r"results .* cannot be read"):
        read_seeds(tmp_path)


def test_what_was_tried_is_told_although_it_was_written_after_the_run(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Published(99.9, "a peer", target=99.95, tried="Wider, longer.")
    trained = read_recipe(run.recipe)
    monkeypatch.setattr(provenance, "read_recipe", lambda _: replace(trained, published=told))
    assert provenance.provenance_of(run)["published"]["tried"] == "Wider, longer."
    monkeypatch.setattr(provenance, "read_recipe", lambda _: replace(trained, published=told, batch_size=64))
    assert provenance.provenance_of(run)["published"] == run.results["published"]
