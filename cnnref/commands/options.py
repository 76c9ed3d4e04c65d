"""What several commands share: options, the check of a picture's path, and printing JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError

#: The exit status if a file is missing that was not asked for by name, and the other files are written and verified.
INCOMPLETE = 3

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder with the published files of the data set, by default the one that CNNREF_DATA names."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing run or bundle.")]
BUNDLE_HELP = "A folder that `cnnref export` wrote, or the name of a shipped bundle such as lenet5-mnist."
BundleName = Annotated[str, typer.Argument(help=BUNDLE_HELP)]


ModelName = Annotated[
    str,
    typer.Argument(help="A bundle, a run or a .keras file; or the name of a shipped bundle or of published weights."),
]


def find_or_make(name: str) -> Path:
    """The folder of a bundle; one of published weights is made in the cache when it is first asked for."""
    from ..runtimes import find_bundle
    from ..weights.catalogue import is_listed, weights

    try:
        return find_bundle(name)
    except InputError:
        if not is_listed(name):
            raise
    from ..exporters.published import cached_bundle

    return cached_bundle(weights(name), tell=lambda step: print(step, file=sys.stderr) if "..." in step else None)


def print_json(content: Any) -> None:
    """Print what a program reads."""
    print(json.dumps(content, indent=2))


def check_plot(path: Path, *, force: bool, only_png: bool = False) -> None:
    """Raise InputError unless a picture may be written to `path`."""
    from ..explain.drawing.network import FORMS
    from ..files import check_place

    if only_png and path.suffix.lower() != ".png":
        raise InputError(f"{path} is to be a PNG file; end its name in .png.")
    if path.suffix[1:].lower() not in FORMS:
        raise InputError(f"{path} does not name a kind of picture that can be drawn; end it in .png, .svg or .pdf.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a picture is a file; choose another name.")
    if path.exists() and not force:
        raise InputError(f"{path} already exists; choose another file, or give --force to replace it.")
    check_place(path)
