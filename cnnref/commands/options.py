"""What several commands take, and how a command prints for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder with the published files of the data set (or CNNREF_DATA).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing run or bundle.")]
BundleName = Annotated[str, typer.Argument(help="A folder that `cnnref export` wrote, or a shipped one: lenet5-mnist.")]


def print_json(content: Any) -> None:
    """Print what a program reads."""
    print(json.dumps(content, indent=2))
