"""A file of PyTorch weights made into a .keras file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import models
from ..errors import InputError
from ..models.saving import save_model
from .matching import Conversion
from .pytorch import convert


def convert_file(
    name: str,
    weights_path: str | Path,
    out: str | Path,
    *,
    classes: int | None = None,
    force: bool = False,
    **options: Any,
) -> Conversion:
    """Build a model, fill it with weights from a file, and write it.

        cnnref.convert.convert_file("resnet18", "resnet18-f37072fd.pth", "resnet18.keras")

    Args:
        name: one of `cnnref.list_models()`.
        weights_path: a .pth, .pt, .th, .bin or .safetensors file, see `from_torch`.
        out: the .keras file to write, whole or not at all.
        classes: outputs of the classifier in the file; by default the model's.
        force: replace `out` if it is there.
        **options: anything else that `cnnref.build` takes, such as `input_shape` or `padding`.

    Returns:
        The layout that was found, and how many tensors and parameters were used.

    Raises:
        InputError: there is no such model, the weights do not fit it (see `from_torch`), `out` does not end in .keras,
            or is there and `force` is not given.
    """
    target = Path(out)
    if target.suffix != ".keras":
        raise InputError(f"{target} must end in .keras.")
    if target.is_dir() or (target.exists() and not force):
        raise InputError(f"{target} already exists; choose another file, or give --force to replace it.")
    model = models.build(name, classes=classes, **options)
    conversion = convert(model, weights_path)
    save_model(model, target)
    return conversion
