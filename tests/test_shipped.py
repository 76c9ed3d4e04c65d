"""What comes with the package: bundles that hold, a wheel that has everything, a README that is true."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from in_process import verify

import cnnref
from cnnref import tables
from cnnref.exporters.card.results_table import around_table
from cnnref.exporters.card.seeds import read_seeds
from cnnref.exporters.card.training import mean_text
from cnnref.exporters.precisions import KINDS
from cnnref.exporters.proof import reference_test_set
from cnnref.page.write import write_page
from cnnref.runtimes import find_bundle, list_bundles, read_bundle, read_report, read_samples
from cnnref.training import mean_interval

ROOT = Path(__file__).parent.parent
EVERY_FILE = {"model.keras", *(kind.file for kind in KINDS)}
#: Bundles whose files the README of the exporters lists one by one.
TABLED = {"lenet5-mnist", "resnet20-cifar10"}


@pytest.mark.parametrize("name", list_bundles())
def test_a_shipped_bundle_holds_and_loads(name: str) -> None:
    bundle = read_bundle(find_bundle(name))
    report = verify(bundle.folder)
    assert report.ok, report.problems
    samples = read_samples(bundle)
    found = cnnref.load(name).predict_on_batch(samples.images.astype(np.float32))
    np.testing.assert_allclose(found, samples.probabilities, atol=1e-5)
    sizes = [path.stat().st_size for path in bundle.folder.rglob("*")]
    assert max(sizes) < 5_000_000
    assert sum(sizes) < (7_500_000 if set(bundle.artifacts) == EVERY_FILE else 5_000_000)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("lenet5-mnist", 0.992),
        pytest.param("resnet20-cifar10", 0.913, marks=pytest.mark.exhaustive),
        pytest.param("resnet8-cifar10", 0.872, marks=pytest.mark.exhaustive),
        pytest.param("mnist_cnn-mnist", 0.996, marks=pytest.mark.exhaustive),
        pytest.param("tinyvgg-cifar10", 0.71, marks=pytest.mark.exhaustive),
    ],
)
def test_a_shipped_bundle_has_its_accuracy_in_every_file(name: str, least: float, datasets_folder: Path) -> None:
    bundle = read_bundle(find_bundle(name))
    assert set(bundle.artifacts) == EVERY_FILE
    test_set = reference_test_set(bundle, None, datasets_folder)
    assert len(test_set.labels) == 10_000
    claimed = bundle.document["provenance"]["test_accuracy"]
    assert test_set.reference_accuracy == pytest.approx(claimed, abs=1e-9)
    assert claimed >= least
    report = verify(bundle.folder, test_set=test_set)
    assert report.ok, report.problems
    stated = {check["file"]: check["test"] for check in read_report(bundle.folder)["checks"]}
    readme = (ROOT / "cnnref" / "exporters" / "README.md").read_text()
    for check in report.checks:
        if check.test is not None:
            # Sums of a runtime depend on the CPU: an image or two on the edge may fall to the other side.
            near = 1e-9 if check.precision == "float32" else 3e-4
            assert check.test.accuracy == pytest.approx(stated[check.file]["accuracy"], abs=near)
            if name in TABLED:
                assert f"| `{check.file}` | {check.precision} | {check.bytes:,} |" in readme


@pytest.mark.exhaustive
def test_a_network_too_large_for_every_file_is_shipped_as_keras_reads_it(datasets_folder: Path) -> None:
    bundle = read_bundle(find_bundle("speednet-cifar10"))
    assert set(bundle.artifacts) == {"model.keras"}
    claimed = bundle.document["provenance"]["rounded"]
    found = reference_test_set(bundle, None, datasets_folder).reference_accuracy
    assert found == pytest.approx(claimed["test_accuracy"], abs=3e-4)  # another CPU adds up in another order
    assert claimed["test_accuracy"] >= 0.933
    assert claimed["same_class"] > 0.999


@pytest.mark.parametrize("name", list_bundles())
def test_the_card_states_what_the_runs_measured(name: str) -> None:
    folder = find_bundle(name)
    results = json.loads((folder / "training" / "results.json").read_text())
    seeds = read_seeds(folder / "training")
    card = (folder / "README.md").read_text()
    assert results["weights_sha256"] in card
    assert results["weights_sha256"] in [run["weights_sha256"] for run in seeds["runs"]]
    for run in seeds["runs"]:
        assert f"{100 * run['accuracy']:.2f} %" in card
        assert run["errors"] == round((1 - run["accuracy"]) * run["images"])
    mean, interval = mean_interval([100 * run["accuracy"] for run in seeds["runs"]])
    assert (seeds["mean"], seeds["interval"]) == (pytest.approx(mean), interval and pytest.approx(interval))


def test_a_shipped_page_is_what_explain_writes(tmp_path: Path) -> None:
    shipped = [find_bundle(name) for name in list_bundles() if find_bundle(name).with_suffix(".html").is_file()]
    assert [folder.name for folder in shipped] == ["lenet5-mnist"]
    for folder in shipped:
        again = write_page(read_bundle(folder), tmp_path / "page.html").read_bytes()
        written = folder.with_suffix(".html").read_bytes()
        assert written == again, f"write it: cnnref explain {folder.name} --out {folder}.html --force"


def test_a_wheel_made_from_the_source_distribution_works_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob(f"cnnref-{cnnref.__version__}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("cnnref/page/")}
        assert {"cnnref/page/view/main.js", "cnnref/page/shell.html", "cnnref/page/style.css"} <= held
        assert not {"cnnref/page/eslint.config.js", "cnnref/page/tsconfig.json"} & held
        archive.extractall(tmp_path / "installed")
    program = """
import cnnref, importlib.metadata, pathlib, sys
assert pathlib.Path(cnnref.__file__).is_relative_to(sys.argv[1])
assert pathlib.Path(cnnref.__file__).with_name("py.typed").is_file()
assert importlib.metadata.version("cnnref") == cnnref.__version__
assert "lenet5" in cnnref.list_models()
assert "lenet5-mnist" in cnnref.training.list_recipes()
assert cnnref.build("lenet5").count_params() == 61706
assert cnnref.load("lenet5-mnist").output_shape == (None, 10)
from cnnref.page.write import write_page
bundle = cnnref.runtimes.read_bundle(cnnref.runtimes.find_bundle("lenet5-mnist"))
page = write_page(bundle, pathlib.Path("page.html"))
assert page.read_bytes() == bundle.folder.with_suffix(".html").read_bytes()
"""
    elsewhere = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""}
    command = [sys.executable, "-c", program, str(tmp_path / "installed")]
    done = subprocess.run(command, capture_output=True, text=True, env=elsewhere, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_table_of_models_in_the_readme_of_the_models_is_the_registry() -> None:
    written = tables.markdown_of_models(cnnref.spec(name) for name in cnnref.list_models())
    assert written in (ROOT / "cnnref" / "models" / "README.md").read_text(), "generate it: cnnref models --markdown"


def test_every_link_in_a_readme_leads_to_a_file_or_a_heading_that_is_there() -> None:
    readmes = [ROOT / "README.md", *(ROOT / "cnnref").rglob("README.md"), *(ROOT / "scripts").rglob("README.md")]
    assert len(readmes) > 10
    for readme in readmes:
        text = readme.read_text(encoding="utf-8")
        headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()}
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if not target.startswith("http"):
                path, _, heading = target.partition("#")
                assert (readme.parent / path).exists(), f"{readme}: {target}"
                assert not heading or path or heading in headings, f"{readme}: {target}"


def test_the_table_of_results_in_the_readme_is_that_of_the_logs_and_of_the_cards() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "results.py"), "--check", str(ROOT / "README.md")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert checked.returncode == 0, checked.stderr
    written = around_table(ROOT / "README.md")[1]
    rows = {line.split("`")[1]: line for line in written.splitlines() if line.startswith("| `")}
    assert set(rows) == {read_bundle(find_bundle(name)).document["provenance"]["recipe"] for name in list_bundles()}
    for name in list_bundles():
        bundle = read_bundle(find_bundle(name))
        claimed, seeds = bundle.document["provenance"], read_seeds(bundle.folder / "training")
        row, card = rows[claimed["recipe"]], (bundle.folder / "README.md").read_text()
        for accuracy in filter(None, (mean_text(seeds), mean_text(seeds, views=True))):
            assert f"| {accuracy} (" in row
            assert accuracy in card
        if len(seeds["runs"]) == 1:
            assert seeds["mean"] == pytest.approx(100 * claimed["test_accuracy"])
