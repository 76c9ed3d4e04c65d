"""`cnnref predict`: classify picture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import tables
from .options import AsJson, BundleName, find_or_make, print_json

if TYPE_CHECKING:
    from ..runtimes import Bundle, Prediction


def predict(
    bundle: BundleName,
    pictures: Annotated[list[Path], typer.Argument(help="Picture files (PNG, JPEG and others) of any size.")],
    file: Annotated[
        str | None,
        typer.Option("--file", help="File of the bundle to run, such as model.onnx, model.tflite or saved_model."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show for each picture.")] = 3,
    invert: Annotated[
        bool, typer.Option("--invert", help="Invert the pictures first, for dark digits on light paper.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the pictures with their probabilities into this PNG file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures.

    A picture is turned upright, resized and cropped as the bundle says, and made gray or RGB, as the model needs.

    Published weights by name are a bundle as well, which is made in the cache when they are first used.

    Example: cnnref predict lenet5-mnist photo.png --invert

    Example: cnnref predict efficientnet_lite0 photo.jpg
    """
    from ..runtimes import predict as run
    from ..runtimes import read_bundle

    read = read_bundle(find_or_make(bundle))
    found = run(read, pictures, artifact=file, top=top, invert=invert)
    if plot:
        _plot_predictions(plot, read, found, invert)
    if as_json:
        return print_json([{"file": str(one.file), "top": [list(pair) for pair in one.top]} for one in found])
    return tables.of_predictions(found).print()


def _plot_predictions(path: Path, bundle: Bundle, found: list[Prediction], invert: bool) -> None:
    import numpy as np

    from ..files import write_whole
    from ..pictures import read_picture
    from ..plots import predictions

    seen = [read_picture(Path(one.file), *bundle.shape, bundle.picture) for one in found]
    shown = [255 - picture if invert else picture for picture in seen]
    write_whole(path, predictions(shown, np.stack([one.probabilities for one in found]), bundle.labels))
