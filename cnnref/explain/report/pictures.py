"""The pictures of a report: kernels, maps, confusion, calibration, mistakes, and where the network looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import plots
from ...arithmetic.graph import calls_by_name, trace
from ...stored_pictures import ImageSource
from ..attribution.activations import activations
from ..drawing.layout import SMALLEST, fit_text
from ..drawing.network import draw
from .grids import depthwise_kernels, kernels, maps, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .contents import Report

#: Inches of a picture in a row, between two, around them, and for what is written above and below.
PICTURE, BETWEEN, AROUND = 1.3, 0.12, 0.1
ABOVE, BELOW = 0.34, 0.22
#: Pictures side by side.
ACROSS = 10
PALE = "#666666"
#: Where no place matters more than this, the colours stay pale.
FAINT = 0.01


@plots.style()
def draw_all(
    report: Report, model: Any, samples: NDArray[np.uint8], test_images: ImageSource | None
) -> dict[str, bytes]:
    """PNG files by their names; `samples` are the pictures that the report explains."""
    pictures = {"architecture.png": draw(report.layers, report.name)}
    calls = calls_by_name(trace(model).calls) if report.kernels else {}
    for drawn in report.kernels:
        layer = calls[drawn.layer].operation
        grid = depthwise_kernels if hasattr(layer, "depth_multiplier") else kernels
        pictures[drawn.file] = grid(_numbers(layer.kernel), drawn.layer)
    if report.maps:
        found = activations(model, samples[0], [drawn.layer for drawn in report.maps])
        pictures |= {drawn.file: maps(found[drawn.layer], drawn.layer) for drawn in report.maps}
    pictures["why.png"] = why(report, samples)
    if report.test and test_images is not None:
        pictures |= _of_test(report, test_images)
    return pictures


def _of_test(report: Report, images: ImageSource) -> dict[str, bytes]:
    assert report.test is not None
    title = f"{_cut(report.name, 2.5, 10)} on {report.test.images:,} test pictures"
    names = [_cut(label, 1.2, 8, f"class {index}") for index, label in enumerate(report.labels)]
    pictures = {"confusion.png": plots.confusion_matrix(np.array(report.test.confusion), names, title)}
    if report.test.bins:
        pictures["calibration.png"] = calibration(report)
    if report.test.worst:
        pictures["mistakes.png"] = mistakes(report, images)
    return pictures


def _numbers(weight: Any) -> NDArray[np.float32]:
    from ...environment import keras

    return np.asarray(keras.ops.convert_to_numpy(weight), np.float32)


def _cut(text: str, room: float, size: float, instead: str = "?") -> str:
    """A text cut to so many inches; `instead` where the font lacks one of its characters."""
    from matplotlib.font_manager import findfont, get_font

    text = " ".join(text.split())
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    if not all(ord(sign) in known for sign in text):
        return instead
    return fit_text(text, room, size / SMALLEST, "normal")[0]


def _rows(
    rows: int, columns: int, above: float, below: float, *, left: float = AROUND, first: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of empty axes for pictures, with `above` and `below` inches for text around each.

    There are `first` more inches above the first row.
    """
    width = left + columns * PICTURE + (columns - 1) * BETWEEN + AROUND
    step = above + PICTURE + below
    height = first + AROUND + rows * step
    figure = plots.new_figure(width, height)
    figure.set_layout_engine("none")
    places = []
    for row in range(rows):
        low = height - first - (row + 1) * step + below - AROUND / 2
        lefts = [left + column * (PICTURE + BETWEEN) for column in range(columns)]
        boxes = [(x / width, low / height, PICTURE / width, PICTURE / height) for x in lefts]
        places.append([figure.add_axes(box) for box in boxes])
    for axes in (one for row_of in places for one in row_of):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure, places


def _show(axes: Axes, picture: NDArray[np.uint8]) -> None:
    axes.imshow(picture.squeeze(axis=2) if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)


def why(report: Report, samples: NDArray[np.uint8]) -> bytes:
    """For each sample: the picture, Grad-CAM over it, and occlusion over it."""
    columns = report.explained
    kinds = ["picture", *["Grad-CAM"] * any(one.grad_cam for one in columns), "occlusion"]
    figure, places = _rows(len(kinds), len(columns), BETWEEN, BELOW, left=0.35, first=0.12)
    index_of = {label: index for index, label in enumerate(report.labels)}
    for column, (one, picture) in enumerate(zip(columns, samples, strict=True)):
        shown = dict(zip(kinds, (row[column] for row in places), strict=True))
        _show(shown["picture"], picture)
        name = one.predicted if one.label in (None, one.predicted) else f"{one.predicted} (true: {one.label})"
        name = _cut(name, PICTURE, 9, f"class {index_of[one.predicted]}")
        shown["picture"].set_title(name, fontsize=9, pad=4)
        shown["picture"].set_xlabel(report.amount(one.probability), fontsize=8, color=PALE, labelpad=3)
        if one.grad_cam:
            _over(shown["Grad-CAM"], picture, np.array(one.grad_cam))
        elif "Grad-CAM" in shown:
            shown["Grad-CAM"].set_xlabel("no maps", fontsize=8, color=PALE, labelpad=3)
        falls = np.array(one.occlusion)
        _over(shown["occlusion"], picture, falls)
        shown["occlusion"].set_xlabel(f"falls by {max(0, falls.max()):.3f}", fontsize=8, color=PALE, labelpad=3)
    for name, row in zip(kinds, places, strict=True):
        row[0].set_ylabel(name, fontsize=9)
    return plots.as_png(figure)


def _over(axes: Axes, picture: NDArray[np.uint8], values: NDArray[np.float64]) -> None:
    """Colours over a pale picture; values further from zero have stronger colours."""
    height, width = picture.shape[:2]
    gray = picture.astype(np.float64).mean(axis=2)
    axes.imshow(gray, cmap="gray", vmin=-255, vmax=255)  # colours do not show on black
    strength = np.abs(values) / max(np.abs(values).max(), FAINT)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    look = {"cmap": signed(), "vmin": -1, "vmax": 1, "extent": extent, "interpolation": "nearest"}
    axes.imshow(np.sign(values), alpha=strength**0.7 * 0.85, **look)


def calibration(report: Report) -> bytes:
    """How often the network is right, by how sure it is; below it how many pictures that are."""
    from matplotlib.ticker import LogLocator, NullLocator

    assert report.test is not None
    assert report.test.calibration_error is not None
    bins = report.test.bins
    figure = plots.new_figure(4.6, 4.8)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    middles = [(one.low + one.high) / 2 for one in bins]
    width = bins[0].high - bins[0].low
    upper.plot([0, 1], [0, 1], color=plots.GRAY, linewidth=1, linestyle=(0, (4, 3)))
    upper.bar(middles, [one.accuracy for one in bins], width=width * 0.9, color=plots.BLUE)
    dots = ([one.confidence for one in bins], [one.accuracy for one in bins])
    upper.plot(*dots, "o", color=plots.ORANGE, markersize=4, clip_on=False, zorder=3)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is right")
    upper.set_title(f"expected calibration error {100 * report.test.calibration_error:.2f} %", fontsize=10)
    lower.bar(middles, [one.count for one in bins], width=width * 0.9, color=plots.GRAY)
    most = 10 ** math.ceil(math.log10(max(2, *(one.count for one in bins))))
    lower.set(yscale="log", ylim=(0.8, most), xlabel="probability of the class that is named", ylabel="pictures")
    lower.yaxis.set_major_locator(LogLocator(base=100))
    lower.yaxis.set_minor_locator(NullLocator())
    lower.yaxis.set_major_formatter("{x:,.0f}")
    figure.align_ylabels()
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return plots.as_png(figure)


def mistakes(report: Report, images: ImageSource) -> bytes:
    """The test pictures that are wrong with the highest probabilities, and their places in the test set."""
    assert report.test is not None
    worst: Sequence[Any] = report.test.worst
    columns = min(ACROSS, len(worst))
    figure, places = _rows(math.ceil(len(worst) / columns), columns, ABOVE, BELOW)
    index_of = {label: index for index, label in enumerate(report.labels)}
    flat = [axes for row in places for axes in row]
    for axes, one in zip(flat, worst, strict=False):
        _show(axes, images[one.index])
        said, true = (
            _cut(label, PICTURE - 0.15, 8, f"class {index_of[label]}") for label in (one.predicted, one.label)
        )
        axes.set_title(f"says {said}\ntrue: {true}", fontsize=8, pad=4)
        axes.set_xlabel(f"{report.amount(one.probability)}, no. {one.index}", fontsize=7, color=PALE, labelpad=3)
    for axes in flat[len(worst) :]:
        axes.set_axis_off()
    return plots.as_png(figure)
