"""`cnnref quickstart`: train, export, verify, predict and time, in about a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import INCOMPLETE


def quickstart(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run and the bundle, by default runs/quickstart.")
    ] = None,
) -> None:
    """Train LeNet-5 on 1,438 handwritten digits, export it, verify every file and predict one. It takes a minute.

    The exit status is 3 if a file could not be written; the reason is printed.

    Example: cnnref quickstart
    """
    from ..quickstart import run_quickstart

    done = run_quickstart(out)
    done.table.print()
    if done.left_out:
        raise typer.Exit(INCOMPLETE)
