"""The contract that every exported file keeps, whatever its format.

One input `image` [batch, height, width, channels] of raw pixel values 0..255, one output `probabilities`
[batch, classes]; the batch is open, the preprocessing is inside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..arithmetic.graph import Graph, trace
from ..environment import keras, layers
from ..errors import ExportError, InputError
from ..models.normalization import mean_and_std, per_channel
from ..models.saving import weights_sha256
from ..pictures import RULE

FORMULA = "(image / 255 - mean) / std"
INPUT_DTYPES = ("float32", "uint8")
LICENSE = "Apache-2.0"


@dataclass(frozen=True)
class Contract:
    """What is written into, and beside, every exported file.

    `shape` is (height, width, channels); `preprocessing` holds mean and std, one a channel, of values 0..1;
    `provenance` says where the weights come from. `input_dtype` is what `image` is fed as, "float32" or "uint8".
    `top_k` is 0, or how many best classes are put out besides, as `top_indices` and `top_scores` [batch, top_k].
    """

    name: str
    shape: tuple[int, int, int]
    labels: tuple[str, ...]
    activation: str | None
    preprocessing: dict[str, Any]
    weights_sha256: str
    provenance: dict[str, Any] = field(default_factory=dict)
    input_dtype: str = "float32"
    top_k: int = 0

    @property
    def classes(self) -> int:
        """The number of classes, which is the width of the output."""
        return len(self.labels)

    def embedded(self) -> dict[str, Any]:
        """What goes into the file itself."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "preprocessing": self.preprocessing,
            "color": self.color,
            "picture": RULE,
            "provenance": self.provenance,
            "weights_sha256": self.weights_sha256,
            "license": LICENSE,
        }

    @property
    def color(self) -> str:
        """The order of the channels: "grayscale" or "RGB"."""
        return "grayscale" if self.shape[2] == 1 else "RGB"

    def metadata(self) -> dict[str, str]:
        """The same as strings for ONNX metadata_props, each key under cnnref."""
        return {
            f"cnnref.{key}": value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in self.embedded().items()
        }


def contract_of(
    model: keras.Model,
    name: str,
    labels: Sequence[str] | None = None,
    provenance: dict[str, Any] | None = None,
    *,
    input_dtype: str = "float32",
    top_k: int = 0,
) -> Contract:
    """Hold a model to the contract.

    Raises:
        ExportError: the model is no image classifier with one input and one output of fixed size.
        InputError: the number of labels is not the number of classes, or `input_dtype` or `top_k` is not possible.
    """
    try:
        graph = trace(model)
    except InputError as error:
        raise ExportError(str(error)) from None
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ExportError(
            f"{name} has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; one image goes in and one "
            "vector comes out of a model that is exported."
        )
    given, result = graph.inputs[0].shape[1:], graph.outputs[0].shape[1:]
    if len(given) != 3 or given[2] not in (1, 3):
        raise ExportError(f"{name} takes {given}, not an image of height, width and 1 or 3 channels.")
    if len(result) != 1:
        raise ExportError(f"{name} gives {result}, not one vector; build it with include_top=True.")
    if labels is not None and len(labels) != result[0]:
        raise InputError(f"There are {len(labels)} labels for the {result[0]} outputs of {name}; give one an output.")
    for index, label in enumerate(labels or ()):
        if not label or "\n" in label or "\r" in label:
            raise InputError(f"Label {index} of {name} is {label!r}; give each class a name of one line.")
    if input_dtype not in INPUT_DTYPES:
        raise InputError(f"There is no input type {input_dtype!r}; choose {' or '.join(INPUT_DTYPES)}.")
    if not 0 <= top_k <= result[0] or (top_k and result[0] == 1):
        raise InputError(f"top-k is {top_k}, and {name} has {result[0]} classes; give 1 to {result[0]}, or none.")
    return Contract(
        name=name,
        shape=(given[0], given[1], given[2]),
        labels=tuple(labels) if labels is not None else tuple(map(str, range(result[0]))),
        activation=_activation(graph.calls[-1].operation),
        preprocessing=_preprocessing(graph, given[2]),
        weights_sha256=weights_sha256(model),
        provenance=provenance or {},
        input_dtype=input_dtype,
        top_k=top_k,
    )


def _activation(last: Any) -> str | None:
    """The activation of the last layer; None for a linear output, such as logits or a regression."""
    if isinstance(last, layers.Softmax):
        return "softmax"
    name = getattr(getattr(last, "activation", None), "__name__", None)
    return name if name in ("softmax", "sigmoid") else None


def _preprocessing(graph: Graph, channels: int) -> dict[str, Any]:
    """Mean and std of a Rescaling right after the input; without one, those that change nothing."""
    readers = [call.operation for call in graph.calls if graph.inputs[0] in call.inputs]
    scale, offset = [1.0] * channels, [0.0] * channels
    if len(readers) == 1 and type(readers[0]) is layers.Rescaling:
        scale, offset = (per_channel(value, channels) for value in (readers[0].scale, readers[0].offset))
    mean, std = mean_and_std(scale, offset)
    return {"mean": list(mean), "std": list(std), "formula": FORMULA}
