"""cnnref: convolutional networks in Keras 3 that can be trusted.

The names below are loaded when they are first used: importing cnnref imports no TensorFlow. It does set, unless the
user has, the environment variables that TensorFlow reads when it is imported (see `cnnref.environment`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .environment import prepare

if TYPE_CHECKING:
    from . import arithmetic, data, export, models, runtimes
    from .export import load
    from .models import build, list_models, spec
    from .runtimes import benchmark, verify
    from .training import train

__version__ = "0.1.0"
__all__ = [
    "arithmetic",
    "benchmark",
    "build",
    "data",
    "export",
    "list_models",
    "load",
    "models",
    "runtimes",
    "spec",
    "train",
    "verify",
]

_HOME = {
    "benchmark": "runtimes",
    "build": "models",
    "list_models": "models",
    "load": "export",
    "spec": "models",
    "train": "training",
    "verify": "runtimes",
}
_ROOMS = ("arithmetic", "data", "export", "models", "runtimes")

prepare()


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
