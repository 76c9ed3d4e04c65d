"""The figure of results: the accuracy of each recipe against the CPU minutes of a run, beside publications."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...files import read_text
from ...plots import BLUE, GRAY, ORANGE, as_png, new_figure, style
from .seeds import DAMAGED, read_seeds


@dataclass(frozen=True)
class Point:
    """How accurate a network becomes, and for how much.

    Attributes:
        name: recipe or program.
        minutes: of one run on one CPU core; those on two threads count twice.
        accuracy: on the test set, in percent; the mean where there are several seeds, None where it is not known.
        views: the same with test-time views.
        anchor: whether it is the program of a publication, and no recipe of this package.
    """

    name: str
    minutes: float
    accuracy: float | None
    views: float | None = None
    anchor: bool = False


def points_of(timed: Path, folders: Iterable[Path]) -> list[Point]:
    """The points of what `scripts/benchmarks/anchors.py --json` timed in one run, so that their minutes compare.

    Args:
        timed: the file that it printed.
        folders: bundles, whose logs say how accurate the recipes are; those that were not timed are left out.

    Raises:
        InputError: the file cannot be read or is none of that program, or it has a recipe without a bundle.
    """
    seeds = {folder.name: read_seeds(folder / "training") for folder in folders}
    try:
        document = json.loads(read_text(timed, "file of anchors"))
        found = []
        for name, facts in document["programs"].items():
            minutes, known = document["threads"] * facts["minutes"], facts["accuracy"]
            if known is None:
                found.append(Point(name, minutes, seeds[name]["mean"], seeds[name].get("views_mean")))
            else:
                single, views = (None, known) if facts["views"] else (known, None)
                found.append(Point(name, minutes, single, views, anchor=True))
    except DAMAGED as error:
        raise InputError(f"{timed} is no file of anchors ({error!r}); anchors.py makes one.") from None
    return found


@style()
def results_figure(points: Sequence[Point]) -> bytes:
    """A PNG: circles are accuracies of single views, triangles those with test-time views, gray the anchors."""
    from matplotlib.ticker import LogLocator

    figure = new_figure(7.5, 4.4)
    axes = figure.subplots()
    for point in points:
        known = [(value, marker) for value, marker in ((point.accuracy, "o"), (point.views, "^")) if value is not None]
        axes.plot([point.minutes] * len(known), [value for value, _ in known], color=GRAY, linewidth=0.8)
        for value, marker in known:
            color = GRAY if point.anchor else ORANGE if marker == "^" else BLUE
            axes.plot(point.minutes, value, marker, color=color)
        at, (shift, side) = (point.minutes, known[0][0]), (7, "left") if point.anchor else (-7, "right")
        axes.annotate(point.name, at, (shift, -3), textcoords="offset points", fontsize=9, ha=side)
    for name, marker, color in (("one view", "o", BLUE), ("test-time views", "^", ORANGE), ("published", "o", GRAY)):
        axes.plot([], [], marker, color=color, label=name)
    axes.set(xscale="log", xlabel="CPU minutes of a run", ylabel="test accuracy in %")
    axes.margins(y=0.1)
    minutes = [point.minutes for point in points]
    axes.set_xlim(min(minutes) / 2.5, 5 * max(minutes))  # room for the names
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return as_png(figure)
