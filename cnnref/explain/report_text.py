"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from . import words

if TYPE_CHECKING:
    from ..arithmetic import LayerRow
    from .on_test_set import TestSet
    from .report import Report

#: What would be read as Markdown or HTML in a name.
SPECIAL = str.maketrans({one: f"\\{one}" for one in "\\`*_[]<>|~&"})


def plain(text: str) -> str:
    """A name of somebody's, so that it is shown and not read as Markdown or HTML."""
    return " ".join(text.split()).translate(SPECIAL)


def markdown(report: Report, pictures: Sequence[str]) -> str:
    """The text; `pictures` are the names of the files that lie beside it."""
    parts = [
        f"# {plain(report.name)}, layer by layer",
        "Written by `cnnref explain --report`; the same numbers are in `report.json`.",
        "## Layers",
        "![The network](architecture.png)",
        _layers(report),
        "## Kernels",
        "Every kernel on one scale; orange is above zero, blue is below.",
        *(f"![{name}]({name})" for name in pictures if name.startswith("kernels-")),
        "## Feature maps",
        f"What layers make of {report.explained[0].name}.",
        *(f"![{name}]({name})" for name in pictures if name.startswith("maps-")),
        "## Dead units",
        _dead(report),
        "## Where it looks",
        "Orange speaks for the class that is named: Grad-CAM (Selvaraju et al., 2017), and how far the probability "
        "falls when a patch covers the place (Zeiler and Fergus, 2014).",
        "![Pictures, Grad-CAM and occlusion](why.png)",
        _explained(report),
        "## On the test set",
        *(_test(report.test, pictures) if report.test else [plain(report.no_test or "")]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[one] for one in align], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _layers(report: Report) -> str:
    def row(one: LayerRow) -> Sequence[str]:
        field = words.by(one.receptive_field) if one.receptive_field else ""
        window = words.by(one.kernel) if one.kernel and one.kernel != (1, 1) else ""
        macs = "?" if one.macs is None else f"{one.macs:,}"
        formula = f"`{one.size_formula}`" if one.size_formula else ""
        return [
            plain(one.name), one.kind, words.by(one.output_shape), window, f"{one.parameters:,}", macs, field, formula,
        ]  # fmt: skip

    head = ["layer", "kind", "output", "window", "parameters", "MACs", "sees", "size"]
    return _table(head, "lllrrrll", [row(one) for one in report.layers])


def _dead(report: Report) -> str:
    looked = f"{report.looked_at:,} pictures"
    if not report.dead:
        return f"No channel and no unit behind an activation is the same for all of {looked}."
    rows = [
        [plain(one.layer), str(one.units), str(len(one.dead)), ", ".join(map(str, one.dead[:20]))]
        for one in report.dead
    ]
    note = f"The same at every place of {looked}, so that nothing behind them can tell pictures apart by them:"
    return f"{note}\n\n{_table(['layer', 'units', 'dead', 'which (the first 20)'], 'lrrl', rows)}"


def _explained(report: Report) -> str:
    rows = [
        [one.name, plain(one.label or ""), plain(one.predicted), f"{100 * one.probability:.2f} %"]
        for one in report.explained
    ]
    return _table(["picture", "is", "predicted", "probability"], "lllr", rows)


def _test(test: TestSet, pictures: Sequence[str]) -> list[str]:
    rows = [
        [
            plain(one.label),
            f"{100 * one.precision:.2f}",
            f"{100 * one.recall:.2f}",
            f"{100 * one.f1:.2f}",
            f"{one.count:,}",
        ]
        for one in test.classes
    ]
    worst = [
        [str(one.index), plain(one.label), plain(one.predicted), f"{100 * one.probability:.2f} %"] for one in test.worst
    ]
    parts = [
        f"`{test.file}` in its runtime on {test.images:,} test pictures of {plain(test.dataset)}: "
        f"{100 * test.accuracy:.2f} % are right.",
        _table(["class", "precision %", "recall %", "F1 %", "pictures"], "lrrrr", rows),
        "![Confusion matrix](confusion.png)",
        f"Expected calibration error {100 * test.calibration_error:.2f} %, over {len(test.bins)} of 15 bins of equal "
        "width that are not empty (Guo et al., 2017). On the dashed line, what it says of itself would be true.",
        "![Calibration](calibration.png)",
    ]
    if "mistakes.png" in pictures:
        parts += [
            f"The {len(test.worst)} mistakes that it is surest of:",
            "![The worst mistakes](mistakes.png)",
            _table(["test picture", "is", "predicted", "probability"], "rllr", worst),
        ]
    return parts
