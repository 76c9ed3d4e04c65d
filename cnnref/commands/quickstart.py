"""`cnnref quickstart`: train, export, verify, predict and time, in about a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def quickstart(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run and the bundle, by default runs/quickstart.")
    ] = None,
) -> None:
    """Train LeNet-5 on 1,438 handwritten digits, export it, verify every file and predict one. It takes a minute.

    Example: cnnref quickstart
    """
    from ..quickstart import run_quickstart

    run_quickstart(out).print()
