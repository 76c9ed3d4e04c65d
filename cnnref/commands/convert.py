"""`cnnref convert`: put PyTorch weights into a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..convert.rules import HALF, IMAGENET
from ..errors import InputError
from ..models.normalization import Normalization

#: The choices of --normalization.
NORMALIZATIONS: dict[str, Normalization | Literal["published"] | None] = {
    "published": "published",
    "imagenet": IMAGENET,
    "half": HALF,
    "none": None,
}


def convert(
    model: Annotated[str, typer.Argument(help="A name that `cnnref models` lists.")],
    weights: Annotated[
        Path, typer.Argument(help="PyTorch weights: a .pth, .pt, .th, .bin or .safetensors file, or a name: imagenet.")
    ],
    out: Annotated[Path, typer.Option(help="The .keras file to write.")],
    classes: Annotated[
        int | None, typer.Option(help="Number of classes in the weights; by default the model's.")
    ] = None,
    normalization: Annotated[
        str,
        typer.Option(
            help="Normalization inside the model, which then takes raw pixels 0..255: published (the one that weights "
            "of this layout were published with), imagenet, half (mean and deviation 0.5) or none."
        ),
    ] = "published",
    top: Annotated[
        bool, typer.Option("--top/--no-top", help="Convert with the classifier, or the feature maps alone.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Put PyTorch weights (torchvision's, timm's) into a model; every tensor must have its place.

    Example: cnnref convert resnet18 resnet18-f37072fd.pth --out resnet18.keras
    """
    if normalization not in NORMALIZATIONS:
        raise InputError(f"normalization is {normalization!r}; choose {', '.join(NORMALIZATIONS)}.")
    from ..convert import convert_file
    from ..weights.catalogue import weights_of
    from ..weights.fetching import fetch

    scale = NORMALIZATIONS[normalization]
    options: dict[str, Any] = {}
    if not weights.exists() and not weights.suffix and weights.name == str(weights):
        entry = weights_of(model, str(weights))
        if entry.keras_class:
            raise InputError(f"{entry.name} is a file of Keras; `cnnref export {entry.name} --out DIR` converts it.")
        weights, options = fetch(entry), dict(entry.options)
        scale = entry.normalization if normalization == "published" else scale
    done = convert_file(
        model, weights, out, classes=classes, force=force, include_top=top, normalization=scale, **options
    )
    print(f"Converted {done.tensors} tensors ({done.parameters:,} numbers) from {done.layout}'s layout: {out}")
    if done.normalization:
        mean, deviation = (", ".join(f"{number:g}" for number in numbers) for numbers in done.normalization)
        print(f"Inputs: pixel values 0..255, normalized inside (of 0..1, mean {mean}; deviation {deviation}).")
    else:
        print("Inputs: normalized as the weights were trained, outside of the model.")
    if done.left_out:
        print(f"Left out, as {model} has no place for them: {', '.join(done.left_out)}")
