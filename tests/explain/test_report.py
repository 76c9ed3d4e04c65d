"""The printed side: its numbers against the same computed another way, and what becomes of it where data is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnref
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.explain.dead_units import dead_units
from cnnref.explain.on_test_set import calibration, measured
from cnnref.explain.report import write_report
from cnnref.explain.report_text import plain
from cnnref.runtimes import Bundle, find_bundle, open_artifact, read_bundle

LABELS = ["<b>bold</b>", "a | b", "größer", "*star*", "[link](x)", "5", "6", "7", "8", "`9`"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network that was trained on nothing, with labels that a careless text would break on."""
    from dataclasses import replace

    from cnnref.export.source import from_model

    model = cnnref.build("lenet5")
    folder = tmp_path_factory.mktemp("report") / "fresh"
    return cnnref.export(replace(from_model(model, "fresh"), fresh=True), folder, labels=LABELS, formats=["onnx"])


def test_a_report_without_a_test_set_says_so_and_has_the_rest(fresh: Bundle, tmp_path: Path) -> None:
    write_report(fresh, tmp_path / "report")
    found = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert found["test"] is None
    assert "does not say what it was trained on" in found["no_test"]
    assert [row["name"] for row in found["layers"]] == [layer.name for layer in cnnref.build("lenet5").layers]
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "<b>" not in text
    shown = {part.split(")")[0] for part in text.split("](")[1:] if part.split(")")[0].endswith(".png")}
    assert shown == {path.name for path in (tmp_path / "report").glob("*.png")}
    cells = [
        line.replace(r"\|", "").count("|") for line in text.split("## Where")[1].splitlines() if line.startswith("|")
    ]
    assert set(cells) == {5}
    again = write_report(fresh, tmp_path / "again")
    for path in (tmp_path / "report").iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_a_report_is_not_replaced_unasked(fresh: Bundle, tmp_path: Path) -> None:
    write_report(fresh, tmp_path / "report")
    with pytest.raises(InputError, match="already exists"):
        write_report(fresh, tmp_path / "report")
    write_report(fresh, tmp_path / "report", force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError):
        write_report(fresh, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_the_numbers_of_a_trained_network(datasets_folder: Path, tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    write_report(bundle, tmp_path / "report", data_dir=datasets_folder)
    found = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))["test"]
    data = cnnref.data.load("mnist", datasets_folder)
    runner = open_artifact(bundle, "model.onnx")
    scores = np.concatenate([runner.run(data.test_images[at : at + 500]) for at in range(0, 10_000, 500)])
    guesses = scores.argmax(1)
    table = np.zeros((10, 10), int)
    np.add.at(table, (data.test_labels, guesses), 1)
    assert found["confusion"] == table.tolist()
    assert found["accuracy"] == np.trace(table) / 10_000
    for digit, row in enumerate(found["classes"]):
        assert row["recall"] == pytest.approx(table[digit, digit] / table[digit].sum(), abs=1e-6)
        assert row["precision"] == pytest.approx(table[digit, digit] / table[:, digit].sum(), abs=1e-6)
    wrong = np.nonzero(guesses != data.test_labels)[0]
    surest = wrong[np.argmax(scores[wrong].max(1))]
    assert found["worst"][0]["index"] == surest
    assert sum(one["count"] for one in found["bins"]) == 10_000
    for name in ("confusion", "calibration", "mistakes", "why", "architecture", "kernels-conv1"):
        assert (tmp_path / "report" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_calibration_by_hand() -> None:
    """Two pictures at 0.9, one of them right: 40 points off; two at 0.6, both right: 40 points off the other way."""
    sure, right = np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True])
    bins = calibration(sure, right)
    assert [(one.count, one.confidence, one.accuracy) for one in bins] == [(2, 0.6, 1.0), (2, 0.9, 0.5)]
    scores = np.stack([1 - sure, sure], 1).astype(np.float32)
    told = measured(scores, right.astype(np.int64), ("no", "yes"), dataset="toy", file="model.onnx")
    assert told.calibration_error == pytest.approx(0.4, abs=1e-6)
    assert told.confusion == ((0, 1), (0, 3))
    assert [(one.index, one.predicted) for one in told.worst] == [(1, "yes")]
    single = measured(scores[:, 1:], right.astype(np.int64), ("no", "yes"), dataset="toy", file="model.onnx")
    assert single == told


def test_dead_units_are_found_and_live_ones_are_not() -> None:
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="maps")(image)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(5, name="dense")(x)
    x = keras.layers.ReLU(name="curve")(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax", name="last")(x))
    kernel, _ = model.get_layer("maps").get_weights()
    model.get_layer("maps").set_weights([np.abs(kernel), np.array([0, 0, -1e9, 0], np.float32)])
    kernel, _ = model.get_layer("dense").get_weights()
    model.get_layer("dense").set_weights([np.abs(kernel), np.array([-1e9, 0, 0, 0, -1e9], np.float32)])
    images: Any = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1))
    assert [(one.layer, one.units, one.dead) for one in dead_units(model, images)] == [
        ("maps", 4, (2,)),
        ("curve", 5, (0, 4)),
    ]


def test_names_stay_names_in_markdown() -> None:
    assert plain("a | b <b>\n*c*") == r"a \| b \<b\> \*c\*"
