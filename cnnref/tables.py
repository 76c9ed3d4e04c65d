"""Records as tables for people: which columns, and how each number is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arithmetic import LayerRow
    from .models import Spec
    from .runtimes import Bundle, Prediction, Report, Timing


@dataclass(frozen=True)
class Table:
    """Headings, rows, and which columns are numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()

    def print(self) -> None:
        """Print it; only the last column is broken where a line is too short."""
        from rich import box
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        # Into a file or a pipe, a table is as wide as it needs to be.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(self.headings):
            last = index == len(self.headings) - 1
            justify = "right" if index in self.numbers else "left"
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=not last)  # type: ignore[arg-type]
        for row in self.rows:
            table.add_row(*map(Text, row))
        console.print(table)


def of_models(specs: Iterable[Spec]) -> Table:
    """Name and facts of each model."""
    rows = [
        (
            spec.name,
            by(spec.input_shape),
            f"{spec.params:,}",
            f"{spec.macs:,}",
            ", ".join(f"{name} {value} %" for name, value in spec.published.items()) or "-",
            str(spec.year),
        )
        for spec in specs
    ]
    return Table(("model", "input", "parameters", "MACs", "published", "year"), rows, numbers=(2, 3, 5))


def of_layers(layers: Iterable[LayerRow]) -> Table:
    """The geometry of a network, a row a layer."""
    rows = [
        (
            layer.name,
            by(layer.output_shape),
            f"{layer.parameters:,}",
            "?" if layer.macs is None else f"{layer.macs:,}",
            by(layer.receptive_field) if layer.receptive_field else "?",
            layer.size_formula or "",
        )
        for layer in layers
    ]
    return Table(("layer", "output", "parameters", "MACs", "sees", "output size"), rows, numbers=(2, 3, 4))


def of_artifacts(bundle: Bundle) -> Table:
    """The exported files and their sizes."""
    rows = [
        (name, artifact.precision, f"{sum(part.bytes for part in bundle.parts(name).values()):,}")
        for name, artifact in bundle.artifacts.items()
    ]
    return Table(("file", "precision", "bytes"), rows, numbers=(2,))


def of_accuracies(accuracies: Mapping[str, float], images: int) -> Table:
    """Accuracy of each file on the same test set."""
    rows = [(name, f"{100 * value:.2f} %") for name, value in accuracies.items()]
    return Table(("file", f"accuracy on {images:,} test images"), rows, numbers=(1,))


def of_checks(report: Report) -> Table:
    """What a verification found, a row a file."""
    rows = [
        (check.file, _number(check.largest_difference, ".1e"), _number(check.allowed, ".1e"), check.status)
        for check in report.checks
    ]
    return Table(("file", "largest difference", "allowed", "status"), rows, numbers=(1, 2))


def of_timings(timings: Iterable[Timing]) -> Table:
    """Load time, latency and throughput of each file."""
    rows = [
        (
            timing.file,
            f"{timing.bytes:,}",
            _number(timing.load_ms, ".1f"),
            _number(timing.p50_ms, ".3f"),
            _number(timing.p90_ms, ".3f"),
            _number(timing.images_per_second, ",.0f"),
        )
        for timing in timings
    ]
    headings = ("file", "bytes", "load ms", "p50 ms", "p90 ms", "images/s at batch 32")
    return Table(headings, rows, numbers=(1, 2, 3, 4, 5))


def of_predictions(predictions: Sequence[Prediction]) -> Table:
    """The most probable classes of each picture."""
    rows = [
        (str(one.file), ", ".join(f"{label} {100 * score:.1f} %" for label, score in one.top)) for one in predictions
    ]
    return Table(("picture", f"most probable ({predictions[0].artifact})"), rows)


def by(sizes: Iterable[float]) -> str:
    """28x28x1."""
    return "x".join(f"{size:g}" for size in sizes)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
