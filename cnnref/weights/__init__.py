"""Published weights by name: the catalogue, fetching a file and checking it, and reading it without PyTorch.

The names below are loaded at first use: importing this package imports neither Keras nor NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .catalogue import Weights, imagenet_classes, list_weights, weights
    from .fetching import fetch
    from .reading import read_weights

__all__ = ["Weights", "fetch", "imagenet_classes", "list_weights", "read_weights", "weights"]

__getattr__ = lazy_names(
    __name__,
    {
        "catalogue": ("Weights", "imagenet_classes", "list_weights", "weights"),
        "fetching": ("fetch",),
        "reading": ("read_weights",),
    },
)


def __dir__() -> list[str]:
    return __all__
