"""One picture of a bundle: accuracy against latency against size, for whoever has to choose a file."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...arithmetic.wording import format_count
from ...errors import InputError
from ...plots import style
from .labels import Box, Bubble, Label, place_labels
from .layout import text_width
from .network import FORMS, INK, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...runtimes import Timing

#: Okabe and Ito's colours, as in the drawings of networks: one a format, told apart without seeing red or green.
COLORS = {"onnx": "#0072B2", "tflite": "#D55E00", "saved_model": "#009E73"}
NAMES = {"onnx": "ONNX", "tflite": "TFLite", "saved_model": "SavedModel"}
GRID = "#e4e4e4"

#: Inches: the page, and the room in it that the axes take (left, low, width, height).
WIDTH, HEIGHT, DPI = 9.6, 6.0, 160
AXES = (0.95, 0.8, 8.4, 4.2)
#: Radius in inches of the largest bubble.
LARGEST = 0.34
NAME_SIZE, FACT_SIZE = 9.5, 8.0
#: Percentage points that the accuracy axis spans at least: a hundredth of a point must not look like a cliff.
LEAST_POINTS = 0.8
#: The latency axis spans at least this factor.
LEAST_FACTOR = 8.0


@style()
def draw_tradeoff(
    timings: Sequence[Timing], accuracy: Mapping[str, float], name: str, form: str = "png", images: int = 0
) -> bytes:
    """The files of a bundle as bubbles; the same bytes for the same numbers.

    Args:
        timings: what `benchmark` found. Peers are not drawn, but for Keras itself as a line.
        accuracy: from 0 to 1, by file; a file without one is not drawn.
        name: the title.
        form: "png", "svg" or "pdf".
        images: how many the accuracy was measured on. Where that is known, a line through each bubble is the 95 %
            interval of the accuracy on other images of the kind, and the axis is at least that long.

    Raises:
        InputError: no file has both a latency and an accuracy.
    """
    from matplotlib.figure import Figure

    drawn = [timing for timing in timings if not timing.peer and timing.p50_ms and timing.file in accuracy]
    if not drawn:
        raise InputError(f"No file of {name} has both a latency and an accuracy, so there is nothing to draw.")
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
    left, low, width, height = AXES
    axes = figure.add_axes((left / WIDTH, low / HEIGHT, width / WIDTH, height / HEIGHT))
    page = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT), facecolor="none")
    page.axis("off")
    keras = next((timing.p50_ms for timing in timings if timing.format == "keras"), None)
    spread = {
        timing.file: 196 * math.sqrt(accuracy[timing.file] * (1 - accuracy[timing.file]) / images) if images else 0.0
        for timing in drawn
    }
    scales = _Scales(drawn, accuracy, keras, spread)
    scales.dress(axes)
    taken = [_corner(page)]
    if keras:
        taken.append(_keras_line(page, scales.across(keras)))
    _intervals(page, drawn, accuracy, spread, scales)
    _bubbles(page, drawn, accuracy, scales, taken)
    _heading(page, drawn, name, images)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=FORMS[form])
    return stream.getvalue()


class _Scales:
    """From milliseconds and percent to inches on the page."""

    def __init__(
        self,
        drawn: Sequence[Timing],
        accuracy: Mapping[str, float],
        keras: float | None,
        spread: Mapping[str, float],
    ) -> None:
        times = [math.log10(time) for time in (keras, *(timing.p50_ms for timing in drawn)) if time]
        middle = [(100 * accuracy[timing.file], spread[timing.file]) for timing in drawn]
        points = [end for percent, half in middle for end in (percent - half, percent + half)]
        self.times = _widened(times, math.log10(LEAST_FACTOR))
        self.points = _widened(points, LEAST_POINTS)

    def across(self, milliseconds: float) -> float:
        return AXES[0] + AXES[2] * _share(math.log10(milliseconds), self.times)

    def up(self, percent: float) -> float:
        return AXES[1] + AXES[3] * _share(percent, self.points)

    def dress(self, axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

        axes.set(xscale="log", xlim=[10**end for end in self.times])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        whole = MaxNLocator(6, steps=[1, 2, 5, 10])
        ticks = [tick for tick in whole.tick_values(*self.points) if tick <= 100 and self.points[0] <= tick]
        axes.set_yticks(ticks)
        axes.set_ylim(self.points)
        axes.set_xlabel("milliseconds for one picture (median)", color=PALE, fontsize=9.5, labelpad=7)
        axes.set_ylabel("test images classified correctly, in %", color=PALE, fontsize=9.5, labelpad=9)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", length=0, colors=PALE, labelsize=9, pad=6)
        axes.spines[:].set_visible(False)


def _widened(numbers: Sequence[float], least: float) -> tuple[float, float]:
    """Both ends of an axis: the numbers in the middle, with room for bubbles and labels on either side."""
    middle, span = (min(numbers) + max(numbers)) / 2, max(max(numbers) - min(numbers), 0.55 * least)
    return middle - 0.72 * span, middle + 0.72 * span


def _share(number: float, ends: tuple[float, float]) -> float:
    return (number - ends[0]) / (ends[1] - ends[0])


def _intervals(
    page: Axes,
    drawn: Sequence[Timing],
    accuracy: Mapping[str, float],
    spread: Mapping[str, float],
    scales: _Scales,
) -> None:
    """A line for what chance alone may move each accuracy by, behind the bubbles."""
    for timing in drawn:
        x, percent, half = scales.across(timing.p50_ms or 0), 100 * accuracy[timing.file], spread[timing.file]
        ends = [scales.up(percent - half), scales.up(min(percent + half, 100))]
        if half:
            page.plot([x, x], ends, color=COLORS[timing.format], linewidth=1, alpha=0.5)


def _bubbles(
    page: Axes, drawn: Sequence[Timing], accuracy: Mapping[str, float], scales: _Scales, taken: Sequence[Box]
) -> None:
    from matplotlib.patches import Circle

    largest = max(timing.bytes for timing in drawn)
    spots, texts = [], []
    for timing in drawn:
        fact = f"{format_count(timing.bytes)}B, {timing.p50_ms:.3g} ms, {100 * accuracy[timing.file]:.2f} %"
        width = max(text_width(timing.file, NAME_SIZE, "bold"), text_width(fact, FACT_SIZE))
        place_x, place_y = scales.across(timing.p50_ms or 0), scales.up(100 * accuracy[timing.file])
        spots.append(Bubble(place_x, place_y, LARGEST * math.sqrt(timing.bytes / largest), width, 0.31))
        texts.append((timing.file, fact))
    left, low, width, height = AXES
    labels = place_labels(spots, (left + 0.05, low + 0.05, left + width, low + height), taken)
    # Small ones in front of large ones.
    for spot, timing in sorted(zip(spots, drawn, strict=True), key=lambda pair: -pair[0].radius):
        color = COLORS[timing.format]
        page.add_patch(Circle((spot.x, spot.y), spot.radius, facecolor=color, alpha=0.3, linewidth=0))
        page.add_patch(Circle((spot.x, spot.y), spot.radius, facecolor="none", edgecolor=color, linewidth=1.3))
    for spot, label, (file, fact), timing in zip(spots, labels, texts, drawn, strict=True):
        if label.leader:
            page.plot(*zip(label.leader, (spot.x, spot.y), strict=True), color=COLORS[timing.format], linewidth=0.8)
            page.plot([spot.x], [spot.y], color=COLORS[timing.format], marker="o", markersize=3)
        _label(page, label, file, fact)


def _label(page: Axes, label: Label, file: str, fact: str) -> None:
    # White behind the letters, so that the line of an interval strikes nothing out.
    near: dict[str, Any] = {
        "ha": "center",
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
    }
    page.text(label.x, label.y + 0.01, file, fontsize=NAME_SIZE, weight="bold", color=INK, va="bottom", **near)
    page.text(label.x, label.y - 0.01, fact, fontsize=FACT_SIZE, color=PALE, va="top", **near)


def _keras_line(page: Axes, x: float) -> Box:
    """Draw it, and return what it takes."""
    _, low, _, height = AXES
    page.plot([x, x], [low, low + height], color=PALE, linewidth=1, linestyle=(0, (1, 2.5)))
    page.text(
        x - 0.06, low + height - 0.05, "Keras itself", fontsize=8.5, color=PALE, rotation=90, ha="right", va="top"
    )
    return (x - 0.2, low, x, low + height)


def _corner(page: Axes) -> Box:
    """Say which corner is the good one, and return what the words take."""
    left, top, note = AXES[0] + 0.08, AXES[1] + AXES[3] - 0.05, "faster, more often right"
    page.text(left, top, note, fontsize=8.5, color=PALE, style="italic", va="top")
    return (left, top - 0.15, left + text_width(note, 8.5), top)


def _heading(page: Axes, drawn: Sequence[Timing], name: str, images: int) -> None:
    left, _, width, _ = AXES
    threads = drawn[0].threads
    facts = f"{threads} thread{'s' * (threads > 1)} on {drawn[0].cpu};  the area of a bubble is the size of the file"
    facts += f";  lines: 95 % interval on {images:,} images" * bool(images)
    page.text(left, HEIGHT - 0.2, name, fontsize=16, weight="bold", color=INK, va="top")
    page.text(left, HEIGHT - 0.56, facts, fontsize=9.5, color=PALE, va="top")
    x = left + width
    for form in reversed([form for form in COLORS if any(timing.format == form for timing in drawn)]):
        x -= text_width(NAMES[form], 9.5)
        page.text(x, HEIGHT - 0.36, NAMES[form], fontsize=9.5, color=INK, va="center")
        page.plot([x - 0.13], [HEIGHT - 0.36], marker="o", markersize=8, color=COLORS[form], alpha=0.85)
        x -= 0.42
