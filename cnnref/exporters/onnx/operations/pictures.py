"""Resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ..graph import GraphBuilder, Value, canonical
from .operands import Writer, result, shape_of

#: Keras' interpolations as attributes of Resize; pixels have their middle at half.
HALF_PIXEL = {"coordinate_transformation_mode": "half_pixel"}
INTERPOLATIONS: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil", **HALF_PIXEL},
    "bilinear": {"mode": "linear", **HALF_PIXEL},
}


def resize(builder: GraphBuilder, call: Call, images: Value) -> Value | None:
    operation = call.operation
    is_whole = not (operation.crop_to_aspect_ratio or operation.pad_to_aspect_ratio)
    if operation.data_format == "channels_first" or not is_whole or images.rank != 4:
        return None
    return resized(builder, call, images, operation.interpolation, bool(operation.antialias))


def resized(
    builder: GraphBuilder, call: Call, images: Value, interpolation: str, antialias: bool = False
) -> Value | None:
    """Maps of another height and width."""
    how, sizes = INTERPOLATIONS.get(interpolation), shape_of(call)[1:3]
    shrinks = any(after < before for before, after in zip(images.shape[1:3], sizes, strict=True))
    if how is None or (antialias and shrinks and interpolation != "nearest"):
        return None
    order = canonical(4)
    given = builder.read(images, call.name, order=order, kind="float")
    if sizes == images.shape[1:3]:
        return result(call, given, order)
    # By scales and not by sizes: sizes would need that of the batch, or the attribute `axes`, at which ONNX Runtime
    # 1.32 fails when it moves a Transpose across the node.
    scales = [_scale(before, after) for before, after in zip(images.shape[1:3], sizes, strict=True)]
    row = builder.constant(np.array([1, 1, *scales], np.float32), f"{call.name}.scales")
    return result(call, builder.node("Resize", [given, "", row], call.name, **how), order)


def _scale(before: int, after: int) -> np.float32:
    """The scale in single precision that makes `after` of `before`, whatever the precision of the product."""
    scale = np.float32(after / before)
    while before * float(scale) < after:
        scale = np.nextafter(scale, np.float32(np.inf), dtype=np.float32)
    return scale


PICTURES: dict[str, Writer] = {"Resize": resize}
