"""The contract that every exported file keeps, whatever its format.

One input `image` [batch, height, width, channels] of raw pixel values 0..255, and the preprocessing is inside. The
output of a classifier is `probabilities` [batch, classes]; those of another network have the names of their Keras
layers, or the keys of the dictionary that it gives. The batch is open, unless it is fixed on request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..arithmetic.graph import Graph, Tensor, trace
from ..environment import keras, layers
from ..errors import ExportError, InputError
from ..files import check_labels
from ..models.normalization import mean_and_std, per_channel
from ..models.saving import weights_sha256
from ..pictures import USUAL, PictureRule
from ..runtimes.bundle import OUTPUT_DTYPES, PROBABILITIES, RESERVED, TOP_INDICES, TOP_SCORES, Output
from .names import distinct, safe_name

FORMULA = "(image / 255 - mean) / std"
INPUT_DTYPES = ("float32", "uint8")
LICENSE = "Apache-2.0"


@dataclass(frozen=True)
class Contract:
    """What is written into, and beside, every exported file.

    `shape` is (height, width, channels); `preprocessing` holds mean and std, one a channel, of values 0..1;
    `provenance` says where the weights come from. `input_dtype` is what `image` is fed as, "float32" or "uint8".
    `top_k` is 0, or how many best classes are put out besides, as `top_indices` and `top_scores` [batch, top_k].
    `batch` is the number of images that every file takes, None where that is open. `outputs` are those of the network
    in Keras' order, by default the `probabilities` of a classifier, which has `labels`; other networks have none.
    `picture` is how a photograph comes to the size of the input; `license` is that of the weights.
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
    batch: int | None = None
    outputs: tuple[Output, ...] = ()
    picture: PictureRule = USUAL
    license: str = LICENSE

    def __post_init__(self) -> None:
        if not self.outputs:
            object.__setattr__(self, "outputs", (Output(PROBABILITIES, (len(self.labels),)),))

    @property
    def is_classifier(self) -> bool:
        """Whether the output is `probabilities`, one a label."""
        return bool(self.labels)

    @property
    def results(self) -> tuple[Output, ...]:
        """Everything that a file puts out, the best classes included, by name as TensorFlow orders them."""
        best = (Output(TOP_INDICES, (self.top_k,), "int32"), Output(TOP_SCORES, (self.top_k,)))
        return tuple(sorted((*self.outputs, *(best if self.top_k else ())), key=lambda output: output.name))

    @property
    def classes(self) -> int:
        """The number of classes, which is the width of a classifier's output; 0 of another network."""
        return len(self.labels)

    def embedded(self) -> dict[str, Any]:
        """What goes into the file itself."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "preprocessing": self.preprocessing,
            "color": self.color,
            "picture": self.picture.to_json(),
            "provenance": self.provenance,
            "weights_sha256": self.weights_sha256,
            "license": self.license,
        }

    @property
    def color(self) -> str:
        """The order of the channels: "grayscale" or "RGB", and for another number of them just that."""
        return {1: "grayscale", 3: "RGB"}.get(self.shape[2], f"{self.shape[2]} channels")

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
    batch: int | None = None,
    scores: bool = True,
    picture: PictureRule = USUAL,
    license: str = LICENSE,  # noqa: A002
) -> Contract:
    """Hold a model to the contract.

    Args:
        model: a functional model, or a sequential one that is built.
        name, provenance: see `Contract`.
        labels: by default the numbers from 0.
        input_dtype, top_k, batch, picture, license: see `Contract`.
        scores: whether a single vector that ends in neither softmax nor sigmoid gives the scores of classes (logits);
            if not, it is a measured value, and the network no classifier.

    Raises:
        ExportError: the model does not take one image of fixed size, or what it gives has no fixed size.
        InputError: the number of labels is not the number of classes, or `input_dtype` or `top_k` is not possible.
    """
    try:
        graph = trace(model)
    except InputError as error:
        raise ExportError(str(error)) from None
    given = _image_shape(graph, name)
    activation = _activation(_maker(graph))
    outputs = _outputs(model, graph, name)
    classes = graph.outputs[0].shape[-1] if outputs[0].name == PROBABILITIES else 0
    if classes and activation is None and not scores and labels is None and not top_k:
        outputs, classes = _outputs(model, graph, name, classifier=False), 0
    if not classes and (labels is not None or top_k):
        found = ", ".join(f"{output.name} {list(output.shape)}" for output in outputs)
        raise InputError(
            f"{name} is no classifier, since it gives {found} and not one vector; export it without "
            f"{'labels' if labels is not None else 'top-k'}."
        )
    if labels is not None and len(labels) != classes:
        raise InputError(f"There are {len(labels)} labels for the {classes} outputs of {name}; give one an output.")
    check_labels(list(labels or ()), name)
    if input_dtype not in INPUT_DTYPES:
        raise InputError(f"There is no input type {input_dtype!r}; choose {' or '.join(INPUT_DTYPES)}.")
    if not 0 <= top_k <= classes or (top_k and classes == 1):
        raise InputError(f"top-k is {top_k}, and {name} has {classes} classes; give 1 to {classes}, or none.")
    return Contract(
        name=name,
        shape=given,
        labels=tuple(labels) if labels is not None else tuple(map(str, range(classes))),
        activation=activation if classes else None,
        preprocessing=_preprocessing(graph, given[2]),
        weights_sha256=weights_sha256(model),
        provenance=provenance or {},
        input_dtype=input_dtype,
        top_k=top_k,
        batch=batch,
        outputs=outputs,
        picture=picture,
        license=license,
    )


def _image_shape(graph: Graph, name: str) -> tuple[int, int, int]:
    """Height, width and channels of the one image that a network takes."""
    if len(graph.inputs) != 1:
        raise ExportError(
            f"{name} has {len(graph.inputs)} inputs; cnnref exports convolutional networks that take one image "
            "[batch, height, width, channels], and no others."
        )
    given = graph.inputs[0].shape[1:]
    if len(given) != 3 or given[2] < 1:
        raise ExportError(
            f"{name} takes {list(given)}, not an image; cnnref exports convolutional networks that take one image "
            "[batch, height, width, channels], and none for sequences or volumes."
        )
    return given[0], given[1], given[2]


def _outputs(model: keras.Model, graph: Graph, name: str, *, classifier: bool = True) -> tuple[Output, ...]:
    """What a network gives: the `probabilities` of a classifier, or each output under a name of its own."""
    for tensor in graph.outputs:
        if not tensor.shape or tensor.shape[0] is not None:
            raise ExportError(f"{name} gives {list(tensor.shape)}, whose first axis is not the batch of its images.")
    kinds = [_dtype(tensor, name) for tensor in graph.outputs]
    shapes = [tensor.shape[1:] for tensor in graph.outputs]
    if classifier and len(shapes) == 1 and len(shapes[0]) == 1 and kinds[0] == "float32":
        return (Output(PROBABILITIES, shapes[0]),)
    names = distinct([safe_name(given, "output") for given in _given_names(model)], RESERVED)
    return tuple(map(Output, names, shapes, kinds))


def _given_names(model: keras.Model) -> list[str]:
    """The keys of a dictionary of outputs, or the names of the layers that make them, as Keras has them."""
    functional = getattr(model, "_functional", None) or model
    found = []
    for path, tensor in keras.tree.flatten_with_path(functional.output):
        keyed = any(isinstance(part, str) for part in path)
        found.append("_".join(map(str, path)) if keyed else tensor._keras_history.operation.name)
    return found


def _dtype(tensor: Tensor, name: str) -> str:
    """The type of an output in the files; fractions are float32, whatever Keras computes in."""
    dtype = str(tensor.symbol.dtype)
    if "float" in dtype:
        return "float32"
    if dtype not in OUTPUT_DTYPES:
        raise ExportError(f"{name} gives {dtype}, which not every format has; cast it to int32 with keras.ops.cast.")
    return dtype


def _maker(graph: Graph) -> Any:
    """The layer or operation that makes the first output."""
    return next(call.operation for call in graph.calls if graph.outputs[0] in call.outputs)


def _activation(last: Any) -> str | None:
    """The activation of the last layer; None for a linear output, such as logits or a regression."""
    if isinstance(last, layers.Softmax):
        return "softmax"
    if isinstance(last, keras.Operation) and type(last).__name__ in ("Softmax", "Sigmoid"):  # of keras.ops
        return type(last).__name__.lower()
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
