"""The README's table of results."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cnnref.errors import InputError
from cnnref.exporters.card.results_table import BEGIN, END, MEANING, MISSED, put_into, results_table
from cnnref.exporters.card.seeds import sum_up
from cnnref.runtimes import find_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Any:
    """The papers of a shipped bundle, without its files."""
    shipped = find_bundle("lenet5-mnist")
    (tmp_path / "training").mkdir()
    for name in ("bundle.json", "training/results.json", "training/environment.json"):
        shutil.copy(shipped / name, tmp_path / name)
    return tmp_path


def cells(folder: Any) -> Any:
    table = results_table([folder]).partition("\n\n")[0]
    header, _, row = (line.strip("| ").split(" | ") for line in table.splitlines())
    return dict(zip(header, row, strict=True))


def test_a_row_is_what_the_logs_say(bundle: Any) -> None:
    results = json.loads((bundle / "training" / "results.json").read_text())
    first = results | {"seconds": 60.0, "test_views": {"views": "shift", "accuracy": 0.995}, "epochs": 9.9}
    first["test"] = results["test"] | {"accuracy": 0.99}
    second = first | {"seed": 1, "seconds": 120.0, "test_views": {"views": "shift", "accuracy": 0.997}}
    second["test"] = results["test"] | {"accuracy": 0.992}
    (bundle / "training" / "seeds.json").write_text(json.dumps(sum_up([first, second])))
    document = json.loads((bundle / "bundle.json").read_text())
    document["provenance"]["published"] = {"accuracy": 99.05, "source": "a paper", "target": 99.3}
    (bundle / "bundle.json").write_text(json.dumps(document))
    row = cells(bundle)
    assert row["recipe"] == "`lenet5-mnist`"
    assert row["model"] == "`lenet5`"
    assert row["parameters"] == "61,706"
    assert row["published"] == "99.05 % (a paper)"
    assert row["target"] == "99.3 %"
    assert row["test accuracy"] == f"99.10 ± 1.27 % (2 seeds) {MISSED}"  # 12.706 times a tenth of a point
    assert row["with test-time views"] == "99.60 ± 1.27 % (shift)"
    assert (row["epochs"], row["minutes"]) == ("9.9", "1.5")
    assert results_table([bundle]).endswith(f"\n\n{MISSED} {MEANING}")
    document["provenance"]["published"]["target"] = 99.1
    (bundle / "bundle.json").write_text(json.dumps(document))
    assert MISSED not in results_table([bundle])


def test_a_bundle_without_seeds_is_one_run(bundle: Any) -> None:
    results = json.loads((bundle / "training" / "results.json").read_text())
    for name in ("test_views", "steps", "precision"):
        results.pop(name, None)
    (bundle / "training" / "results.json").write_text(json.dumps(results))
    row = cells(bundle)
    assert row["test accuracy"] == f"{100 * results['test']['accuracy']:.2f} % (1 seed)"
    assert row["with test-time views"] == "-"


def test_a_bundle_that_no_recipe_made_has_no_row(bundle: Any) -> None:
    shutil.rmtree(bundle / "training")
    assert len(results_table([bundle]).splitlines()) == 2


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"Before ±\n{BEGIN}\nold\n{END}\nAfter\n")
    for table in ("one", "two"):
        put_into(readme, table)
        assert readme.read_text() == f"Before ±\n{BEGIN}\n\n{table}\n\n{END}\nAfter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_one_place_for_it_is_left_alone(tmp_path: Path, text: Any) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(InputError, match="no place for the table"):
        put_into(readme, "table")
    assert readme.read_text() == text
