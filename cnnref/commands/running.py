"""Commands that run the files of a bundle: bench, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import tables
from .options import AsJson, BundleName, print_json


def bench(
    bundle: BundleName,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs at batch 1.")] = 50,
    threads: Annotated[int | None, typer.Option(min=1, help="By default all cores.")] = None,
    as_json: AsJson = False,
) -> None:
    """Time every file of a bundle in its runtime.

    Example: cnnref bench lenet5-mnist --threads 1
    """
    from dataclasses import asdict

    from ..runtimes import benchmark, find_bundle

    timings = benchmark(find_bundle(bundle), runs=runs, threads=threads)
    if as_json:
        return print_json([asdict(timing) for timing in timings])
    tables.of_timings(timings).print()
    return print(f"{timings[0].threads} threads on {timings[0].cpu}; p50 and p90 at batch 1.")


def predict(
    bundle: BundleName,
    pictures: Annotated[list[Path], typer.Argument(help="PNG, JPEG and others, of any size.")],
    file: Annotated[str | None, typer.Option("--file", help="model.onnx, model.tflite or saved_model.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes to show.")] = 3,
    invert: Annotated[bool, typer.Option("--invert", help="For dark digits on light paper.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Also draw pictures and probabilities into this PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is on pictures.

    A picture is turned upright, cropped to its centre, resized (bilinear) and made gray or RGB, as the model needs.

    Example: cnnref predict lenet5-mnist photo.png --invert
    """
    from ..runtimes import find_bundle, read_bundle
    from ..runtimes import predict as run

    read = read_bundle(find_bundle(bundle))
    found = run(read, pictures, artifact=file, top=top, invert=invert)
    if plot:
        _plot_predictions(plot, read, found, invert)
    if as_json:
        return print_json([{"file": str(one.file), "top": [list(pair) for pair in one.top]} for one in found])
    return tables.of_predictions(found).print()


def _plot_predictions(path: Path, bundle: Any, found: list[Any], invert: bool) -> None:
    import numpy as np

    from ..explain.plots import predictions
    from ..files import write_whole
    from ..pictures import read_picture

    seen = [read_picture(Path(one.file), *bundle.shape) for one in found]
    shown = [255 - picture if invert else picture for picture in seen]
    write_whole(path, predictions(shown, np.stack([one.probabilities for one in found]), bundle.labels))
