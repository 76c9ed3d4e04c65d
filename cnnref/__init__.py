"""cnnref: convolutional networks in Keras 3 that can be trusted.

The names below are loaded when they are first used: importing cnnref imports no TensorFlow. It does set, unless the
user has, the environment variables that TensorFlow reads when it is imported (see `cnnref.environment`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import notebooks
from .environment import lazy_names, prepare
from .version import __version__

if TYPE_CHECKING:
    from . import arithmetic, convert, data, explain, exporters, models, page, peers, runtimes, training, weights
    from .convert import build
    from .exporters import export, load, predict
    from .models import Head, Variant, list_models, register, spec
    from .runtimes import benchmark, verify
    from .training import train
    from .weights import list_weights

__all__ = [
    "Head",
    "Variant",
    "__version__",
    "arithmetic",
    "benchmark",
    "build",
    "convert",
    "data",
    "explain",
    "export",
    "exporters",
    "list_models",
    "list_weights",
    "load",
    "models",
    "page",
    "peers",
    "predict",
    "register",
    "runtimes",
    "spec",
    "train",
    "training",
    "verify",
    "weights",
]

_ROOMS = (
    "arithmetic",
    "convert",
    "data",
    "explain",
    "exporters",
    "models",
    "page",
    "peers",
    "runtimes",
    "training",
    "weights",
)
_name = lazy_names(
    __name__,
    {
        "exporters": ("export", "load", "predict"),
        "convert": ("build",),
        "models": ("Head", "Variant", "list_models", "register", "spec"),
        "runtimes": ("benchmark", "verify"),
        "training": ("train",),
        "weights": ("list_weights",),
    },
)

prepare()


def _page_of(bundle: Any) -> str:
    from .page.write import contents_of, page

    return page(contents_of(bundle))


notebooks.page_of = _page_of


def __getattr__(name: str) -> Any:
    return importlib.import_module(f".{name}", __name__) if name in _ROOMS else _name(name)


def __dir__() -> list[str]:
    return list(__all__)
