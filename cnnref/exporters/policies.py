"""Dtype policies other than float32: which layers have one, their weights in float32, and what the policy loses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arithmetic.graph import trace
from ..environment import keras, layers
from ..errors import ExportError, printable
from .options import ExportOptions


def policies_of(found: Iterable[Any]) -> list[str]:
    """The dtype policies of layers whose arithmetic is not that of float32, by name."""
    return sorted({str(layer.dtype_policy.name) for layer in found if _is_lossy(layer.dtype_policy)})


def _is_lossy(policy: Any) -> bool:
    if getattr(policy, "quantization_mode", None) is not None:
        return True
    return any("float" in str(dtype) and dtype != "float32" for dtype in (policy.compute_dtype, policy.variable_dtype))


def float32_weights(layer: Any) -> list[NDArray[Any]]:
    """The weights of a layer for its float32 form: what a quantized kernel stands for.

    Raises:
        ExportError: it has quantized layers inside, or is one whose kernel is not known here.
    """
    quantized = [inner for inner in layer._flatten_layers() if getattr(inner, "quantization_mode", None) is not None]
    if not quantized:
        return [np.asarray(keras.ops.convert_to_numpy(weight)) for weight in layer.weights]
    if quantized != [layer] or type(layer) is not layers.Dense:
        found = quantized[0]
        raise ExportError(
            f"Layer {printable(found.name)} ({type(found).__name__}) is quantized, and only dense layers of the model "
            "itself are turned back into float32; export the model from before quantize()."
        )
    # A dense layer without bias and activation gives its kernel for the unit matrix, however that is stored.
    rows = layer.input_spec.axes[-1]
    activation, bias = layer.activation, layer.bias
    layer.activation, layer.bias = None, None
    try:
        kernel = keras.ops.convert_to_numpy(keras.ops.cast(layer(np.eye(rows, dtype=np.float32)), "float32"))
    finally:
        layer.activation, layer.bias = activation, bias
    return [kernel] if bias is None else [kernel, np.asarray(keras.ops.convert_to_numpy(bias))]


@dataclass(frozen=True)
class Comparison:
    """What two models give for the same pictures.

    `largest_difference` is that of values up to 1, greater ones count in proportion; it is infinite if only one of them
    gives finite numbers. `same_largest` is the share of places at which the largest value of the last axis is the same,
    None where that has one value only.
    """

    largest_difference: float
    same_largest: float | None
    images: int


def compare(before: keras.Model, after: keras.Model, images: NDArray[np.uint8], options: ExportOptions) -> Comparison:
    """Run two forms of a model on pictures, each as it takes them."""
    differences, same = [0.0], []
    for old, new in zip(*(_answers(model, images, options) for model in (before, after)), strict=True):
        off = np.abs(old - new)
        off[np.isnan(old) & np.isnan(new) | (old == new)] = 0  # damaged weights, which are refused elsewhere
        scale = max(1.0, float(np.abs(new).max(initial=0)))
        differences.append(float(np.nan_to_num(off, nan=np.inf).max(initial=0)) / scale)
        if new.ndim > 1 and new.shape[-1] > 1:
            same.append(float(np.mean(old.argmax(-1) == new.argmax(-1))))
    return Comparison(max(differences), float(np.mean(same)) if same else None, len(images))


def cost_of_policies(
    before: keras.Model, after: keras.Model, images: NDArray[np.uint8], options: ExportOptions, *, on: str
) -> dict[str, Any]:
    """What bundle.json says of a model under other dtype policies than float32: which, and what they lose.

    Args:
        before: the model as it was given.
        after: the same weights in float32.
        images: pictures that both are run on.
        options: mean and std, if the model does not take raw pixels.
        on: what the pictures are, in words.
    """
    found = compare(before, after, images, options)
    finite = np.isfinite(found.largest_difference)
    return {
        "policies": policies_of(layer for layer in before._flatten_layers() if not isinstance(layer, keras.Model)),
        "largest_difference": float(f"{found.largest_difference:.3g}") if finite else None,
        "same_largest": None if found.same_largest is None else round(found.same_largest, 4),
        "images": found.images,
        "on": on,
    }


def _answers(model: keras.Model, images: NDArray[np.uint8], options: ExportOptions) -> list[NDArray[np.float32]]:
    """What a model gives for uint8 pictures, whatever it takes them in: every output as float32."""
    (given,) = trace(model, open_sizes=True).inputs
    pixels: NDArray[Any] = images
    if options.mean is not None or options.std is not None:
        mean, std = (np.asarray(usual if one is None else one) for one, usual in ((options.mean, 0), (options.std, 1)))
        pixels = (images / 255 - mean) / std
    batch = given.shape[0] or len(images)
    structure, parts = functional(model).input, []
    for start in range(0, len(images), batch):
        fed = keras.ops.cast(np.take(pixels, range(start, start + batch), axis=0, mode="wrap"), given.symbol.dtype)
        found = model(keras.tree.pack_sequence_as(structure, [fed]), training=False)
        parts.append([keras.ops.cast(one, "float32") for one in keras.tree.flatten(found)])
    whole = (np.concatenate(list(map(keras.ops.convert_to_numpy, output))) for output in zip(*parts, strict=True))
    return [one[: len(images)] for one in whole]


def functional(model: keras.Model) -> Any:
    """The functional model that a sequential one keeps inside; another one itself."""
    return getattr(model, "_functional", None) or model
