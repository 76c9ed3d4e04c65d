"""Plots: readable pictures of a sane size, and the same bytes for the same numbers."""

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnnref import plots
from cnnref.errors import printable_lines
from cnnref.pictures import read_picture


def rows(epochs: Any, validation: Any = True) -> Iterator[Any]:
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "loss": 2 / epoch, "accuracy": 1 - 0.5 / epoch, "learning_rate": 0.1, "seconds": epoch}
        yield row | ({"val_loss": 2.1 / epoch, "val_accuracy": 1 - 0.6 / epoch} if validation else {})


def matrix(classes: Any) -> Any:
    counts = np.random.default_rng(0).integers(0, 5, (classes, classes))
    return counts + 100 * np.eye(classes, dtype=np.int64)


def some_predictions(count: Any, channels: Any = 1, classes: Any = 10) -> Any:
    random = np.random.default_rng(0)
    pictures = list(random.integers(0, 256, (count, 28, 28, channels)).astype(np.uint8))
    return pictures, random.dirichlet(np.ones(classes), count), [str(label) for label in range(classes)]


DRAWINGS = {
    "curves": lambda: plots.learning_curves(list(rows(20)), "lenet5-mnist"),
    "curves without validation": lambda: plots.learning_curves(list(rows(20, validation=False)), "title"),
    "curves of one epoch": lambda: plots.learning_curves(list(rows(1)), "title"),
    "confusion of 2": lambda: plots.confusion_matrix(matrix(2), ["no", "yes"], "title"),
    "confusion of 10": lambda: plots.confusion_matrix(matrix(10), [f"class {n}" for n in range(10)], "title"),
    "confusion of 100": lambda: plots.confusion_matrix(matrix(100), [str(n) for n in range(100)], "title"),
    "an empty row": lambda: plots.confusion_matrix(np.diag([3, 0, 5]), ["a", "b", "c"], "title"),
    "one prediction": lambda: plots.predictions(*some_predictions(1)),
    "predictions with the truth": lambda: plots.predictions(*some_predictions(3), truth=["3", "1", "2"]),
    "seven predictions in colour": lambda: plots.predictions(*some_predictions(7, channels=3)),
    "predictions of two classes": lambda: plots.predictions(*some_predictions(2, classes=2)),
}


def pixels(png: Any) -> Any:
    """uint8 [height, width, 3] of a PNG, at its own size."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    assert 200 <= width <= 2500
    assert 200 <= height <= 2500
    return read_picture(png, height, width, 3)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_plot_is_a_picture_with_something_on_it_and_the_same_each_time(name: str) -> None:
    png = DRAWINGS[name]()
    assert len(png) < 500_000
    assert len(np.unique(pixels(png).reshape(-1, 3), axis=0)) > 20
    assert DRAWINGS[name]() == png
    assert b"Software" not in png
    assert b"matplotlib" not in png


def shows(png: Any, color: Any) -> Any:
    """Whether some pixel has a colour of the palette."""
    wanted = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    return bool((pixels(png) == wanted).all(axis=2).any())


def test_the_curve_of_validation_is_drawn_where_there_is_one() -> None:
    assert shows(DRAWINGS["curves"](), plots.ORANGE)
    assert shows(DRAWINGS["curves"](), plots.BLUE)
    assert shows(DRAWINGS["curves without validation"](), plots.ORANGE)
    assert not shows(DRAWINGS["curves without validation"](), plots.BLUE)


def test_a_perfect_epoch_can_be_drawn() -> None:
    perfect = [{**row, "accuracy": 1.0, "val_accuracy": 1.0} for row in rows(3)]
    assert pixels(plots.learning_curves(perfect, "title")).std() > 0


def test_another_matrix_is_another_picture() -> None:
    labels = ["a", "b", "c"]
    one, other = np.diag([9, 9, 9]), np.diag([9, 9, 9])[::-1]
    assert plots.confusion_matrix(one, labels, "title") != plots.confusion_matrix(other, labels, "title")


def test_more_classes_than_have_room_for_counts_have_their_names() -> None:
    names = [f"species {n}" for n in range(21)]
    renamed = plots.confusion_matrix(matrix(21), [*names[:-1], "another"], "title")
    assert plots.confusion_matrix(matrix(21), names, "title") != renamed


def test_a_prediction_too_few_is_an_error() -> None:
    pictures, scores, labels = some_predictions(3)
    with pytest.raises(ValueError, match="shorter"):
        plots.predictions(pictures, scores[:2], labels)


HOSTILE = [r"$\frac$", "$x$ and $y", "a\\b\nc", "größer & <狗>", "x" * 80]


def hostile_drawings() -> list[bytes]:
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8))
    scores = np.random.default_rng(1).dirichlet(np.ones(5), 5)
    return [
        plots.learning_curves(list(rows(3)), r"$\frac$"),
        plots.confusion_matrix(matrix(5), HOSTILE, "$x$ $"),
        plots.predictions(pictures, scores, HOSTILE),
    ]


@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout not applied")
def test_names_with_dollars_and_backslashes_are_drawn_as_they_are() -> None:
    for drawing in hostile_drawings():
        assert drawing.startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout not applied")
def test_settings_of_the_user_change_no_byte(tmp_path: Path) -> None:
    import matplotlib as mpl

    settings = {
        "font.size": 20,
        "axes.facecolor": "black",
        "savefig.dpi": 50,
        "axes.grid": True,
        "font.family": "serif",
    }
    (tmp_path / "matplotlibrc").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    before = hostile_drawings()
    with mpl.rc_context(settings):
        assert hostile_drawings() == before
        assert mpl.rcParams["font.size"] == 20  # drawing leaves the settings as they were
    program = (
        "import hashlib, matplotlib, test_plots\n"
        "assert matplotlib.rcParams['font.size'] == 20\n"
        "for drawing in test_plots.hostile_drawings(): print(hashlib.sha256(drawing).hexdigest())"
    )
    environment = os.environ | {"MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == [hashlib.sha256(drawing).hexdigest() for drawing in before]


@settings(max_examples=8, deadline=None)
@given(st.text(st.characters(), max_size=8))
@example("cost $_$ high")
@example("$\\frac{")
@example("half\ud800")
@example("a\x1b[2J\x00")
def test_any_text_is_drawn_as_it_is_shown_elsewhere(text: str) -> None:
    with plots.style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure = plots.new_figure(2, 1)
        figure.set_layout_engine("none")
        drawn = figure.text(0, 0.5, text)
        axes = figure.subplots()
        axes.set_xticks([0], [text])
        assert plots.as_png(figure).startswith(b"\x89PNG")
    assert drawn.get_text() == printable_lines(text)
    assert axes.get_xticklabels()[0].get_text() in (text, printable_lines(text))
