"""`cnnref predict`: classify picture files."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import tables
from ..errors import InputError, printable, printable_lines
from .options import AsJson, ModelName, check_plot, print_json

if TYPE_CHECKING:
    from ..runtimes import Prediction
    from ..runtimes.classifier import Classifier

#: Pictures that --plot draws at most.
DRAWN = 50


def predict(
    bundle: ModelName,
    pictures: Annotated[
        list[Path], typer.Argument(help="Picture files (PNG, JPEG and others) of any size, or folders of them.")
    ],
    file: Annotated[
        str | None,
        typer.Option("--file", help="File of the bundle to run, such as model.onnx, model.tflite or saved_model."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show for each picture.")] = 3,
    invert: Annotated[
        bool, typer.Option("--invert", help="Invert the pictures first, for dark things on a light ground.")
    ] = False,
    centre: Annotated[
        bool,
        typer.Option(
            "--centre/--no-centre",
            help="Find a digit, turn it light on dark and centre it as MNIST's are, where the bundle says so.",
        ),
    ] = True,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the pictures with their probabilities into this PNG file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing drawing.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Classify pictures.

    A picture is turned upright, resized and cropped as the bundle says, and made gray or RGB, as the model needs. A
    picture that cannot be read is told, the others are classified, and the exit status is 1.

    Published weights by name are a bundle as well, which is made in the cache when they are first used.

    Networks for MNIST's digits take a digit anywhere on a picture, light on dark or dark on light: it is centred first.

    Example: cnnref predict lenet5-mnist photo.png

    Example: cnnref predict efficientnet_lite0 photos --csv

    Example: cnnref predict runs/flowers rose.jpg
    """
    from ..exporters.classifier import found_network, load_classifier
    from ..runtimes import predict as run
    from ..runtimes.isolation import host

    if plot:
        check_plot(plot, force=force, only_png=True)
    if as_csv and as_json:
        raise InputError("--csv and --json are two ways to print the same; give one of them.")
    network = found_network(bundle, tell=lambda step: print(step, file=sys.stderr) if "..." in step else None)
    bad: list[InputError] = []
    with host(isolated=True) as where:
        classifier = load_classifier(network, file, where)
        found = run(classifier, pictures, top=top, invert=invert, centre=centre, on_bad=bad.append)
    for error in bad:
        print(f"cnnref: {printable_lines(str(error))}", file=sys.stderr)
    if plot and found:
        _draw(plot, classifier, found, invert=invert, centre=centre)
    if as_csv:
        _print_csv(found)
    elif as_json:
        print_json([{"file": str(one.file), "top": [list(pair) for pair in one.top]} for one in found])
    elif found:
        tables.of_predictions(found).print()
    if bad:
        raise typer.Exit(1)


def _print_csv(found: Sequence[Prediction]) -> None:
    """A row a picture: the file, then class and score of the best, the second, and so on."""
    most = max((len(one.top) for one in found), default=0)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", *(f"{what}_{place}" for place in range(1, most + 1) for what in ("class", "score"))])
    for one in found:
        best = [value for label, score in one.top for value in (printable(label), f"{score:.6f}")]
        writer.writerow([printable(str(one.file), most=4096), *best])


def _draw(path: Path, classifier: Classifier, found: list[Prediction], *, invert: bool, centre: bool) -> None:
    import numpy as np

    from ..files import write_whole
    from ..plots import predictions
    from ..runtimes.prediction import reading_of

    drawn = found[:DRAWN]
    read = reading_of(classifier, invert=invert, centre=centre)
    shown = [read(one.file) for one in drawn]
    write_whole(path, predictions(shown, np.stack([one.probabilities for one in drawn]), classifier.labels))
    only = f" (the first {len(drawn)} of {len(found)} pictures)" if len(drawn) < len(found) else ""
    print(f"Drawn: {path}{only}", file=sys.stderr)
