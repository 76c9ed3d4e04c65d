"""Weights from other libraries, put into the networks of this package with the proof that all of them found a place.

The names below are loaded at first use: importing this package imports neither Keras nor PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .files import convert_file
    from .keras_applications import from_keras_applications
    from .matching import Conversion
    from .pytorch import from_torch

__all__ = ["Conversion", "convert_file", "from_keras_applications", "from_torch"]

__getattr__ = lazy_names(
    __name__,
    {
        "files": ("convert_file",),
        "keras_applications": ("from_keras_applications",),
        "matching": ("Conversion",),
        "pytorch": ("from_torch",),
    },
)


def __dir__() -> list[str]:
    return __all__
