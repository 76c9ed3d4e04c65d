"""What comes with the package: bundles that hold, a wheel that has everything, a README that is true."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cnnref
from cnnref import tables
from cnnref.export.precisions import KINDS
from cnnref.export.proof import trial_for
from cnnref.runtimes import find_bundle, list_bundles, read_bundle, read_report, read_samples, verify

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", list_bundles())
def test_a_shipped_bundle_holds_and_loads(name):
    bundle = read_bundle(find_bundle(name))
    report = verify(bundle.folder)
    assert report.ok, report.problems
    samples = read_samples(bundle)
    found = cnnref.load(name).predict_on_batch(samples.images.astype(np.float32))
    np.testing.assert_allclose(found, samples.probabilities, atol=1e-5)
    sizes = [path.stat().st_size for path in bundle.folder.rglob("*")]
    assert max(sizes) < 5_000_000
    assert sum(sizes) < 10_000_000


@pytest.mark.parametrize(("name", "least"), [("lenet5-mnist", 0.992), ("resnet20-cifar10", 0.90)])
def test_a_shipped_bundle_has_its_accuracy_in_every_file(name, least, datasets_folder):
    bundle = read_bundle(find_bundle(name))
    assert set(bundle.artifacts) == {"model.keras", *(kind.file for kind in KINDS)}
    trial = trial_for(bundle, None, datasets_folder)
    assert len(trial.labels) == 10_000
    claimed = bundle.document["provenance"]["test_accuracy"]
    assert trial.reference_accuracy == pytest.approx(claimed, abs=1e-9)
    assert claimed >= least
    report = verify(bundle.folder, trial=trial)
    assert report.ok, report.problems
    stated = {check["file"]: check["test"] for check in read_report(bundle.folder)["checks"]}
    readme = (ROOT / "README.md").read_text()
    for check in report.checks:
        if check.test is not None:
            # Sums of a runtime depend on the CPU: an image or two on the edge may fall to the other side.
            near = 1e-9 if check.precision == "float32" else 3e-4
            assert check.test.accuracy == pytest.approx(stated[check.file]["accuracy"], abs=near)
            assert f"| `{check.file}` | {check.precision} | {check.bytes:,} |" in readme


def test_the_card_states_what_the_run_measured():
    folder = find_bundle("lenet5-mnist")
    results = json.loads((folder / "training" / "results.json").read_text())
    card = (folder / "README.md").read_text()
    assert f"{100 * results['test']['accuracy']:.2f} %" in card
    assert results["weights_sha256"] in card


def test_a_wheel_works_elsewhere(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("cnnref-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = """
import cnnref, cnnref.training, pathlib, sys
assert pathlib.Path(cnnref.__file__).is_relative_to(sys.argv[1])
assert "lenet5" in cnnref.list_models()
assert "lenet5-mnist" in cnnref.training.list_recipes()
assert cnnref.build("lenet5").count_params() == 61706
assert cnnref.load("lenet5-mnist").output_shape == (None, 10)
"""
    elsewhere = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""}
    command = [sys.executable, "-c", program, str(tmp_path / "installed")]
    done = subprocess.run(command, capture_output=True, text=True, env=elsewhere, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_table_of_models_in_the_readme_is_the_registry():
    written = tables.markdown_of_models(cnnref.spec(name) for name in cnnref.list_models())
    assert written in (ROOT / "README.md").read_text(), "generate it: cnnref models --markdown"


def test_the_accuracy_in_the_readme_is_that_of_the_bundle():
    text = (ROOT / "README.md").read_text()
    for name in list_bundles():
        claimed = read_bundle(find_bundle(name)).document["provenance"]["test_accuracy"]
        lines = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
        assert len(lines) == 2, "the table of recipes and that of bundles"
        assert all(f"{100 * claimed:.2f} %" in line for line in lines)
