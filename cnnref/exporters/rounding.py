"""Kernels rounded to float16 before anything is written, so that model.keras takes half the bytes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..environment import keras
from ..errors import ExportError
from ..models.saving import load_model, save_model, weights_sha256
from ..runtimes.evaluate import POINTS_COUNT_FROM, top1
from .proof import keras_outputs, with_reference
from .samples import ExportData
from .source import Source

#: What rounding may cost, as for the fp16 files: points of accuracy on a test set, and any probability of the samples.
POINTS, TOLERANCE = 0.05, 0.02


def to_float16(source: Source, *, unsafe_lambda: bool = False) -> Source:
    """The source with kernels that float16 can hold; biases and statistics stay as they are.

    With `unsafe_lambda`, the code of `Lambda` layers is run.

    Raises:
        ExportError: a kernel is too large for float16.
    """
    largest = max((float(np.abs(value).max()) for value in source.model.get_weights() if value.ndim > 1), default=0.0)
    if not largest <= float(np.finfo(np.float16).max):
        raise ExportError(f"{source.name} has a kernel value of {largest:.3g}, beyond float16; export it without half.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.keras"
        save_model(source.model, path, half=True)
        return replace(source, model=load_model(path, unsafe_lambda=unsafe_lambda))


def cost_of_rounding(name: str, before: keras.Model, after: keras.Model, data: ExportData) -> dict[str, Any]:
    """What bundle.json says of the rounding: the weights it began with, and on a test set what it cost.

    Raises:
        ExportError: it cost more than an fp16 file may lose.
    """
    facts: dict[str, Any] = {"kernels": "float16", "from_sha256": weights_sha256(before)}
    for exact, rounded in zip(*(keras_outputs(model, data.samples) for model in (before, after)), strict=True):
        difference = float(np.abs(exact.astype(np.float32) - rounded).max(initial=0))
        if not difference <= TOLERANCE * max(1.0, float(np.abs(exact).max(initial=0))):
            raise ExportError(f"Rounded to float16, {name} differs by {difference:.2g}; export it without half.")
    if data.test_set is None:
        return facts
    reference, found = (with_reference(model, data.test_set) for model in (before, after))
    lost = 100 * (reference.reference_accuracy - found.reference_accuracy)
    if lost > POINTS + 1e-9 and len(found.labels) >= POINTS_COUNT_FROM:
        raise ExportError(f"Rounded to float16, {name} loses {lost:.2f} points of accuracy; export it without half.")
    agreement = float(np.mean(top1(reference.reference) == top1(found.reference)))
    return facts | {
        "test_accuracy": found.reference_accuracy,
        "test_images": len(found.labels),
        "same_class": agreement,
    }
