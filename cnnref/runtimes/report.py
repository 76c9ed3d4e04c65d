"""What a verification found: records, report.json, and the quarantine of the files that failed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import notebooks
from ..environment import cpu_name, versions
from ..errors import InputError, printable
from ..files import read_regular, write_whole
from .bundle import LABELS, REPORT, Bundle
from .manifest import WHOLE
from .samples import FILE as SAMPLES

#: The version of the format of report.json.
VERSION = 2
#: The key of a report's hash of itself, which the reports of older versions do not have.
SEAL = "sha256"
#: The most bytes of a report.
LARGEST_REPORT = 64 << 20
#: What is added to the name of a file that failed, so that no program reads it.
FAILED = ".failed"


@dataclass(frozen=True)
class Outcome:
    """A file on a whole test set: accuracy and agreement (same top-1 class as Keras) from 0 to 1.

    `points_lost` is Keras' accuracy minus the file's, in percentage points; `largest_difference` that of any
    probability to Keras'.
    """

    dataset: str
    images: int
    accuracy: float
    points_lost: float
    agreement: float
    largest_difference: float


def is_measured(test: Any) -> bool:
    """Whether a table has the fields of an `Outcome`, with values that can have been measured together.

    Some whole number of images is right. Where a file decides as Keras does, both are right or both are wrong, so it
    cannot have lost or won more than the share in which they disagree.
    """
    if not isinstance(test, dict) or type(test.get("images")) is not int or test["images"] <= 0:
        return False
    if not isinstance(test.get("dataset"), str):
        return False
    for key, most in (("accuracy", 1), ("agreement", 1), ("points_lost", 100), ("largest_difference", math.inf)):
        value = test.get(key)
        if value is None and key == "largest_difference":
            continue  # it was no finite number, for which JSON has no word
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
            return False
    right, same = (test["images"] * test[key] for key in ("accuracy", "agreement"))
    lost = test["images"] * test["points_lost"] / 100
    whole = all(abs(count - round(count)) < WHOLE for count in (right, same, lost))
    return whole and min(right, same) >= 0 and abs(lost) <= test["images"] - same + WHOLE


@dataclass(frozen=True)
class MicroOutcome:
    """A network in TensorFlow Lite for Microcontrollers: the arena in bytes that it ran in, and on how many images.

    `different` is the number of those for which LiteRT's reference kernels gave other bytes.
    """

    arena_bytes: int
    images: int
    different: int


@dataclass
class Check:
    """What was found out about one file (or the saved_model folder).

    `checked` is False where nothing could be found out, and `note` then says why. `largest_difference` is the
    largest absolute difference of a probability from the reference, over the samples, `allowed` what it may be, and
    `agreement` the share of samples with the same top-1 class; None where nothing was compared. `batches` are the
    batch sizes that were run. `constants_sha256` is the hash of all numbers, see `constants.py`. `load_ms` is not
    measured at export. `size_ratio` is to the float32 file of the same format. For `operators`, `partitions`, `outside`
    and `float_operators` see `cnnref.runtimes.inspection`. `test` is None where no test set was run, `micro` for all
    but the files of a microcontroller.
    """

    file: str
    format: str | None = None
    precision: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    constants_sha256: str | None = None
    size_ratio: float | None = None
    load_ms: float | None = None
    operators: dict[str, int] | None = None
    partitions: int | None = None
    outside: int | None = None
    float_operators: dict[str, int] = field(default_factory=dict)
    largest_difference: float | None = None
    allowed: float | None = None
    agreement: float | None = None
    test: Outcome | None = None
    micro: MicroOutcome | None = None
    batches: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    checked: bool = True
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the file, as far as it could be checked."""
        return not self.problems

    @property
    def status(self) -> str:
        """ "failed", "not checked" or "ok"."""
        if self.problems:
            return "failed"
        return "ok" if self.checked else "not checked"

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        for table in (found, found["test"] or {}):
            if not math.isfinite(table.get("largest_difference") or 0):
                table["largest_difference"] = None  # JSON has no word for it; `problems` tells
        return {"file": self.file, "status": self.status, "ok": self.ok, **found}


@dataclass
class Report:
    """The checks of one bundle, in the order of bundle.json, and the files that it does not have, with the reasons."""

    bundle: str
    checks: list[Check]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no file failed; one whose runtime is not installed has not failed: its `status` is "not checked"."""
        return all(check.ok for check in self.checks)

    @property
    def problems(self) -> list[str]:
        """Every failure, named with its file."""
        return [f"{check.file}: {problem}" for check in self.checks for problem in check.problems]

    def __repr__(self) -> str:
        """A line for each file that runs or is wrong."""
        rows = [" ".join((file, *cells)).rstrip() for file, *cells in self._rows()]
        return "\n  ".join([f"Report on {printable(self.bundle)}: {'all files hold' if self.ok else 'FAILED'}", *rows])

    def _repr_html_(self) -> str:
        """For notebooks: the same as a table."""
        title = f"Report on {self.bundle}: {'all files hold' if self.ok else 'failed'}"
        return notebooks.table(title, ("file", "status", "difference to Keras", "accuracy", "problems"), self._rows())

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        """File, status, largest difference, accuracy, and what is wrong; not of files that are merely unchanged."""
        found = []
        for check in self.checks:
            if check.format is None and check.ok:
                continue
            difference = "" if check.largest_difference is None else f"{check.largest_difference:.1e}"
            accuracy = f"{100 * check.test.accuracy:.2f} %" if check.test else ""
            problems = "; ".join([*check.problems, *[check.note] * bool(check.note)])
            found.append((check.file, check.status, difference, accuracy, problems))
        return found + [(file, "left out", "", "", why) for file, why in self.left_out.items()]

    def to_json(self) -> dict[str, Any]:
        """The report and what its numbers depend on, ready for `json.dumps`."""
        return {
            "format": "cnnref-report",
            "version": VERSION,
            "bundle": self.bundle,
            "ok": self.ok,
            "checks": [check.to_json() for check in self.checks],
            "left_out": self.left_out,
            "cpu": cpu_name(),
            "versions": versions(),
        }


def write_report(report: Report, path: str | Path) -> None:
    """Write a report as JSON.

    What an earlier report at that place says of the test set stays where this one has not run it, as long as the file
    is the same and this report has nothing against the earlier one.
    """
    path, found = Path(path), report.to_json()
    earlier = {} if any(check.file == REPORT and not check.ok for check in report.checks) else _earlier(path)
    for check in found["checks"]:
        known = earlier.get(check["file"], {})
        if check["test"] is None and check["sha256"] and known.get("sha256") == check["sha256"]:
            check["test"] = known.get("test")
    write_whole(path, json.dumps({**found, SEAL: report_sha256(found)}, indent=2, ensure_ascii=False) + "\n")


def report_sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of all that a report says, which stands at its end: nothing else in it can change alone."""
    said = {key: value for key, value in document.items() if key != SEAL}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_report(folder: str | Path) -> dict[str, Any]:
    """report.json of a bundle.

    Raises:
        InputError: there is none, or it is not one that this version wrote, or not as it wrote it.
    """
    path = Path(folder) / REPORT
    try:
        report = _document(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); run `cnnref verify {folder}`.") from None
    if not isinstance(report, dict) or report.get("version") != VERSION or not isinstance(report.get("checks"), list):
        raise InputError(f"{path} is not a report of version {VERSION}; run `cnnref verify {folder}`.")
    return report


def measured_accuracy(bundle: Bundle) -> dict[str, float]:
    """Accuracy from 0 to 1 of each file that was run on a test set; empty if none was.

    It is what the export measured, by bundle.json, and where that has none, what report.json says of a verification.

    Raises:
        InputError: bundle.json has none, and report.json cannot be read.
    """
    if known := {name: artifact.test["accuracy"] for name, artifact in bundle.artifacts.items() if artifact.test}:
        return known
    path = bundle.folder / REPORT
    if not path.is_file():
        return {}
    try:
        report = _document(path)
        checks = [check for check in report.get("checks", []) if check.get("test")]
        found = {check["file"]: check["test"]["accuracy"] for check in checks}
        found = found or report.get("accuracy", {}).get("files", {})
        return {str(file): float(accuracy) for file, accuracy in found.items()}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error!r}); run `cnnref verify {bundle.folder}` again.") from None


def quarantine_failures(report: Report, folder: str | Path) -> list[str]:
    """Rename each file that failed to NAME.failed, and write report.json into the bundle.

    Only the files that programs read are renamed: the exported files, labels.txt and samples.npz.

    Returns:
        One sentence for each renamed file, and one if the folder cannot be written.
    """
    folder, messages = Path(folder), []
    try:
        for check in report.checks:
            read_by_programs = check.format is not None or check.file in (LABELS, SAMPLES)
            if not check.ok and read_by_programs and (folder / check.file).exists():
                os.replace(folder / check.file, folder / f"{check.file}{FAILED}")
                messages.append(f"{check.file} is now called {check.file}{FAILED}; export the bundle again.")
        write_report(report, folder / REPORT)
    except OSError as error:
        messages.append(f"{folder} cannot be written ({error.strerror or error}), so that no report is left there.")
    return messages


def _earlier(path: Path) -> dict[str, dict[str, Any]]:
    """The checks of an existing report by file; an empty dict if it cannot be read."""
    try:
        checks = _document(path)["checks"]
        return {check["file"]: check for check in checks if isinstance(check, dict)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _document(path: Path) -> Any:
    """The JSON of a report, which may be anybody's."""
    found = json.loads(read_regular(path, LARGEST_REPORT, "report"))
    if isinstance(found, dict) and SEAL in found and found[SEAL] != report_sha256(found):
        raise ValueError("it has changed since a verification wrote it")
    return found
