"""The noise of every layer of the integer files of a bundle, from the first layer to the last."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...plots import new_figure, style
from .network import FORMS, PALE
from .tradeoff import COLORS, GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...runtimes.layer_noise import LayerNoise

#: Inches, and how many layers may have their names written below.
WIDTH, HEIGHT, NAMED = 11.0, 3.4, 60


@style()
def draw_layer_noise(found: Mapping[str, Sequence[LayerNoise]], name: str, form: str = "png") -> bytes:
    """The signal to quantization noise ratio over the layers, file below file; the same bytes for the same numbers.

    Args:
        found: what `noise_of_layers` found, by file.
        name: the title.
        form: "png", "svg" or "pdf".
    """
    figure = new_figure(WIDTH, HEIGHT * len(found))
    rows = figure.subplots(len(found), squeeze=False)[:, 0]
    for axes, (file, layers) in zip(rows, found.items(), strict=True):
        _line(axes, file, layers)
    figure.suptitle(f"{name}: signal to quantization noise of every layer", fontsize=11)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=FORMS[form])
    return stream.getvalue()


def _line(axes: Axes, file: str, layers: Sequence[LayerNoise]) -> None:
    """One file: a line, hollow points where floats compute, and a ring around the layer that adds the most noise."""
    from ...runtimes.layer_noise import culprit

    color = COLORS[file.rpartition(".")[2]]
    drawn = [(place, layer) for place, layer in enumerate(layers) if math.isfinite(layer.sqnr)]
    axes.plot([place for place, _ in drawn], [layer.sqnr for _, layer in drawn], color=color, linewidth=1)
    for in_floats, face in ((False, color), (True, "white")):
        points = [(place, layer.sqnr) for place, layer in drawn if layer.in_floats == in_floats]
        if points:
            across, up = zip(*points, strict=True)
            axes.scatter(across, up, s=18, color=face, edgecolors=color, zorder=3)
    worst = culprit(layers)
    if worst is not None:
        place = layers.index(worst)
        axes.scatter([place], [worst.sqnr], s=110, facecolors="none", edgecolors="black", zorder=4)
        words, side = f"{worst.tensor} adds the most noise", "left" if place < len(layers) / 2 else "right"
        axes.annotate(words, (place, worst.sqnr), (0, 12), textcoords="offset points", ha=side, fontsize=8)
    axes.set_title(file, fontsize=9, loc="left")
    axes.set(ylabel="dB", xlim=(-0.7, len(layers) - 0.3))
    named = range(len(layers)) if len(layers) <= NAMED else []
    axes.set_xticks(named, [layers[place].tensor for place in named], rotation=90, fontsize=6, color=PALE)
    axes.margins(y=0.25)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
