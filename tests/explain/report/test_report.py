"""The printed side: its numbers against the same computed another way, and what becomes of it where data is missing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import cnnref
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.explain.report.dead_units import dead_units
from cnnref.explain.report.grids import GAP, LARGE, LEFT, RAMP, maps
from cnnref.explain.report.measures import calibration, classification_measures
from cnnref.explain.report.write import write_report
from cnnref.exporters.source import from_model
from cnnref.runtimes import Bundle, accuracy, find_bundle, open_artifact, read_bundle

LABELS = ["<b>bold</b>", "a | b", "größer", "*star*", "[link](x)", r"$\frac$", "&lt;", "狗", "8" * 200, "`9`"]


class Said:
    """Runs nothing: the answers are given."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def run(self, images: np.ndarray) -> np.ndarray:
        return self.scores[: len(images)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network that was trained on nothing, with labels that a careless text would break on."""
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
    with mpl.rc_context({"font.size": 30, "font.family": "serif"}):  # a reader's own settings
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
    # Sorted by how sure they are and cut where a bin ends, and every step in double precision.
    order = np.argsort(scores.max(1).astype(float))
    sure, right = scores.max(1).astype(float)[order], (guesses == data.test_labels)[order]
    parts = np.split(sure - right, np.searchsorted(sure, np.arange(1, 15) / 15, side="right"))
    assert found["calibration_error"] == pytest.approx(sum(abs(part.sum()) for part in parts) / 10_000, abs=2e-6)
    for name in ("confusion", "calibration", "mistakes", "why", "architecture", "kernels-conv1"):
        assert (tmp_path / "report" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.filterwarnings("error:Glyph")  # a sign that the typeface lacks
def test_labels_of_any_signs_on_a_test_set(fresh: Bundle, tmp_path: Path) -> None:
    """Digits need no files; an untrained network gets most of them wrong."""
    known = replace(fresh, document={**fresh.document, "provenance": {"dataset": "digits"}})
    report = write_report(known, tmp_path / "report")
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))["test"]
    data = cnnref.data.load("digits")
    assert found["images"] == len(data.test_labels) == sum(map(sum, found["confusion"]))
    assert [sum(row) for row in found["confusion"]] == [one["count"] for one in found["classes"]]
    for index, one in enumerate(found["classes"]):
        said = sum(row[index] for row in found["confusion"])
        assert one["f1"] == pytest.approx(2 * found["confusion"][index][index] / (said + one["count"]), abs=1e-6)
    assert [one["label"] for one in found["classes"]] == LABELS
    assert len(found["worst"]) == 20
    sure = [one["probability"] for one in found["worst"]]
    assert sure == sorted(sure, reverse=True)
    for one in found["worst"]:
        assert one["label"] == LABELS[data.test_labels[one["index"]]] != one["predicted"]
    text = (report / "report.md").read_text(encoding="utf-8")
    for name in ("confusion", "calibration", "mistakes"):
        assert f"({name}.png)" in text
        assert (report / f"{name}.png").is_file()
    assert "<b>" not in text


def test_calibration_by_hand() -> None:
    """Two pictures at 0.9, one of them right: 40 points off; two at 0.6, both right: 40 points off the other way."""
    sure, right = np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True])
    bins = calibration(sure, right)
    assert [(one.count, one.confidence, one.accuracy) for one in bins] == [(2, 0.6, 1.0), (2, 0.9, 0.5)]
    scores = np.stack([1 - sure, sure], 1).astype(np.float32)
    told = classification_measures(scores, right.astype(np.int64), ("no", "yes"), dataset="toy", file="model.onnx")
    assert told.calibration_error == pytest.approx(0.4, abs=1e-6)
    assert told.confusion == ((0, 1), (0, 3))
    assert [(one.index, one.predicted) for one in told.worst] == [(1, "yes")]
    single = classification_measures(
        scores[:, 1:], right.astype(np.int64), ("no", "yes"), dataset="toy", file="model.onnx"
    )
    assert single == told


def test_no_picture_is_lost_at_the_ends_of_the_bins() -> None:
    """Sigmoids may all say 0; a softmax may add up to a little more than 1."""
    bins = calibration(np.array([0.0, 1.0, 1.0000001]), np.array([False, True, True]))
    assert [one.count for one in bins] == [1, 2]


def test_half_is_a_yes_as_everywhere() -> None:
    scores = np.array([[0.5], [0.2]], np.float32)
    told = classification_measures(scores, np.array([1, 0]), ("no", "yes"), dataset="toy", file="model.onnx")
    assert told.accuracy == accuracy(Said(scores), np.zeros((2, 1, 1, 1), np.uint8), np.array([1, 0])) == 1


def test_scores_that_are_no_probabilities_are_not_calibrated() -> None:
    scores = np.array([[3.0, -7.0], [4.0, 12.0]], np.float32)
    told = classification_measures(
        scores, np.array([0, 0]), ("a", "b"), dataset="toy", file="model.onnx", calibrated=False
    )
    assert (told.calibration_error, told.bins, told.accuracy) == (None, (), 0.5)
    assert [(one.index, one.probability) for one in told.worst] == [(1, 12.0)]


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


def test_dead_units_of_models_in_models_and_of_layers_called_again() -> None:
    given = keras.Input((6, 6, 2))
    inner = keras.Model(given, keras.layers.ReLU(name="curve")(given), name="backbone")
    image = keras.Input((6, 6, 1))
    again = keras.layers.ReLU(name="again")
    scale = keras.layers.DepthwiseConv2D(1, name="scale")
    x = again(scale(inner(again(keras.layers.Conv2D(2, 1, name="two")(image)))))
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(x)))
    model.get_layer("two").set_weights([np.ones((1, 1, 1, 2), np.float32), np.array([0, -1e9], np.float32)])
    scale.set_weights([np.full((1, 1, 2, 1), -1, np.float32), np.zeros(2, np.float32)])
    images: Any = np.random.default_rng(0).integers(0, 256, (9, 6, 6, 1))
    found = dead_units(model, images)
    assert [(one.layer, one.dead) for one in found] == [
        ("again", (1,)),
        ("backbone/curve", (1,)),
        ("again#2", (0, 1)),
    ]
    assert dead_units(model, images, activation_bytes=1) == found  # a picture at a time


def test_nothing_is_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_file(*_: Any, **__: Any) -> None:
        raise AssertionError("a download was begun")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("CNNREF_DATA", raising=False)
    told: list[str] = []
    report = write_report(read_bundle(find_bundle("lenet5-mnist")), tmp_path / "report", tell=told.append)
    text = (report / "report.md").read_text(encoding="utf-8")
    assert text.endswith("The test pictures of mnist were not found; name the folder that has them.\n")
    assert any(str(tmp_path / "nothing") in line for line in told)
    assert not (report / "confusion.png").exists()


def test_networks_as_other_people_write_them(tmp_path: Path) -> None:
    """Models in models, names with any signs, one output that names itself, scores without a softmax."""
    layers = keras.layers
    given = keras.Input((9, 7, 3))
    inner = keras.Model(given, layers.Conv2D(4, 3, name="ein (k)")(given), name="backbone")
    image = keras.Input((9, 7, 3))
    x = layers.ReLU(name="a:b")(inner(image))
    x = layers.ReLU(name="a?b")(layers.DepthwiseConv2D(3, name="deep")(x))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid", name="last")(layers.Flatten()(x)))
    last = model.get_layer("last")
    last.set_weights([np.zeros_like(last.get_weights()[0]), np.array([9], np.float32)])
    found = written(model, ["cat"], tmp_path)
    assert found["labels"] == ["not cat", "cat"]
    assert {one["predicted"] for one in found["explained"]} == {"cat"}
    assert found["kernels"] == [
        {"layer": "backbone/ein (k)", "file": "kernels-backbone-ein-k-.png"},
        {"layer": "deep", "file": "kernels-deep.png"},
    ]
    assert [one["file"] for one in found["maps"]] == ["maps-a-b.png", "maps-a-b-.png"]
    assert all((tmp_path / "report" / one["file"]).is_file() for one in found["kernels"] + found["maps"])

    image = keras.Input((9, 7, 3))
    model = keras.Model(image, layers.Dense(4)(layers.Flatten()(image)))
    found = written(model, list("abcd"), tmp_path / "flat")
    assert (found["says"], found["kernels"], found["maps"]) == ("score", [], [])
    assert all(one["grad_cam"] is None for one in found["explained"])
    assert "%" not in (tmp_path / "flat" / "report" / "report.md").read_text(encoding="utf-8")


def written(model: Any, labels: list[str], folder: Path) -> Any:
    bundle = cnnref.export(
        replace(from_model(model, "odd"), fresh=True), folder / "odd", labels=labels, formats=["onnx"]
    )
    write_report(bundle, folder / "report")
    return json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))


def test_grids_are_whole_pixels_on_one_scale() -> None:
    values = np.zeros((2, 2, 3), np.float32)
    values[0, 0, 0], values[1, 1, 2] = 4, -4
    seen = np.asarray(Image.open(io.BytesIO(maps(values, "layer"))).convert("RGB"))
    ends = [tuple(int(color[at : at + 2], 16) for at in (1, 3, 5)) for color in (RAMP[0], RAMP[2])]
    tiles = seen[:, : LEFT + 2 * (LARGE + 2 + GAP)]  # the scale at the right has these colours, too
    assert [int((tiles == end).all(axis=2).sum()) for end in ends] == [(LARGE // 2) ** 2] * 2
