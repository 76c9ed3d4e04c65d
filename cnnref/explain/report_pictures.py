"""The pictures of a report: kernels, maps, calibration, mistakes, and where the network looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import plots
from .drawing import draw
from .outputs import activations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .report import Report

#: Kernels and maps of a layer that are drawn; a layer may have thousands.
MOST_TILES = 96
#: Blue below zero, white, orange above: the colours of the page.
RAMP = ("#0b5fa5", "#ffffff", "#b3400a")
BLUE, GRAY = plots.BLUE, plots.GRAY


def draw_all(
    report: Report, model: Any, samples: NDArray[np.uint8], test_images: NDArray[np.uint8] | None
) -> dict[str, bytes]:
    """PNG files by their names, in the order in which the text shows them."""
    pictures = {"architecture.png": draw(report.layers, report.name)}
    for name in report.kernels:
        pictures[f"kernels-{_plain(name)}.png"] = kernels(np.asarray(model.get_layer(name).kernel), name)
    found = activations(model, samples[0], report.maps) if report.maps else {}
    for name, values in found.items():
        pictures[f"maps-{_plain(name)}.png"] = maps(values, name)
    pictures["why.png"] = why(report, samples)
    if report.test and test_images is not None:
        confusion = np.array(report.test.confusion, np.int64)
        title = f"{report.name} on {report.test.images:,} test pictures"
        pictures["confusion.png"] = plots.confusion_matrix(confusion, report.labels, title)
        pictures["calibration.png"] = calibration(report)
        if report.test.worst:
            pictures["mistakes.png"] = mistakes(report, test_images)
    return pictures


def _signed() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", RAMP)


def _plain(name: str) -> str:
    return name.replace("/", "-")


def kernels(kernel: NDArray[np.float32], name: str) -> bytes:
    """The kernels [height, width, channels, filters] of a convolution, slice by slice."""
    height, width, channels, filters = kernel.shape
    flat = kernel.transpose(3, 2, 0, 1).reshape(-1, height, width)
    note = f"{filters} kernels of {height}x{width}" + (f", {channels} channels side by side" if channels > 1 else "")
    whole = max(1, MOST_TILES // channels) * channels if channels <= MOST_TILES else MOST_TILES
    across = channels * max(1, 12 // channels) if 1 < channels <= 16 else math.ceil(math.sqrt(min(whole, len(flat))))
    return _grid(flat, f"{name}: {note}", across, whole)


def maps(values: NDArray[np.float32], name: str) -> bytes:
    """The feature maps [height, width, channels] of a layer for one picture."""
    height, width, channels = values.shape
    tiles = np.moveaxis(values, -1, 0)
    return _grid(tiles, f"{name}: {channels} maps of {height}x{width}", math.ceil(math.sqrt(min(MOST_TILES, channels))))


def _grid(tiles: NDArray[np.float32], title: str, across: int, most: int = MOST_TILES) -> bytes:
    """Tiles on one scale that is symmetric about zero."""
    shown = tiles[:most]
    down = math.ceil(len(shown) / across)
    limit = float(np.abs(shown).max()) or 1.0
    figure = plots.new_figure(max(4.0, 0.75 * across + 0.9), max(1.6, 0.75 * down + 0.6))
    axes = figure.subplots(down, across, squeeze=False)
    for one in axes.flat:
        one.axis("off")
    image: Any = None
    for one, tile in zip(axes.flat, shown, strict=False):
        image = one.imshow(tile, cmap=_signed(), vmin=-limit, vmax=limit)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    left_out = f" (the first {most} of {len(tiles):,} are shown)" if len(tiles) > most else ""
    figure.suptitle(title + left_out, fontsize=10, parse_math=False)
    return plots.as_png(figure)


def why(report: Report, samples: NDArray[np.uint8]) -> bytes:
    """For each sample: the picture, Grad-CAM over it, and occlusion over it."""
    columns = len(report.explained)
    figure = plots.new_figure(1.6 * columns + 1.2, 5.2)
    axes = figure.subplots(3, columns, squeeze=False)
    most = max(abs(value) for one in report.explained for row in one.occlusion for value in row) or 1.0
    for column, (one, picture) in enumerate(zip(report.explained, samples, strict=True)):
        gray = picture.astype(np.float64).mean(axis=2)
        axes[0, column].imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
        title = f"{one.predicted}\n{100 * one.probability:.1f} %"
        axes[0, column].set_title(title, fontsize=9, parse_math=False)
        for row, (values, limit) in enumerate(((one.grad_cam, 1.0), (one.occlusion, most)), start=1):
            axes[row, column].imshow(gray, cmap="gray", vmin=0, vmax=255)
            if values is not None:
                _over(axes[row, column], np.array(values), gray.shape, limit)
    for row, name in enumerate(("picture", "Grad-CAM", "occlusion")):
        axes[row, 0].set_ylabel(name, fontsize=9)
    for one in axes.flat:
        one.set_xticks([])
        one.set_yticks([])
        one.spines[:].set_visible(False)
    return plots.as_png(figure)


def _over(axes: Any, values: NDArray[np.float64], shape: tuple[int, ...], limit: float) -> None:
    """Colours over a picture, the clearer the further from zero."""
    height, width = shape
    strength = np.clip(np.abs(values) / limit, 0, 1) ** 0.7 * 0.85
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(
        np.sign(values), cmap=_signed(), vmin=-1, vmax=1, alpha=strength, extent=extent, interpolation="nearest"
    )


def calibration(report: Report) -> bytes:
    """How often the network is right, by how sure it is; below it how many pictures that are."""
    assert report.test is not None
    bins = report.test.bins
    figure = plots.new_figure(4.6, 4.8)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    middles = [(one.low + one.high) / 2 for one in bins]
    width = bins[0].high - bins[0].low
    upper.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle=(0, (4, 3)))
    upper.bar(middles, [one.accuracy for one in bins], width=width * 0.9, color=BLUE)
    upper.plot([one.confidence for one in bins], [one.accuracy for one in bins], "o", color=plots.ORANGE, markersize=4)
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share that is right")
    upper.set_title(f"expected calibration error {100 * report.test.calibration_error:.2f} %", fontsize=10)
    lower.bar(middles, [one.count for one in bins], width=width * 0.9, color=GRAY)
    lower.set(yscale="log", xlabel="probability of the class that is named", ylabel="pictures")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return plots.as_png(figure)


def mistakes(report: Report, images: NDArray[np.uint8]) -> bytes:
    """The test pictures that are wrong with the highest probabilities."""
    assert report.test is not None
    return _named_pictures(
        [images[one.index] for one in report.test.worst],
        [f"{one.predicted} {100 * one.probability:.0f} %\nis {one.label}" for one in report.test.worst],
    )


def _named_pictures(pictures: Sequence[NDArray[np.uint8]], titles: Sequence[str]) -> bytes:
    across = min(10, len(pictures))
    down = math.ceil(len(pictures) / across)
    figure: Figure = plots.new_figure(1.3 * across, 1.75 * down)
    axes = figure.subplots(down, across, squeeze=False)
    for one in axes.flat:
        one.axis("off")
    for one, picture, title in zip(axes.flat, pictures, titles, strict=False):
        one.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
        one.set_title(title, fontsize=8, parse_math=False)
    return plots.as_png(figure)
