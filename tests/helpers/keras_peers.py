"""What keras.applications downloads for a network, found out without building the network."""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from types import ModuleType
from unittest import mock

from cnnref.environment import keras

#: What the modules of keras.applications build with; MobileNetV3 rounds widths with `_depth`.
BUILDING = ("layers", "Functional", "operation_utils", "ops", "Sequential", "_depth")


def asked_of_keras(name: str) -> tuple[str, str | None]:
    """The address and the hash of the file that `keras.applications.NAME(weights="imagenet")` asks for.

    The code of the network runs with layers that do nothing, so that the largest takes a second.
    """
    asked: list[tuple[str, str | None]] = []

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: object) -> str:
        asked.append((origin, file_hash))
        raise InterruptedError(fname)

    builder = getattr(keras.applications, name)
    with contextlib.ExitStack() as stack:
        for module in _modules(sys.modules[builder.__module__]):
            for attribute, value in list(vars(module).items()):
                if attribute in BUILDING or (inspect.isclass(value) and issubclass(value, keras.layers.Layer)):
                    stack.enter_context(mock.patch.object(module, attribute, mock.MagicMock()))
        stack.enter_context(mock.patch("keras.src.utils.file_utils.get_file", get_file))
        stack.enter_context(contextlib.suppress(InterruptedError))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # about sizes that the weights are not for
        builder(weights="imagenet")
    ((url, digits),) = asked
    return url, digits


def _modules(module: ModuleType) -> list[ModuleType]:
    """A module of keras.applications, and those of the same folder that it builds with (ResNetV2 with ResNet's)."""
    folder = module.__name__.rpartition(".")[0]
    others = [value for value in vars(module).values() if inspect.ismodule(value)]
    return [
        module,
        *(one for one in others if one.__name__.rpartition(".")[0] == folder and "utils" not in one.__name__),
    ]
