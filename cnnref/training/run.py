"""The folder of a training run: the files in it, and how they are read.

recipe.toml, environment.json, metrics.csv, timings.csv, curves.png, confusion_matrix.png and .json, checkpoints/,
snapshots/ (weights after a few epochs, where the recipe asks for them), samples.npz (test pictures for the exported
files to be checked with), network.keras (a network of one's own before it learned), model.keras (raw pixels to
probabilities) and, when the run is done, results.json.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import notebooks
from ..errors import InputError, option, printable
from ..files import read_regular, write_whole

if TYPE_CHECKING:
    from .checkpoint import Progress

#: The most bytes of a log, or of results.json.
LARGEST_LOG = 64 << 20
#: What other parts read of results.json, and of which kind it is.
RESULTS: dict[str, type | tuple[type, ...]] = {
    "recipe": str,
    "model": str,
    "dataset": str,
    "labels": list,
    "test": dict,
    "epochs": (int, float),
    "seed": int,
    "seconds": (int, float),
    "published": dict,
    "weights_sha256": str,
    "validation_accuracy": (float, int, type(None)),
}


@dataclass(frozen=True)
class Run:
    """The folder of one training run."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The recipe with every value that was used."""
        return self.folder / "recipe.toml"

    @property
    def model(self) -> Path:
        """The trained network, from raw pixels to probabilities."""
        return self.folder / "model.keras"

    @property
    def network(self) -> Path:
        """A network of one's own, as it was before it learned; a run of a network of `cnnref.build` has none."""
        return self.folder / "network.keras"

    @property
    def checkpoints(self) -> Path:
        """Folder with the last checkpoints."""
        return self.folder / "checkpoints"

    @property
    def snapshots(self) -> Path:
        """Folder with the weights after a few epochs, if the recipe asks for them."""
        return self.folder / "snapshots"

    @property
    def samples(self) -> Path:
        """A few test pictures with their labels."""
        return self.folder / "samples.npz"

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder / "results.json").is_file()

    @property
    def results(self) -> dict[str, Any]:
        """The final numbers.

        Raises:
            InputError: the folder is not that of a finished run.
        """
        path = self.folder / "results.json"
        if not path.is_file():
            unfinished = f"has not finished; continue it with {option('resume', True)}"
            state = unfinished if self.recipe.is_file() else "is not a run folder"
            raise InputError(f"{self.folder} {state}.")
        try:
            found = json.loads(read_regular(path, LARGEST_LOG, "log"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} is damaged ({printable(str(error))}); train the run again.") from None
        for key, kind in RESULTS.items():
            if not isinstance(found, dict) or not isinstance(found.get(key), kind):
                raise InputError(f"{path} is damaged: {key!r} is missing or of another kind; train the run again.")
        results: dict[str, Any] = found
        return results

    def __repr__(self) -> str:
        """A few lines with the numbers that matter."""
        name = f"Run {printable(str(self.folder))}"
        return "\n  ".join([name, *(f"{what}: {value}" for what, value in self._facts())])

    def _repr_html_(self) -> str:
        """For notebooks: the same as a table, and the learning curves."""
        facts = notebooks.table(f"Run {self.folder}", ("", ""), self._facts())
        return facts + notebooks.picture(self.folder / "curves.png")

    def _facts(self) -> list[tuple[str, str]]:
        if not self.finished:
            return [("state", "not finished" if self.recipe.is_file() else "no run")]
        try:
            found = self.results
            test = found["test"]
            accuracy = f"{100 * test['accuracy']:.2f} % ({test['errors']} errors in {test['images']:,} images)"
        except (InputError, KeyError, TypeError, ValueError) as error:
            return [("state", f"damaged: {printable(str(error))}")]
        facts = [("trained", f"{found['model']} on {found['dataset']}"), ("test accuracy", accuracy)]
        if isinstance(held := found.get("validation_accuracy"), float):
            facts.append(("validation accuracy", f"{100 * held:.2f} %"))
        facts.append(("took", f"{found['epochs']:g} epochs, {found['seconds'] / 60:.1f} minutes"))
        return [(what, printable(value)) for what, value in facts]

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the run."""
        write_whole(self.folder / name, json.dumps(content, indent=2) + "\n")

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.csv, one for each epoch."""
        return _read_rows(self.folder / "metrics.csv")

    def timings(self) -> list[dict[str, float]]:
        """The rows of timings.csv, one for each epoch: seconds and images a second."""
        return _read_rows(self.folder / "timings.csv")

    def write_log(self, progress: Progress) -> None:
        """Write metrics.csv and timings.csv anew; the first is the same in every run of a recipe on a machine."""
        _write_rows(self.folder / "metrics.csv", progress.rows)
        _write_rows(self.folder / "timings.csv", progress.timings)


def _read_rows(path: Path) -> list[dict[str, float]]:
    """The rows of a log; none where there is no log.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        text = read_regular(path, LARGEST_LOG, "log").decode("utf-8")
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]
    except (OSError, ValueError, TypeError, KeyError, OverflowError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({printable(str(error))}); train the run again.") from None


def _write_rows(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, buffer.getvalue())
