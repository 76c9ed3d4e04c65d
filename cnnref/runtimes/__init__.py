"""Run, verify and time an exported bundle; knows NumPy and the runtimes, never Keras.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .artifacts import open_artifact
    from .bench import Timing, benchmark
    from .bundle import Artifact, Bundle, ListedFile
    from .evaluate import LabelledImages, accuracy
    from .layer_noise import LayerNoise, culprit, noise_of_layers
    from .locate import find_bundle, list_bundles
    from .manifest import read_bundle
    from .prediction import Prediction, predict
    from .report import FAILED, Check, Outcome, Report, quarantine_failures, read_report, write_report
    from .runner import Runner, RuntimeMissingError, Tensor
    from .samples import Samples, read_samples
    from .verification import verify

__all__ = [
    "FAILED",
    "Artifact",
    "Bundle",
    "Check",
    "LabelledImages",
    "LayerNoise",
    "ListedFile",
    "Outcome",
    "Prediction",
    "Report",
    "Runner",
    "RuntimeMissingError",
    "Samples",
    "Tensor",
    "Timing",
    "accuracy",
    "benchmark",
    "culprit",
    "find_bundle",
    "list_bundles",
    "noise_of_layers",
    "open_artifact",
    "predict",
    "quarantine_failures",
    "read_bundle",
    "read_report",
    "read_samples",
    "verify",
    "write_report",
]

__getattr__ = lazy_names(
    __name__,
    {
        "artifacts": ("open_artifact",),
        "bench": ("Timing", "benchmark"),
        "bundle": ("Artifact", "Bundle", "ListedFile"),
        "manifest": ("read_bundle",),
        "evaluate": ("LabelledImages", "accuracy"),
        "prediction": ("Prediction", "predict"),
        "report": ("FAILED", "Check", "Outcome", "Report", "quarantine_failures", "read_report", "write_report"),
        "runner": ("Runner", "RuntimeMissingError", "Tensor"),
        "layer_noise": ("LayerNoise", "culprit", "noise_of_layers"),
        "locate": ("find_bundle", "list_bundles"),
        "samples": ("Samples", "read_samples"),
        "verification": ("verify",),
    },
)


def __dir__() -> list[str]:
    return __all__
