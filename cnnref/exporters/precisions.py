"""Which files a bundle can have, and what each may cost against Keras in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..arithmetic.graph import calls
from ..environment import keras, layers

FORMATS = ("onnx", "tflite", "saved_model")
PRECISIONS = ("float32", "fp16", "dynamic", "int8")


@dataclass(frozen=True)
class ArtifactKind:
    """A file of a bundle and its bounds.

    `tolerance` is the largest difference of a probability over the samples, `points` the accuracy on a whole test set
    that may be lost (None: none, every image must agree), `size_ratio` the largest share of the float32 file's bytes.
    """

    file: str
    format: str
    precision: str
    tolerance: float
    points: float | None = None
    size_ratio: float | None = None

    def entry(self, model: keras.Model, *, on_noise: bool) -> dict[str, Any]:
        """What bundle.json says of it.

        A depthwise kernel has so few weights a channel that rounding costs more. On noise, which no network was made
        for, integers may give anything: a file that was never tried on pictures has no bound but to be probabilities.
        """
        points, tolerance = self.points, self.tolerance
        if on_noise and self.precision in ("dynamic", "int8"):
            tolerance = 1.0
        if self.precision == "int8" and any(call.keras_class in DEPTHWISE for call in calls(model)):
            points = 1.0
        bounds = {"tolerance": tolerance, "points": points, "size_ratio": self.size_ratio}
        return {"format": self.format, "precision": self.precision, **bounds}


DEPTHWISE = ("DepthwiseConv2D", "SeparableConv2D")

#: In the order in which they are written and shown.
KINDS = (
    ArtifactKind("model.onnx", "onnx", "float32", 1e-5),
    ArtifactKind("model.fp16.onnx", "onnx", "fp16", 0.02, points=0.05, size_ratio=0.52),
    ArtifactKind("model.int8.onnx", "onnx", "int8", 0.5, points=0.3, size_ratio=0.32),
    ArtifactKind("model.tflite", "tflite", "float32", 1e-5),
    ArtifactKind("model.fp16.tflite", "tflite", "fp16", 0.02, points=0.05, size_ratio=0.52),
    ArtifactKind("model.dynamic.tflite", "tflite", "dynamic", 0.2, points=0.1),
    ArtifactKind("model.int8.tflite", "tflite", "int8", 0.5, points=0.3, size_ratio=0.32),
    ArtifactKind("saved_model", "saved_model", "float32", 1e-5),
)

#: What is written for a device that is named; every other export leaves it out.
TARGETS = {"micro": ArtifactKind("micro", "micro", "int8", 0.5, points=0.3)}


def integer_share(model: keras.Model, float32_bytes: int) -> float:
    """The share of a float32 file that its integer file may have at least, however small the filters are.

    A weight takes one byte; a filter takes twelve, for its scale, its bias and the scale of the bias; a .tflite has
    zero points of eight bytes, stored once for all layers of as many filters. What the float32 file holds beside its
    numbers, which is graph, names and metadata, may grow by a quarter for what quantizes. With 38 weights a filter and
    hardly any graph the share is 0.32, and with more weights it is less.

    Args:
        model: the network.
        float32_bytes: the size of the float32 file of the same format.
    """
    kernels: dict[int, tuple[int, int]] = {}
    for layer in model._flatten_layers():
        for name in ("kernel", "depthwise_kernel", "pointwise_kernel"):
            kernel: Any = getattr(layer, name, None)
            if hasattr(kernel, "shape"):
                each_channel = name == "depthwise_kernel" or isinstance(layer, layers.DepthwiseConv2D)
                count = math.prod(kernel.shape[2:]) if each_channel else kernel.shape[-1]
                kernels[id(kernel)] = math.prod(kernel.shape), count
    weights, filters = sum(size for size, _ in kernels.values()), [count for _, count in kernels.values()]
    beside = max(0, float32_bytes - 4 * (weights + sum(filters)))
    least = weights + 12 * sum(filters) + 8 * sum(set(filters)) + 1.25 * beside
    return math.ceil(1e4 * least / float32_bytes) / 1e4


def artifact_kinds(formats: Sequence[str], precisions: Sequence[str]) -> list[ArtifactKind]:
    """The files to write; float32 is always among them, because the others are measured against it."""
    wanted = {"float32", *precisions}
    return [kind for kind in KINDS if kind.format in formats and kind.precision in wanted]


def float32_file(of_format: str) -> str:
    """The file of a format that computes in float32; the others are made from the same graph and measured by it."""
    whole = (kind.file for kind in KINDS if kind.format == of_format and kind.precision == "float32")
    return next(whole, of_format)  # a target has one file, which is called as its format is


__all__ = [
    "FORMATS",
    "KINDS",
    "PRECISIONS",
    "TARGETS",
    "ArtifactKind",
    "artifact_kinds",
    "float32_file",
    "integer_share",
]
