"""The command that brings weights from other libraries: convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    model: Annotated[str, typer.Argument(help="A name that `cnnref models` lists.")],
    weights: Annotated[Path, typer.Argument(help="PyTorch weights: .pth, .pt, .th, .bin or .safetensors.")],
    out: Annotated[Path, typer.Option(help="The .keras file to write.")],
    classes: Annotated[int | None, typer.Option(help="Classes of the weights; by default the model's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Put PyTorch weights (torchvision's, timm's) into a model; every tensor must find its place.

    Example: cnnref convert resnet18 resnet18-f37072fd.pth --out resnet18.keras
    """
    from ..convert import convert_file

    done = convert_file(model, weights, out, classes=classes, force=force)
    print(f"Converted {done.tensors} tensors ({done.parameters:,} numbers) from {done.layout}'s layout: {out}")
    if done.left_out:
        print(f"Left out, as {model} has no place for them: {', '.join(done.left_out)}")
