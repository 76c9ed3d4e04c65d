"""Run, verify and time an exported bundle; knows NumPy and the runtimes, never Keras.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artifacts import open_artifact
    from .bench import Timing, benchmark
    from .bundle import Artifact, Bundle, ListedFile, read_bundle
    from .evaluate import accuracy, agreement
    from .prediction import Prediction, predict
    from .report import Check, Report, write_report
    from .runner import Runner, RuntimeMissingError, Tensor
    from .samples import Samples, read_samples
    from .shelf import find_bundle, list_bundles
    from .verification import verify

__all__ = [
    "Artifact",
    "Bundle",
    "Check",
    "ListedFile",
    "Prediction",
    "Report",
    "Runner",
    "RuntimeMissingError",
    "Samples",
    "Tensor",
    "Timing",
    "accuracy",
    "agreement",
    "benchmark",
    "find_bundle",
    "list_bundles",
    "open_artifact",
    "predict",
    "read_bundle",
    "read_samples",
    "verify",
    "write_report",
]

_FILES = {
    "artifacts": ("open_artifact",),
    "bench": ("Timing", "benchmark"),
    "bundle": ("Artifact", "Bundle", "ListedFile", "read_bundle"),
    "evaluate": ("accuracy", "agreement"),
    "prediction": ("Prediction", "predict"),
    "report": ("Check", "Report", "write_report"),
    "runner": ("Runner", "RuntimeMissingError", "Tensor"),
    "shelf": ("find_bundle", "list_bundles"),
    "samples": ("Samples", "read_samples"),
    "verification": ("verify",),
}
_HOME = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return __all__
