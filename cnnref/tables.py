"""Tables that people read: the columns of each, and how each number is written.

On a terminal a table may have colours; into a file or a pipe, and with NO_COLOR, it is plain text.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arithmetic import wording as words
from .arithmetic.wording import format_shape
from .errors import printable

if TYPE_CHECKING:
    from .arithmetic import LayerRow
    from .models import Spec
    from .runtimes import Bundle, LayerNoise, Prediction, Timing
    from .runtimes.picture_files import Scores
    from .training.comparing import Summary
    from .training.recipe import Recipe
    from .training.recipe_keys import RecipeKey
    from .weights import Weights


#: Colours that colour-blind people can tell apart, on light and on dark backgrounds.
STYLES = {
    words.INPUT: "bold",
    words.CONVOLUTION: "blue",
    words.NORMALIZATION: "dim",
    words.POOLING: "yellow",
    words.ACTIVATION: "dim",
    words.DENSE: "cyan",
    words.JOINING: "magenta",
}

#: Data sets as their authors write them.
DATASETS = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
    "imagenet top-5": "ImageNet, top-5,",
}


@dataclass(frozen=True)
class Table:
    """Headings, rows, the columns with numbers, the column that may wrap, and a Rich style for each row (or none)."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    breakable: int = -1
    styles: Sequence[str] = ()

    def print(self) -> None:
        """Print the table; where it is too wide for the terminal, only the breakable column wraps."""
        from rich import box
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        # Into a file or a pipe, a table is as wide as it needs to be.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(self.headings):
            whole = index != self.breakable % len(self.headings)
            justify = "right" if index in self.numbers else "left"
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
        for row, style in zip_longest(self.rows, self.styles):
            table.add_row(*map(Text, row), style=style)
        console.print(table)


def of_models(specs: Iterable[Spec]) -> Table:
    """Name, family and facts of each model; parameters exactly, multiply-accumulates to three digits."""
    rows = [
        (
            spec.name,
            spec.family,
            format_shape(spec.input_shape),
            f"{spec.params:,}",
            words.format_count(spec.macs),
            _published(spec) or "-",
            str(spec.year),
        )
        for spec in specs
    ]
    headings = ("model", "family", "input", "parameters", "MACs", "published", "year")
    return Table(headings, rows, numbers=(3, 4, 6), breakable=5)


def of_scores(found: Mapping[str, Scores], published: Mapping[str, float]) -> Table:
    """Top-1 and top-5 accuracy of each file on ImageNet, with what was published for its weights."""
    rows = [
        (name, f"{one.images:,}", f"{100 * one.top1:.2f} %", f"{100 * one.top5:.2f} %") for name, one in found.items()
    ]
    if published:
        best, five = (f"{published[key]:.2f} %" if key in published else "-" for key in ("top1", "top5"))
        rows.append(("published", "50,000", best, five))
    return Table(("file", "pictures", "top-1", "top-5"), rows, numbers=(1, 2, 3))


def of_weights(found: Iterable[tuple[Weights, Path | None]]) -> Table:
    """Name, publisher, accuracy, size, licence and hash of published weights, and whether the file is here."""
    rows = [
        (
            one.name,
            one.publisher,
            "-" if one.top1 is None else f"{one.top1:.2f}",
            "-" if one.top5 is None else f"{one.top5:.2f}",
            "-" if one.megabytes is None else f"{one.megabytes:,.1f}",
            one.license,
            f"{one.digest[0]} {one.digest[1][:8]}" if one.digest else "none",
            "yes" if path else "-",
        )
        for one, path in found
    ]
    headings = ("weights", "publisher", "top-1 %", "top-5 %", "MB", "licence", "hash", "here")
    return Table(headings, rows, numbers=(2, 3, 4))


def markdown_of_models(specs: Iterable[Spec]) -> str:
    """The same facts as a Markdown table with exact numbers, for a README; the source is authors and year.

    The table says so where an accuracy was published elsewhere than in the paper, or for several networks or views.
    """
    lines = ["| model | input | parameters | MACs | published | source |", "|---|---|---:|---:|---|---|"]
    for spec in specs:
        elsewhere = f" ({spec.source})" if spec.source and spec.source != spec.paper else ""
        published = f"{_published(spec)}{elsewhere}"
        facts = (format_shape(spec.input_shape), f"{spec.params:,}", f"{spec.macs:,}", published, _source(spec))
        lines.append(f"| `{spec.name}` " + "".join(f"| {fact} " if fact else "| " for fact in facts) + "|")
    return "\n".join(lines)


def of_layers(layers: Sequence[LayerRow]) -> Table:
    """The geometry of a network, with a row for each layer, coloured by what the layer does."""
    rows = [
        (
            layer.name,
            format_shape(layer.output_shape),
            f"{layer.parameters:,}",
            "?" if layer.macs is None else f"{layer.macs:,}",
            format_shape(layer.receptive_field) if layer.receptive_field else "?",
            layer.size_formula or "",
        )
        for layer in layers
    ]
    headings = ("layer", "output", "parameters", "MACs", "sees", "output size")
    styles = [STYLES.get(words.category_of(layer), "") for layer in layers]
    return Table(headings, rows, numbers=(2, 3, 4), styles=styles)


def totals(layers: Sequence[LayerRow]) -> str:
    """The line below a network's table. The input is not counted; activations are the outputs for one image."""
    inner = [layer for layer in layers if words.category_of(layer) != words.INPUT]
    macs = words.total_macs(inner)
    return (
        f"{len(inner):,} layers, {sum(layer.parameters for layer in inner):,} parameters "
        f"({sum(layer.trainable_parameters for layer in inner):,} trainable), "
        f"{'?' if macs is None else format(macs, ',')} multiply-accumulates, "
        f"{sum(layer.activation_bytes for layer in inner) / 1e6:,.2f} MB of activations in float32."
    )


def of_accuracies(accuracies: Mapping[str, float], images: int) -> Table:
    """Accuracy of each file on the same test set."""
    rows = [(name, f"{100 * value:.2f} %") for name, value in accuracies.items()]
    return Table(("file", f"accuracy on {images:,} test images"), rows, numbers=(1,))


def of_report(report: Mapping[str, Any], bundle: Bundle) -> Table:
    """The table of a report.json: a row for each file that runs or has failed, with its accuracy if it was tested."""
    checks = [check for check in report["checks"] if check["file"] in bundle.artifacts or not check["ok"]]
    tested = any(check["test"] for check in checks)
    rows = []
    for check in checks:
        artifact = bundle.artifacts.get(check["file"])
        runs = artifact is None or artifact.tolerance is not None
        test = check["test"] or {}
        measured = (
            _number(test.get("accuracy") and 100 * test["accuracy"], ".2f"),
            _number(test.get("agreement") and 100 * test["agreement"], ".2f"),
        )
        rows.append(
            (
                check["file"],
                _number(check["bytes"], ","),
                _number(check["largest_difference"] if runs else None, ".1e"),
                _number(check["allowed"], ".0e"),
                *(measured if tested else ()),
                check["status"],
            )
        )
    empty = ("-",) * (5 if tested else 3)
    rows += [(file, *empty, "left out") for file in bundle.left_out if file not in {row[0] for row in rows}]
    headings = ("file", "bytes", "difference", "allowed", *(("accuracy %", "agreement %") * tested), "status")
    return Table(headings, rows, numbers=tuple(range(1, len(headings) - 1)))


def of_layer_noise(layers: Sequence[LayerNoise]) -> Table:
    """The layers of an integer file, each with its noise and what it adds; those that compute in floats are dim."""
    rows = [
        (
            layer.tensor,
            layer.operator,
            "floats" if layer.in_floats else "integers",
            _number(layer.sqnr if math.isfinite(layer.sqnr) else None, ".1f"),
            _number(100 * layer.added, ".3f"),
        )
        for layer in layers
    ]
    headings = ("tensor", "operator", "computed in", "signal to noise, dB", "adds, % of the signal")
    styles = ["dim" if layer.in_floats else "" for layer in layers]
    return Table(headings, rows, numbers=(3, 4), breakable=0, styles=styles)


def of_microcontroller(report: Mapping[str, Any]) -> list[str]:
    """A sentence for each network that was run as on a microcontroller: its RAM, and whether the bytes are LiteRT's."""
    return [
        f"{check['file']}: in an arena of {found['arena_bytes']:,} bytes, TensorFlow Lite for Microcontrollers gives "
        f"the bytes of LiteRT for {found['images'] - found['different']:,} of {found['images']:,} images."
        for check in report["checks"]
        if (found := check.get("micro"))
    ]


def of_timings(timings: Sequence[Timing]) -> Table:
    """Load time, latency, throughput, and the ratio of each p50 to that of Keras, if it was timed; peers are dim."""
    ratio = ("p50 / Keras",) * any(timing.of_keras for timing in timings)
    rows = [
        (
            timing.file,
            timing.by,
            timing.precision,
            _number(timing.bytes or None, ","),
            _number(timing.load_ms, ".1f"),
            _number(timing.p50_ms, ".3f"),
            _number(timing.p90_ms, ".3f"),
            _number(timing.images_per_second, ",.0f"),
            *(_number(timing.of_keras, ".2f") for _ in ratio),
        )
        for timing in timings
    ]
    headings = ("file", "by", "precision", "bytes", "load ms", "p50 ms", "p90 ms", "images/s", *ratio)
    styles = ["dim" if timing.peer else "" for timing in timings]
    return Table(headings, rows, numbers=range(3, len(headings)), breakable=0, styles=styles)


def markdown_of_timings(timings: Sequence[Timing], report: Mapping[str, Any]) -> str:
    """The files of a bundle for a README: their accuracy on the test set, from report.json, and their speed."""
    tests = {check["file"]: check["test"] or {} for check in report["checks"]}
    images = next((test["images"] for test in tests.values() if test), None)
    accuracy = f"accuracy of {images:,} images" if images else "accuracy"
    lines = [
        f"| file | precision | bytes | {accuracy} | same class as Keras | p50 ms, 1 image | images/s, batch 32 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for timing in timings:
        if not timing.peer:
            test = tests.get(timing.file, {})
            shares = (f"{100 * test[key]:.2f} %" if test else "-" for key in ("accuracy", "agreement"))
            speed = (_number(timing.p50_ms, ".3f"), _number(timing.images_per_second, ",.0f"))
            cells = (f"`{timing.file}`", timing.precision, f"{timing.bytes:,}", *shares, *speed)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def of_predictions(predictions: Sequence[Prediction]) -> Table:
    """The most probable classes of each picture."""
    rows = [
        (str(one.file), ", ".join(f"{label} {100 * score:.1f} %" for label, score in one.top)) for one in predictions
    ]
    return Table(("picture", f"most probable ({predictions[0].artifact})"), rows)


def of_recipes(recipes: Sequence[Recipe]) -> Table:
    """The recipes: what each trains on what, for how long, and the accuracy that it is to reach."""
    rows = [
        (
            recipe.name,
            recipe.model,
            DATASETS.get(recipe.dataset, recipe.dataset),
            f"{recipe.epochs:g}",
            f"{recipe.published.target:.1f} %" if recipe.published.target else "-",
            recipe.description,
        )
        for recipe in recipes
    ]
    return Table(("recipe", "model", "data set", "epochs", "target", "description"), rows, numbers=(3, 4), breakable=5)


def of_recipe_keys(keys: Sequence[RecipeKey]) -> Table:
    """Every key of a recipe; those that differ from the default are bold."""
    rows = [
        (one.key, printable(_setting(one.value), 32), default_of(one), f"{one.meaning} {_choices(one.choices)}".strip())
        for one in keys
    ]
    styles = ["bold" if _setting(one.value) != default_of(one) and default_of(one) else "" for one in keys]
    return Table(("key", "value", "default", "meaning"), rows, breakable=3, styles=styles)


def default_of(key: RecipeKey) -> str:
    """The default of a key for people; "" where there is none, and in words where it depends on others."""
    if key.key == "optimizer.learning_rate":
        return "by optimizer"
    return "" if key.default is None else _setting(key.default)


def _choices(choices: Sequence[str]) -> str:
    return f"Choose {', '.join(repr(choice) for choice in choices)}." if choices else ""


def _setting(value: Any) -> str:
    """A value of a recipe as its file has it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_setting(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_setting, value))}]"
    return str(value).lower() if isinstance(value, bool) else printable(str(value)) or "-"


def of_runs(runs: Sequence[Summary]) -> Table:
    """Runs with what they reached; those that have not finished or are damaged say so."""
    rows = [
        (
            printable(run.folder),
            run.model or "-",
            printable(run.dataset) or "-",
            f"{run.epochs:g}",
            _number(None if run.accuracy is None else 100 * run.accuracy, ".2f"),
            _number(None if run.validation_accuracy is None else 100 * run.validation_accuracy, ".2f"),
            _number(run.minutes, ".1f"),
            printable(run.state),
        )
        for run in runs
    ]
    headings = ("run", "model", "data set", "epochs", "test %", "validation %", "minutes", "state")
    styles = ["" if run.state == "finished" else "dim" for run in runs]
    return Table(headings, rows, numbers=(3, 4, 5, 6), breakable=7, styles=styles)


def of_compared_runs(runs: Sequence[Summary], differences: Mapping[str, Sequence[Any]]) -> Table:
    """The settings in which runs differ, and what each reached; one column a run."""
    rows = [(key, *map(_setting, values)) for key, values in differences.items()]
    numbers = (
        ("test accuracy %", [None if run.accuracy is None else 100 * run.accuracy for run in runs], ".2f"),
        (
            "validation %",
            [None if run.validation_accuracy is None else 100 * run.validation_accuracy for run in runs],
            ".2f",
        ),
        ("minutes", [run.minutes for run in runs], ".1f"),
    )
    rows += [(name, *(_number(value, form) for value in values)) for name, values, form in numbers]
    headings = ("setting or result", *(printable(run.folder) for run in runs))
    return Table(headings, rows, numbers=range(1, len(headings)), breakable=0)


def _published(spec: Spec) -> str:
    return ", ".join(f"{DATASETS.get(name, name)} {value} %" for name, value in spec.published.items())


def _source(spec: Spec) -> str:
    """Authors and year, such as "LeCun et al., 1998"; without a paper, what the model is."""
    authors = spec.paper.partition(",")[0]
    return spec.paper.removeprefix("none: ") if spec.paper.startswith("none: ") else f"{authors}, {spec.year}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
