"""Converting weights of other libraries into the networks of this package; every weight and tensor must match.

The names below are loaded at first use: importing this package imports neither Keras nor PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .keras_applications import from_keras_applications
    from .matching import Conversion
    from .published import build
    from .pytorch import convert_file, from_torch

__all__ = ["Conversion", "build", "convert_file", "from_keras_applications", "from_torch"]

__getattr__ = lazy_names(
    __name__,
    {
        "keras_applications": ("from_keras_applications",),
        "matching": ("Conversion",),
        "published": ("build",),
        "pytorch": ("convert_file", "from_torch"),
    },
)


def __dir__() -> list[str]:
    return __all__
