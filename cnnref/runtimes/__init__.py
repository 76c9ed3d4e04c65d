"""Run, verify and time an exported bundle; knows NumPy and the runtimes, never Keras.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

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

__getattr__ = lazy_names(
    __name__,
    {
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
    },
)


def __dir__() -> list[str]:
    return __all__
