"""samples.npz: a few pictures and the outputs of Keras for them when the bundle was exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import read_npz
from ..errors import InputError
from .bundle import PROBABILITIES, Bundle
from .runner import failure, one_line

FILE = "samples.npz"
AT_LEAST = 8


@dataclass(frozen=True)
class Samples:
    """Images [n, height, width, channels], labels [n] (-1 where unknown), and every output [n, ...] by its name."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    outputs: dict[str, NDArray[Any]]

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """What a classifier gives, [n, classes]."""
        return self.outputs[PROBABILITIES]


def read_samples(bundle: Bundle) -> Samples:
    """Read samples.npz of a bundle.

    Raises:
        VerificationError: it cannot be read, or does not fit what bundle.json says.
    """
    path = bundle.folder / FILE
    try:
        arrays = read_npz(path, ["images", "labels", *(output.name for output in bundle.outputs)])
    except (OSError, InputError) as error:
        raise failure(path, f"it cannot be read: {one_line(error)}") from None
    images, labels = arrays["images"], arrays["labels"]
    outputs = {output.name: arrays[output.name] for output in bundle.outputs}
    count = len(images) if images.ndim else 0
    wanted = {
        "images": (images, "uint8", (count, *bundle.shape)),
        "labels": (labels, "int64", (count,)),
    } | {output.name: (outputs[output.name], output.dtype, (count, *output.shape)) for output in bundle.outputs}
    for name, (array, dtype, shape) in wanted.items():
        if array.dtype != dtype or array.shape != shape:
            raise failure(path, f"{name} is {array.dtype} {list(array.shape)}, not {dtype} {list(shape)}")
    if count < AT_LEAST:
        raise failure(path, f"it has {count} pictures, and at least {AT_LEAST} are needed")
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise failure(path, f"{name} has values that are not finite")
    return Samples(images, labels, outputs)
