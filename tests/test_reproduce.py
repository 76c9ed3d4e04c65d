"""scripts/reproduce.sh: what it would do, without doing it."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from cnnref import cli
from cnnref.runtimes import find_bundle, list_bundles

ROOT = Path(__file__).parent.parent


def plan(*names: Any, root: Any = ROOT, ok: Any = True, dry: Any = ("--dry-run",)) -> Any:
    """The commands, each split into words."""
    environment = {key: value for key, value in os.environ.items() if key != "CNNREF_DATA"}
    command = ["bash", str(root / "scripts" / "reproduce.sh"), *dry, *names]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode == 0) == ok, done.stderr
    return [shlex.split(line) for line in done.stdout.splitlines()] if ok else done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Any:
    """A checkout with the papers of one bundle alone."""
    for folder in ("scripts", "cnnref/recipes"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    training = tmp_path / "saved_models" / "lenet5-mnist" / "training"
    training.mkdir(parents=True)
    shipped = find_bundle("lenet5-mnist")
    shutil.copy(shipped / "bundle.json", training.parent)
    for name in ("results.json", "environment.json"):
        shutil.copy(shipped / "training" / name, training)
    path = training / "environment.json"
    facts = json.loads(path.read_text())
    facts["settings"] = {}  # no threads are said
    path.write_text(json.dumps(facts))
    return tmp_path


def test_every_shipped_bundle_is_trained_exported_verified_and_put_into_the_readme() -> None:
    commands = plan()
    for name in list_bundles():
        (exported,) = [one for one in commands if f"saved_models/{name}" in one and "export" in one]
        (trained,) = [one for one in commands if name in one and {"train", "sweep"} & set(one)]
        made = exported[exported.index("export") + 1]
        run = trained[trained.index("--out") + 1]
        assert made == run if "train" in trained else made.startswith(f"{run}/seed=")
        assert commands.index(trained) < commands.index(exported)
        assert [".venv/bin/cnnref", "verify", f"saved_models/{name}"] in commands
    assert commands[-1][:4] == [".venv/bin/python", "scripts/results.py", "--write", "README.md"]
    assert commands[-1][4:] == [
        *("--figure", "saved_models/results.png"),
        *("--anchors", "scripts/benchmarks/anchors.json"),
    ]


def test_the_command_line_understands_every_command() -> None:
    known = typer.main.get_command(cli.app).commands
    for words in plan():
        if ".venv/bin/cnnref" in words:
            name, *arguments = words[words.index(".venv/bin/cnnref") + 1 :]
            known[name].make_context(name, arguments)


def test_only_the_named_are_made_again() -> None:
    commands = plan("lenet5-mnist")
    assert not any("resnet20-cifar10" in " ".join(words) for words in commands)
    assert len([words for words in commands if "export" in words]) == 1


def test_a_bundle_of_several_seeds_is_a_sweep_and_keeps_its_seed(checkout: Any) -> None:
    training = checkout / "saved_models" / "lenet5-mnist" / "training"
    results = json.loads((training / "results.json").read_text())
    (training / "results.json").write_text(json.dumps(results | {"seed": 2}))
    (training / "seeds.json").write_text(json.dumps({"runs": [{"seed": seed} for seed in (0, 2, 4)]}))
    sweep, export, *_ = plan(root=checkout)
    assert sweep == [".venv/bin/cnnref", "sweep", "lenet5-mnist", "--seeds", "5", "--out", "runs/lenet5-mnist-sweep"]
    assert export[:3] == [".venv/bin/cnnref", "export", "runs/lenet5-mnist-sweep/seed=2"]


def test_a_run_that_was_begun_goes_on(checkout: Any) -> None:
    assert "--resume" not in plan(root=checkout)[0]
    run = checkout / "runs" / "lenet5-mnist"
    run.mkdir(parents=True)
    (run / "recipe.toml").touch()
    assert plan(root=checkout)[0][-1] == "--resume"


def test_threads_are_limited_where_they_were(checkout: Any) -> None:
    path = checkout / "saved_models" / "lenet5-mnist" / "training" / "environment.json"
    facts = json.loads(path.read_text())
    facts["settings"] |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": ""}
    path.write_text(json.dumps(facts))
    assert plan(root=checkout)[0][:4] == ["env", "OMP_NUM_THREADS=1", ".venv/bin/cnnref", "train"]


def test_the_name_of_a_recipe_makes_a_bundle_that_was_not_there(checkout: Any) -> None:
    train, export, *_ = plan("tinyvgg-cifar10", root=checkout)
    assert train[1:] == ["train", "tinyvgg-cifar10", "--seed", "0", "--out", "runs/tinyvgg-cifar10"]
    assert "saved_models/tinyvgg-cifar10" in export


def test_mistakes_are_told_before_anything_is_done(checkout: Any) -> None:
    assert "There is no recipe lenet6" in plan("lenet5-mnist", "lenet6", ok=False)
    assert "CNNREF_DATA" in plan("lenet5-mnist", ok=False, dry=(), root=checkout)
    assert "usage" in plan("--fast", ok=False)
    assert not (checkout / ".venv").exists()
