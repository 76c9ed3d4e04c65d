"""What a verification leaves in the bundle: report.json, and nothing that failed under a name that programs read."""

from __future__ import annotations

import os
from pathlib import Path

from .bundle import LABELS, REPORT
from .report import Report, write_report
from .samples import FILE as SAMPLES

#: Ending of a file that has lost its name.
FAILED = ".failed"


def quarantine_failures(report: Report, folder: str | Path) -> list[str]:
    """Write report.json and take their names from the files that failed.

    Returns:
        What was done, or could not be done in a folder that is not ours to write, as sentences.
    """
    folder, told = Path(folder), []
    try:
        for check in report.checks:
            read_by_programs = check.format is not None or check.file in (LABELS, SAMPLES)
            if not check.ok and read_by_programs and (folder / check.file).exists():
                os.replace(folder / check.file, folder / f"{check.file}{FAILED}")
                told.append(f"{check.file} is now called {check.file}{FAILED}; export the bundle again.")
        write_report(report, folder / REPORT)
    except OSError as error:
        told.append(f"{folder} cannot be written ({error.strerror or error}), so that no report is left there.")
    return told
