"""A network as a picture for a talk: volumes in oblique projection, and between them the operations.

Height, width and channels of every box are to one logarithmic scale, so that 224x224x3 and 1x1x1000 share a page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...arithmetic import wording as words
from ...plots import style
from .folding import Volume, fold, operations_of
from .layout import INDENT, LINE_HEIGHT, MARGIN, NAME_SIZE, WIDTH, Page, fit_text, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...arithmetic import LayerRow

#: File endings that can be drawn, and what Matplotlib would else write into each: dates and its version.
FORMS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

#: Okabe and Ito's colours, which colour-blind people can tell apart.
COLORS = {
    words.INPUT: "#8a8a8a",
    words.CONVOLUTION: "#0072B2",
    words.POOLING: "#E69F00",
    words.DENSE: "#009E73",
    words.JOINING: "#CC79A7",
    words.OTHER: "#bdbdbd",
}
IN_BLOCKS = "#56B4E9"
DPI = 100
INK, PALE = "#222222", "#666666"


@style()
def draw(rows: Sequence[LayerRow], name: str, form: str = "png") -> bytes:
    """The rows of `layer_table` as a picture 1600 pixels wide; the same bytes for the same rows.

    Args:
        rows: of one model.
        name: the title.
        form: "png", "svg" or "pdf".
    """
    from matplotlib.figure import Figure

    volumes = fold(rows)
    page = Page(volumes)
    figure = Figure(figsize=(WIDTH, page.height), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, page.height))
    axes.axis("off")
    _title(axes, rows, volumes, name, page.height)
    _PageDrawing(axes, page).draw()
    _legend(axes, volumes)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=FORMS[form])
    return stream.getvalue()


class _PageDrawing:
    """Draws a page into axes whose unit is the inch."""

    def __init__(self, axes: Axes, page: Page) -> None:
        self.axes, self.page = axes, page
        self.volumes, self.places, self.boxes = page.volumes, page.places, page.boxes

    def draw(self) -> None:
        """Draw every volume with its labels, and the operation that leads to it."""
        for index, volume in enumerate(self.volumes):
            self._box(index)
            self._labels(index)
            if index - 1 in volume.inputs:
                if self.page.line_of(index - 1) == self.page.line_of(index):
                    self._arrow(index)
                else:
                    self._turn(index)
            elif volume.inputs:  # a branch of its own: an arc or a note says where it comes from
                self._operation(index, self.places[index][0] - self.page.slot / 2, self.places[index][1], 0.8)
        for source, target in self.page.arcs:
            self._arc(source, target)

    def _box(self, index: int) -> None:
        from matplotlib.patches import Polygon

        box, (x, y) = self.boxes[index], self.places[index]
        left, low = x - box.total_width / 2, y - box.total_height / 2
        right, high = left + box.deep, low + box.height
        color = _color(self.volumes[index])
        front = [(left, low), (right, low), (right, high), (left, high)]
        top = [(left, high), (right, high), (right + box.back, high + box.back), (left + box.back, high + box.back)]
        side = [(right, low), (right + box.back, low + box.back), (right + box.back, high + box.back), (right, high)]
        for corners, white in ((front, 0.25), (top, 0.55), (side, 0.0)):
            patch = Polygon(corners, facecolor=_lighter(color, white), edgecolor="white", linewidth=0.8, zorder=3)
            self.axes.add_patch(patch)
        for number in range(1, box.sheets):
            cut = left + box.deep * number / box.sheets
            path = ([cut, cut, cut + box.back], [low, high, high + box.back])
            self.axes.plot(*path, color="white", linewidth=0.5, alpha=0.8, zorder=4)

    def _labels(self, index: int) -> None:
        line = self.page.line_of(index)
        x, top = self.places[index][0], self.page.feet[line] - 0.12
        for number, name in enumerate(self.page.names[index]):
            self._text(x, top - LINE_HEIGHT * number, name, self.page.room, NAME_SIZE, INK, weight="bold", va="top")
        top -= LINE_HEIGHT * (self.page.name_lines[line] + 0.15)
        for number, facts in enumerate(self.page.facts[index]):
            self._text(x, top - LINE_HEIGHT * number, facts, self.page.room, 9, PALE if number else INK, va="top")

    def _arrow(self, target: int) -> None:
        (x, y), (end, _) = self.places[target - 1], self.places[target]
        start = x + self.boxes[target - 1].total_width / 2 + 0.04
        end = end - self.boxes[target].total_width / 2 - 0.04
        self._line([start, end], [y, y])
        self._operation(target, (start + end) / 2, y, end - start)

    def _turn(self, target: int) -> None:
        """From the end of a row to the start of the next: around the right edge and back between the rows."""
        (x, y), (end, low) = self.places[target - 1], self.places[target]
        right = x + self.boxes[target - 1].total_width / 2 + 0.04
        left = end - self.boxes[target].total_width / 2 - 0.04
        edge, start = x + self.page.slot / 2, end - self.page.slot / 2 - INDENT + 0.06
        between_rows = self.page.heads[self.page.line_of(target)] + 0.2
        self._line([right, edge, edge, start, start, left], [y, y, between_rows, between_rows, low, low])
        self._operation(target, (start + left) / 2, low, left - start)

    def _arc(self, source: int, target: int) -> None:
        from matplotlib.patches import FancyArrowPatch

        (start, y), (end, _) = self.places[source], self.places[target]
        above = (y + self.boxes[source].total_height / 2 + 0.04, y + self.boxes[target].total_height / 2 + 0.04)
        bend = -min(0.3, 0.9 / (end - start))
        arc = FancyArrowPatch(
            (start, above[0]), (end, above[1]), connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
            mutation_scale=9, color=PALE, linewidth=1.1, linestyle=(0, (4, 2)), zorder=2,
        )  # fmt: skip
        self.axes.add_patch(arc)

    def _line(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.axes.plot(xs[:-1], ys[:-1], color=PALE, linewidth=1.1, solid_joinstyle="round", zorder=2)
        tip = {"arrowstyle": "-|>", "color": PALE, "linewidth": 1.1, "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0}
        self.axes.annotate("", (xs[-1], ys[-1]), (xs[-2], ys[-2]), arrowprops=tip, zorder=2)

    def _operation(self, target: int, x: float, y: float, room: float) -> None:
        for number, line in enumerate(reversed(operations_of(self.volumes[target]))):
            self._text(x, y + 0.07 + 0.155 * number, line, room + 0.02, 8.5, INK, va="bottom")

    def _text(self, x: float, y: float, text: str, room: float, size: float, color: str, **more: Any) -> None:
        shown, size = fit_text(text, room, size, more.get("weight", "normal"))
        self.axes.text(x, y, shown, fontsize=size, color=color, ha="center", zorder=5, **more)


def _title(axes: Axes, rows: Sequence[LayerRow], volumes: Sequence[Volume], name: str, height: float) -> None:
    layers = sum(words.category_of(row) != words.INPUT for row in rows)
    facts = [
        f"{words.format_count(sum(row.parameters for row in rows))} parameters",
        f"{words.format_count(words.total_macs(rows))} MACs",
        f"{layers:,} layers",
        f"{words.format_shape(volumes[0].output_shape)} to {words.format_shape(volumes[-1].output_shape)}",
    ]
    axes.text(MARGIN, height - 0.16, name, fontsize=18, color=INK, weight="bold", va="top")
    axes.text(MARGIN, height - 0.52, ",  ".join(facts), fontsize=12, color=PALE, va="top")


def _legend(axes: Axes, volumes: Sequence[Volume]) -> None:
    from matplotlib.patches import Rectangle

    found = {_color(volume): _meaning(volume) for volume in volumes}
    x = MARGIN
    for color, meaning in found.items():
        axes.add_patch(Rectangle((x, 0.13), 0.16, 0.14, facecolor=color, edgecolor="none"))
        axes.text(x + 0.22, 0.2, meaning, fontsize=9, color=PALE, va="center")
        x += 0.22 + text_width(meaning, 9) + 0.3
    note = "height x width x channels on a log scale;  sees: pixels of the image that a unit can see"
    axes.text(WIDTH - MARGIN, 0.2, note, fontsize=9, color=PALE, va="center", ha="right")


def _meaning(volume: Volume) -> str:
    in_blocks = volume.category == words.CONVOLUTION and volume.blocks
    names = {words.INPUT: "image", words.OTHER: "flatten", words.JOINING: "sum or concatenation"}
    return "convolutions in blocks" if in_blocks else names.get(volume.category, volume.category)


def _color(volume: Volume) -> str:
    return IN_BLOCKS if volume.category == words.CONVOLUTION and volume.blocks else COLORS[volume.category]


def _lighter(color: str, white: float) -> tuple[float, ...]:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return tuple(part + (1 - part) * white for part in parts)
