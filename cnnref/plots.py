"""Plots as PNG bytes: learning curves, confusion matrix, predictions. Drawn without a display, the same each time."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import printable_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A confusion matrix of more classes has their numbers instead of their names.
NAMED = 100

BLUE, ORANGE, GRAY = "#2f6fb2", "#d9822b", "#6b7280"


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw with Matplotlib's own defaults inside the block, or inside a function that is decorated with `@style()`.

    The settings of the user, such as a matplotlibrc file, would change the bytes of a picture. Names of classes, layers
    and models come from outside: no text is read as a formula, whatever dollars and backslashes it has, and each is
    made printable as Matplotlib takes it, for half a character would end the drawing.
    """
    import matplotlib as mpl
    from matplotlib.text import Text

    take = Text.set_text

    def take_printable(self: Text, s: Any) -> None:
        take(self, printable_lines("" if s is None else str(s)))

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["text.parse_math"] = False
        mpl.rcParams["svg.hashsalt"] = "cnnref"  # the names inside an SVG file would be random
        Text.set_text = take_printable  # type: ignore[method-assign]
        try:
            yield
        finally:
            Text.set_text = take  # type: ignore[method-assign]


@style()
def learning_curves(rows: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Loss and error over the epochs; `rows` are those of metrics.csv (values of 0..1 for accuracy)."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure = new_figure(9, 3.6)
    loss, error = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for key, name, color in (("", "training (distorted pictures)", ORANGE), ("val_", "validation", BLUE)):
        if f"{key}loss" in rows[0]:
            loss.plot(epochs, [row[f"{key}loss"] for row in rows], color=color, label=name)
            error.plot(epochs, [100 * (1 - row[f"{key}accuracy"]) for row in rows], color=color, label=name)
    loss.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    error.set(xlabel="epoch", ylabel="error in %")
    if any(line.get_ydata().max() > 0 for line in error.lines):  # all right from the start has no logarithm
        error.set_yscale("log")
    for axes in (loss, error):
        if axes.get_yscale() == "log":
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
    loss.legend(frameon=False)
    figure.suptitle(title, fontsize=11)
    return as_png(figure)


@style()
def compared_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """The learning curves of several runs, one colour a run; `runs` has the rows of metrics.csv by name.

    A run's error is that of its validation pictures where it has some, and of its training pictures otherwise.
    """
    figure = new_figure(9, 4.2)
    loss, error = figure.subplots(1, 2)
    for number, (name, rows) in enumerate(runs.items()):
        if not rows:
            continue
        kind = "val_" if "val_loss" in rows[0] else ""
        color = f"C{number % 10}"
        epochs = [row["epoch"] for row in rows]
        loss.plot(epochs, [row["loss"] for row in rows], color=color, label=name)
        kept = f"{name} ({'validation' if kind else 'training'})"
        error.plot(epochs, [100 * (1 - row[f"{kind}accuracy"]) for row in rows], color=color, label=kept)
    loss.set(xlabel="epoch", ylabel="cross-entropy of training pictures")
    error.set(xlabel="epoch", ylabel="error in %")
    for axes in (loss, error):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
    return as_png(figure)


@style()
def confusion_matrix(matrix: NDArray[np.int64], labels: Sequence[str], title: str) -> bytes:
    """Counts of (true class, predicted class); colours show the share of the true class, so that mistakes stand out."""
    classes = len(labels)
    side = 2.2 + 0.42 * min(classes, 30)
    figure = new_figure(side + 0.6, side)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    if classes <= 20:  # more would have no room for their counts
        for row, column in np.ndindex(matrix.shape):
            if matrix[row, column]:
                color = "white" if share[row, column] > 0.4 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=color, fontsize=8)
    if classes <= NAMED:
        names = labels if classes <= 20 else [label if len(label) <= 16 else f"{label[:15]}…" for label in labels]
        size = min(8, 700 / classes)
        slanted: dict[str, Any] = {"rotation": 45, "ha": "right"} if max(map(len, labels)) > 2 else {}
        if classes > 20 and slanted:
            slanted = {"rotation": 90}
        axes.set_xticks(range(classes), names, fontsize=size, **slanted)
        axes.set_yticks(range(classes), names, fontsize=size)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, fontsize=10)
    return as_png(figure)


@style()
def predictions(
    pictures: Sequence[NDArray[np.uint8]],
    probabilities: NDArray[Any],
    labels: Sequence[str],
    truth: Sequence[str] = (),
) -> bytes:
    """Each picture [height, width, channels] over the bars of its three most probable classes.

    Where the true classes are known, `truth` has them, one a picture, and each is written below the answer.
    """
    columns = min(len(pictures), 5)
    rows = -(-len(pictures) // columns)
    figure = new_figure(2.0 * columns, (3.1 if truth else 2.9) * rows)
    cells = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[2.6, 1] * rows)
    for axes in cells.flat:
        axes.axis("off")
    for index, (picture, scores) in enumerate(zip(pictures, probabilities, strict=True)):
        row, column = divmod(index, columns)
        shown, bars = cells[2 * row, column], cells[2 * row + 1, column]
        shown.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
        best = np.argsort(-scores, kind="stable")[:3]
        below = f"\ntrue: {truth[index]}" if truth else ""
        shown.set_title(f"{labels[best[0]]}  {100 * scores[best[0]]:.1f} %{below}", fontsize=10)
        bars.axis("on")
        bars.barh(range(len(best)), scores[best], color=[BLUE] + [GRAY] * (len(best) - 1))
        bars.set_yticks(range(len(best)), [labels[i] for i in best], fontsize=8)
        bars.set_xlim(0, 1)
        bars.set_xticks([])
        bars.invert_yaxis()
        bars.spines[:].set_visible(False)
        bars.tick_params(length=0)
    return as_png(figure)


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that arranges its parts itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def as_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file, the same for the same figure."""
    buffer = io.BytesIO()
    # Matplotlib would write its version into the file.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
