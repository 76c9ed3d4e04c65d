"""What a verification found, as records that print and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..environment import cpu_name, versions
from ..files import write_whole


@dataclass
class Check:
    """What was found out about one file (or the saved_model folder).

    `checked` is False where nothing could be found out, and `note` then says why. `largest_difference` is the
    largest absolute difference of a probability from the reference, and `allowed` what it may be; both are
    None where nothing was compared. `batches` are the batch sizes that were run.
    """

    file: str
    format: str | None = None
    precision: str | None = None
    bytes: int | None = None
    largest_difference: float | None = None
    allowed: float | None = None
    batches: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    checked: bool = True
    note: str = ""

    @property
    def ok(self) -> bool:
        """Nothing is wrong with the file, as far as it could be checked."""
        return not self.problems

    @property
    def status(self) -> str:
        """ "failed", "not checked" or "ok"."""
        if self.problems:
            return "failed"
        return "ok" if self.checked else "not checked"

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        if self.largest_difference is not None and not math.isfinite(self.largest_difference):
            found["largest_difference"] = None  # JSON has no word for it; `problems` tells
        return {"file": self.file, "status": self.status, "ok": self.ok, **found}


@dataclass
class Report:
    """The checks of one bundle, in the order of bundle.json."""

    bundle: str
    checks: list[Check]

    @property
    def ok(self) -> bool:
        """No file failed. A file whose runtime is not installed has not failed; see `not_checked`."""
        return all(check.ok for check in self.checks)

    @property
    def problems(self) -> list[str]:
        """Every failure, named with its file."""
        return [f"{check.file}: {problem}" for check in self.checks for problem in check.problems]

    @property
    def not_checked(self) -> list[str]:
        """Every file that could not be checked, and why."""
        return [f"{check.file}: {check.note}" for check in self.checks if check.status == "not checked"]

    def to_json(self) -> dict[str, Any]:
        """The report and what its numbers depend on, ready for `json.dumps`."""
        return {
            "format": "cnnref-report",
            "version": 1,
            "bundle": self.bundle,
            "ok": self.ok,
            "checks": [check.to_json() for check in self.checks],
            "cpu": cpu_name(),
            "versions": versions(),
        }


def write_report(report: Report, path: str | Path) -> None:
    """Write a report as JSON."""
    write_whole(Path(path), json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
