"""The picture of accuracy, latency and size: every measured file is on it, and nothing that was not measured."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cnnref.errors import InputError
from cnnref.explain.drawing.network import FORMS
from cnnref.explain.drawing.tradeoff import COLORS, draw_tradeoff
from cnnref.pictures import read_picture
from cnnref.runtimes import Timing
from cnnref.runtimes.report import measured_accuracy


def timing(file: Any, form: Any, size: Any, p50: Any, **more: Any) -> Any:
    return Timing(
        file, form, "float32", size, 1.0, p50, p50, None if p50 is None else 900 / p50, 50, 2, "A CPU", **more
    )


KERAS = timing("model.keras", "keras", 300_000, 0.9, by="Keras", of_keras=1.0)
TIMINGS = [
    timing("model.onnx", "onnx", 250_000, 0.03),
    timing("model.int8.onnx", "onnx", 72_000, 0.035),
    timing("model.tflite", "tflite", 252_000, 0.018),
    timing("model.int8.tflite", "tflite", 71_000, 0.013),
    timing("saved_model", "saved_model", 290_000, 0.32),
]
ACCURACY = {"model.onnx": 0.9947, "model.int8.onnx": 0.9945, "model.tflite": 0.9947, "model.int8.tflite": 0.9943}


def written(svg: Any) -> Any:
    """What is written on an SVG: Matplotlib leaves each text beside its outlines."""
    return [line.strip()[5:-4] for line in svg.decode().splitlines() if line.strip().startswith("<!-- ")]


def drawn(timings: Any = TIMINGS, accuracy: Any = ACCURACY) -> Any:
    return written(draw_tradeoff(timings, accuracy, "lenet5-mnist", "svg"))


def test_what_chance_may_do_is_drawn_and_the_axis_is_as_long() -> None:
    plain = draw_tradeoff(TIMINGS, ACCURACY, "lenet5-mnist", "svg")
    lined = draw_tradeoff(TIMINGS, ACCURACY, "lenet5-mnist", "svg", images=100)
    assert "95 % interval on 100 images" in " ".join(written(lined))
    assert lined.count(b"<path") > plain.count(b"<path")


@pytest.mark.parametrize("form", FORMS)
def test_the_picture_has_the_same_bytes_each_time(form: Any) -> None:
    content = draw_tradeoff([*TIMINGS, KERAS], ACCURACY, "lenet5-mnist", form)
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form])
    assert draw_tradeoff([*TIMINGS, KERAS], ACCURACY, "lenet5-mnist", form) == content
    assert len(content) < 500_000


def test_each_measured_file_is_named_with_its_numbers() -> None:
    words = drawn()
    assert words.count("lenet5-mnist") == 1
    for file in ACCURACY:
        assert words.count(file) == 1
    assert "72.0 kB, 0.035 ms, 99.45 %" in words
    assert any("2 threads on A CPU" in line for line in words)


def test_a_file_without_accuracy_or_time_is_left_out() -> None:
    slow = [timing("model.dynamic.tflite", "tflite", 70_000, None)]
    words = drawn(TIMINGS + slow, ACCURACY | {"model.dynamic.tflite": 0.99})
    assert "saved_model" not in words
    assert "model.dynamic.tflite" not in words
    assert "SavedModel" not in words  # nor is its colour explained
    assert {"ONNX", "TFLite"} <= set(words)


def test_of_the_peers_only_keras_itself_is_drawn_and_only_if_it_was_timed() -> None:
    peer = timing("ONNX", "onnx", 280_000, 0.04, by="torch", of_keras=0.04)
    assert "Keras itself" in drawn([*TIMINGS, KERAS, peer])
    assert "Keras itself" not in drawn([*TIMINGS, peer])
    assert len(drawn([*TIMINGS, KERAS, peer])) <= len(drawn([*TIMINGS, KERAS])) + 1  # a tick may come or go


def test_formats_have_their_colours() -> None:
    png = draw_tradeoff(TIMINGS, ACCURACY | {"saved_model": 0.9947}, "lenet5-mnist")
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    pixels = read_picture(png, height, width, 3).astype(int)
    for color in COLORS.values():
        wanted = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)])
        assert (np.abs(pixels - wanted).max(axis=2) < 12).sum() > 50


def test_a_larger_file_has_a_larger_bubble() -> None:
    def blue(size: Any) -> Any:
        pair = [timing("model.onnx", "onnx", size, 0.03), timing("model.tflite", "tflite", 1_000_000, 0.3)]
        png = draw_tradeoff(pair, {"model.onnx": 0.9, "model.tflite": 0.9}, "x")
        width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
        pixels = read_picture(png, height, width, 3).astype(int)
        return int((pixels[..., 2] - pixels[..., 0] > 40).sum())

    # A legend's dot and the rims do not grow with the area.
    assert blue(800_000) > 2.5 * blue(200_000)


def test_no_axis_goes_beyond_all_images() -> None:
    ticks = drawn(accuracy=dict.fromkeys(ACCURACY, 1.0))
    assert "100.0" in ticks
    assert not any(line.replace(".", "").isdigit() and float(line) > 100 for line in ticks)


def test_one_file_and_many_with_the_same_numbers_can_be_drawn() -> None:
    assert "model.onnx" in drawn(TIMINGS[:1])
    same = [timing(f"model.{number}.onnx", "onnx", 1000, 0.02) for number in range(6)]
    words = drawn(same, {one.file: 0.5 for one in same})
    assert all(one.file in words for one in same)


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(InputError, match="No file of lenet5-mnist has both"):
        drawn(accuracy={"model.keras": 0.99})


def bundle(folder: Any, report: Any = None) -> Any:
    if report is not None:
        (folder / "report.json").write_text(report if isinstance(report, str) else json.dumps(report))
    return SimpleNamespace(folder=folder, artifacts={})


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (None, {}),
        ({"verification": {}}, {}),
        ({"accuracy": {"images": 100, "files": {"model.onnx": 0.5}}}, {"model.onnx": 0.5}),
        (
            {
                "checks": [
                    {"file": "model.onnx", "test": {"accuracy": 0.75, "images": 4}},
                    {"file": "model.tflite", "test": None},
                    {"file": "labels.txt"},
                ]
            },
            {"model.onnx": 0.75},
        ),
    ],
)
def test_accuracies_are_read_where_they_were_measured(tmp_path: Path, report: Any, expected: Any) -> None:
    assert measured_accuracy(bundle(tmp_path, report)) == expected


@pytest.mark.parametrize(
    "report", ["{", "[]", '{"checks": [{"test": {"images": 1}}]}', '{"checks": [{"file": "x", "test": 1}]}']
)
def test_a_damaged_report_is_named(tmp_path: Path, report: Any) -> None:
    with pytest.raises(InputError, match=r"report\.json cannot be read .*run `cnnref verify"):
        measured_accuracy(bundle(tmp_path, report))
