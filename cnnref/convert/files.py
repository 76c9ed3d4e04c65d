"""A file of PyTorch weights made into a .keras file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from .. import models
from ..errors import InputError
from ..models.normalization import Normalization
from ..models.saving import save_model
from ..weights.reading import read_weights
from .matching import Conversion
from .pytorch import convert, layout_of


def convert_file(
    name: str,
    weights_path: str | Path,
    out: str | Path,
    *,
    classes: int | None = None,
    force: bool = False,
    normalization: Normalization | Literal["published"] | None = None,
    **options: Any,
) -> Conversion:
    """Build a model, fill it with weights from a file, and write it.

        cnnref.convert.convert_file("resnet18", "resnet18-f37072fd.pth", "resnet18.keras")

    Args:
        name: one of `cnnref.list_models()`.
        weights_path: a .pth, .pt, .th, .bin or .safetensors file, see `from_torch`.
        out: the .keras file to write; a failure leaves no half-written file.
        classes: outputs of the classifier in the file; by default the model's.
        force: replace `out` if it is there.
        normalization: means and standard deviations, of values 0..1, put inside so that raw pixels 0..255 go in; None
            puts in none. "published" is what the weights of the layout that is found were published with: ImageNet's,
            but 0.5 for torchvision's GoogLeNet, and CIFAR-10's for kuangliu/pytorch-cifar.
        **options: anything else that `cnnref.build` takes, such as `input_shape` or `padding`.

    Returns:
        The layout that was found, how many tensors and parameters were used, and the normalization that was put inside.

    Raises:
        InputError: there is no such model, the weights do not fit it (see `from_torch`), `out` does not end in .keras,
            or is there and `force` is not given.
    """
    target = Path(out)
    if target.suffix != ".keras":
        raise InputError(f"{target} must end in .keras.")
    if target.is_dir() or (target.exists() and not force):
        raise InputError(f"{target} already exists; choose another file, or give --force to replace it.")
    tensors = read_weights(weights_path)
    if normalization == "published":
        layers = [layer.name for layer in models.outline(name, classes=classes, **options).layers]
        normalization = layout_of(name, layers, tensors).normalization
    model = models.build(name, classes=classes, normalization=normalization, **options)
    conversion = convert(model, tensors)
    save_model(model, target)
    return replace(conversion, normalization=normalization)
