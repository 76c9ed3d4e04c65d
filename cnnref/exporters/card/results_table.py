"""The README's table of results: a row for each bundle, from the logs that it keeps in training/."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ...errors import InputError
from ...files import write_whole
from ...runtimes import read_bundle
from .seeds import read_seeds
from .training import machine_of, mean_text

#: The table stands between these two lines of a README.
BEGIN = "<!-- results: written by scripts/results.py -->"
END = "<!-- end of results -->"

#: The mark of an accuracy below the target of its recipe, and the line below the table that says so.
MISSED = "▽"
MEANING = "below the target of the recipe; the card of the bundle says by how much, and what was tried."

HEADINGS = (
    "recipe",
    "model",
    "parameters",
    "published",
    "target",
    "test accuracy",
    "with test-time views",
    "epochs",
    "minutes",
    "machine",
)


def results_table(folders: Iterable[Path]) -> str:
    """The table in Markdown, of bundles that were trained by a recipe; accuracies are means over the seeds.

    Raises:
        InputError: a folder is no bundle, or its logs cannot be read.
    """
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---|---:|---:|---:|---:|---:|---|"]
    rows = [_row(folder) for folder in folders if (folder / "training" / "results.json").is_file()]
    table = "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])
    missed = any(MISSED in cell for row in rows for cell in row)
    return f"{table}\n\n{MISSED} {MEANING}" if missed else table


def _marked(mean: float | None, target: float) -> str:
    """The mark behind an accuracy that is below the target."""
    return f" {MISSED}" if mean is not None and mean < target else ""


def put_into(readme: Path, table: str) -> None:
    """Write the table between its two markers in a README, and nothing else; see `around_table` for what is refused."""
    before, _, after = around_table(readme)
    write_whole(readme, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


def around_table(readme: Path) -> tuple[str, str, str]:
    """What stands before the two markers in a README, between them without empty lines, and after them.

    Raises:
        InputError: the file cannot be read, or does not have each marker once, in their order.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{readme} cannot be read ({error}); name a text file.") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise InputError(f"{readme} has no place for the table; put the lines {BEGIN} and {END} where it belongs.")
    return text.split(BEGIN)[0], text.split(BEGIN)[1].split(END)[0].strip(), text.split(END)[1]


def _row(folder: Path) -> tuple[str, ...]:
    document, training = read_bundle(folder).document, folder / "training"
    seeds, published = read_seeds(training), document["provenance"].get("published", {})
    count = len(seeds["runs"])
    minutes = sum(run["seconds"] for run in seeds["runs"]) / count / 60
    source = published.get("source", "")
    views, target = mean_text(seeds, views=True), published.get("target") or 0.0
    return (
        f"`{seeds['recipe']}`",
        f"`{json.loads((training / 'results.json').read_bytes())['model']}`",
        f"{document['model']['parameters']:,}",
        f"{published['accuracy']:g} % ({source})" if source else "-",
        f"{target:g} %" if target else "-",
        f"{mean_text(seeds)} ({count} seed{'s' * (count > 1)}){_marked(seeds['mean'], target)}",
        f"{views} ({seeds['views']}){_marked(seeds['views_mean'], target)}" if views else "-",
        f"{seeds['runs'][0]['epochs']:g}",
        f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}",
        machine_of(training),
    )
