"""The architectures: one family a file, and one builder for every name that `list_models` gives."""

from __future__ import annotations

from typing import Any

from . import basic, lenet, tinyvgg  # noqa: F401  (importing a family registers its models)
from .registry import Spec, build, builder, list_models, spec

__all__ = ["Spec", "build", "builder", "list_models", "spec"]


def __getattr__(name: str) -> Any:
    if name in list_models():
        return builder(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; `list_models()` gives the models")


def __dir__() -> list[str]:
    return [*__all__, *list_models()]
