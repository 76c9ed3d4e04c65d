"""A network run call by call, with nested models opened: every value can be looked at, and any one be exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras
from .graph import Call, Graph, Tensor


def input_value(graph: Graph, image: NDArray[np.float32]) -> dict[Tensor, Any]:
    """The picture [height, width, channels] as the value of the graph's one input."""
    (tensor,) = graph.inputs
    return {tensor: keras.ops.convert_to_tensor(image[None], tensor.symbol.dtype)}


def run_calls(
    graph: Graph, known: Mapping[Tensor, Any], replacements: Mapping[Call, Callable[[Any], Any]] | None = None
) -> dict[Tensor, Any]:
    """The values of all tensors, given some; calls whose outputs are all given are not made.

    Args:
        graph: of `cnnref.arithmetic.graph.trace`.
        known: values with a batch; enough to compute the others from.
        replacements: functions that are called in place of some calls, each with the first input of its call.
    """
    values = dict(known)
    for call in graph.calls:
        if all(tensor in values for tensor in call.outputs):
            continue
        if replacements and call in replacements:
            found = replacements[call](values[call.inputs[0]])
        else:
            args, kwargs = _filled(call, values)
            found = call.operation(*args, **kwargs)
        values.update(zip(call.outputs, found if isinstance(found, list | tuple) else [found], strict=True))
    return values


def _filled(call: Call, values: Mapping[Tensor, Any]) -> Any:
    """The arguments of a call with values for symbols, whose order is that of the call's inputs."""
    inputs = iter(call.inputs)
    args, kwargs = keras.tree.map_structure(
        lambda part: values[next(inputs)] if isinstance(part, keras.KerasTensor) else part, call.arguments
    )
    if getattr(call.operation, "_call_has_training_arg", False):
        kwargs["training"] = False
    return args, kwargs


def tensors_after(graph: Graph, tensor: Tensor) -> set[Tensor]:
    """The tensors that are computed from one tensor, directly or through others; without itself."""
    found = {tensor}
    for call in graph.calls:
        if any(one in found for one in call.inputs):
            found.update(call.outputs)
    return found - {tensor}
