"""Resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ..graph import GraphBuilder, Value, canonical
from .operands import Writer, result, shape_of

#: Keras' interpolations of whole images, whose pixels have their middle at half, as attributes of Resize.
HALF_PIXEL = {"coordinate_transformation_mode": "half_pixel"}
INTERPOLATIONS: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil", **HALF_PIXEL},
    "bilinear": {"mode": "linear", **HALF_PIXEL},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1, **HALF_PIXEL},
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
    how = dict(INTERPOLATIONS.get(interpolation, {}))
    shrinks = any(after < before for before, after in zip(images.shape[1:3], shape_of(call)[1:3], strict=True))
    antialias = antialias and shrinks and interpolation != "nearest"
    # Before opset 18, ONNX Runtime's cubic interpolation is not exact at the edges.
    if not how or ((antialias or interpolation == "bicubic") and builder.opset < 18):
        return None
    if antialias:
        how["antialias"] = 1
    order = canonical(4)
    given = builder.read(images, call.name, order=order, kind="float")
    sizes = shape_of(call)[1:3]
    if sizes == images.shape[1:3]:
        return result(call, given, order)
    if builder.opset >= 18:
        row = builder.integers(sizes, f"{call.name}.sizes")
        made = builder.node("Resize", [given, "", "", row], call.name, axes=[2, 3], **how)
    else:
        # Without axes the sizes would need that of the batch.
        scales = [_scale(before, after) for before, after in zip(images.shape[1:3], sizes, strict=True)]
        row = builder.constant(np.array([1, 1, *scales], np.float32), f"{call.name}.scales")
        made = builder.node("Resize", [given, "", row], call.name, **how)
    return result(call, made, order)


def _scale(before: int, after: int) -> np.float32:
    """The scale in single precision that makes `after` of `before`, whatever the precision of the product."""
    scale = np.float32(after / before)
    while before * float(scale) < after:
        scale = np.nextafter(scale, np.float32(np.inf), dtype=np.float32)
    return scale


PICTURES: dict[str, Writer] = {"Resize": resize}
