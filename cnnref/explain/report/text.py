"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...arithmetic import wording as words
from ...errors import markdown

if TYPE_CHECKING:
    from ...arithmetic import LayerRow
    from .contents import Report
    from .measures import Evaluation


def in_markdown(report: Report) -> str:
    """The text of report.md, which refers to the picture files beside it."""
    parts = [
        f"# {markdown(report.name)}, layer by layer",
        "Written by `cnnref explain --report`; the same numbers are in `report.json`.",
        "## Layers",
        "![The network](architecture.png)",
        _layers(report),
        "## Kernels",
        "All kernels of a layer on one scale; orange is above zero, blue is below."
        if report.kernels
        else "The network has no convolution.",
        *(f"![Kernels of {markdown(one.layer)}]({one.file})" for one in report.kernels),
        "## Feature maps",
        f"What layers make of {report.explained[0].name}, the first picture under [Where it looks](#where-it-looks)."
        if report.maps
        else "No activation, pooling or sum of the network has maps.",
        *(f"![Maps of {markdown(one.layer)}]({one.file})" for one in report.maps),
        "## Dead units",
        _dead(report),
        "## Where it looks",
        _why(report),
        "![Where it looks](why.png)",
        _table_of_explanations(report),
        "## On the test set",
        *(_test(report, report.test) if report.test else [markdown(report.no_test or "")]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[one] for one in align], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _layers(report: Report) -> str:
    def row(one: LayerRow) -> Sequence[str]:
        field = words.format_shape(one.receptive_field) if one.receptive_field else ""
        slides = one.kernel and (one.kernel != (1, 1) or words.category_of(one) == words.CONVOLUTION)
        window = words.format_shape(one.kernel) if one.kernel and slides else ""
        macs = "?" if one.macs is None else f"{one.macs:,}"
        formula = f"`{one.size_formula}`" if one.size_formula else ""
        return [
            markdown(one.name),
            one.kind,
            words.format_shape(one.output_shape),
            window,
            f"{one.parameters:,}",
            macs,
            field,
            formula,
        ]

    head = ["layer", "kind", "output", "window", "parameters", "MACs", "sees", "size"]
    return _table(head, "lllrrrll", [row(one) for one in report.layers])


def _dead(report: Report) -> str:
    looked = f"{report.looked_at:,} pictures"
    if not report.dead:
        return f"No channel and no unit behind an activation is the same for all of {looked}."
    rows = [
        [markdown(one.layer), str(one.units), str(len(one.dead)), ", ".join(map(str, one.dead[:20]))]
        for one in report.dead
    ]
    note = f"The same at every place of {looked}, so that nothing behind them can tell pictures apart by them:"
    return f"{note}\n\n{_table(['layer', 'units', 'dead', 'which (the first 20)'], 'lrrl', rows)}"


def _why(report: Report) -> str:
    cam = "Grad-CAM (Selvaraju et al., 2017), and " if any(one.grad_cam for one in report.explained) else ""
    return (
        f"Orange speaks for the class that is named: {cam}how far the {report.says} falls when a patch covers the "
        "place (Zeiler and Fergus, 2014). Each picture has its own scale, of at least 0.01; the largest fall is "
        "written below it."
    )


def _table_of_explanations(report: Report) -> str:
    rows = [
        [one.name, markdown(one.label or ""), markdown(one.predicted), report.amount(one.probability)]
        for one in report.explained
    ]
    return _table(["picture", "is", "predicted", report.says], "lllr", rows)


def _test(report: Report, test: Evaluation) -> list[str]:
    rows = [
        [
            markdown(one.label),
            f"{100 * one.precision:.2f}",
            f"{100 * one.recall:.2f}",
            f"{100 * one.f1:.2f}",
            f"{one.count:,}",
        ]
        for one in test.classes
    ]
    parts = [
        f"`{test.file}` in its runtime on {test.images:,} test pictures of {markdown(test.dataset)}: "
        f"{100 * test.accuracy:.2f} % are right.",
        _table(["class", "precision %", "recall %", "F1 %", "pictures"], "lrrrr", rows),
        "![Confusion matrix](confusion.png)",
    ]
    if test.calibration_error is None:
        parts.append("What the network gives is no probability, so it cannot be asked how true it is.")
    else:
        parts += [
            f"Expected calibration error {100 * test.calibration_error:.2f} %, over {len(test.bins)} of 15 bins of "
            "equal width that are not empty (Guo et al., 2017). A dot stands at the mean probability of its "
            "bin; on the dashed line, the network is right as often as it says.",
            "![Calibration](calibration.png)",
        ]
    if test.worst:
        worst = [
            [str(one.index), markdown(one.label), markdown(one.predicted), report.amount(one.probability)]
            for one in test.worst
        ]
        parts += [
            f"The {len(test.worst)} mistakes that it is surest of, each with its place in the test set:",
            "![The worst mistakes](mistakes.png)",
            _table(["test picture", "is", "predicted", report.says], "rllr", worst),
        ]
    return parts
