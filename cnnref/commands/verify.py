"""`cnnref verify`: check every file of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from .options import AsJson, BundleName, print_json


def verify(
    bundle: BundleName,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Also run every file on the whole test set in this folder.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="By default the one that the bundle was trained on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file of a bundle: hashes, names, shapes, labels, size, and numbers in its runtime.

    Writes report.json into the bundle. A file that fails is renamed (model.onnx.failed), and the exit status is 1.

    Example: cnnref verify lenet5-mnist --data-dir ~/datasets
    """
    from ..runtimes import find_bundle, quarantine_failures, read_bundle
    from ..runtimes import verify as check

    folder = find_bundle(bundle)
    test_set = None
    if data_dir is not None or dataset is not None:
        from ..exporters.proof import reference_test_set

        test_set = reference_test_set(read_bundle(folder), dataset, data_dir)
    report = check(folder, test_set=test_set)
    messages = quarantine_failures(report, folder)
    if as_json:
        print_json(report.to_json())
    else:
        tables.of_report(report.to_json(), read_bundle(folder)).print()
        others = [found for found in report.checks if found.format is None and found.ok]
        print(f"{len(others)} other files are as they were written.")
        for found in report.checks:
            if found.note:
                print(f"{found.file}: {found.note}")
    for problem in [*report.problems, *messages]:
        print(f"cnnref: {problem}", file=sys.stderr)
    if not report.ok:
        raise typer.Exit(1)
