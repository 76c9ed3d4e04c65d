"""Running a network call by call, also inside nested models, so that every value can be read or replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras
from .graph import Call, Graph, Tensor


def input_value(graph: Graph, image: NDArray[np.float32]) -> dict[Tensor, Any]:
    """The value of the graph's single input: the picture [height, width, channels] as a batch of one."""
    (tensor,) = graph.inputs
    return {tensor: keras.ops.convert_to_tensor(image[None], tensor.symbol.dtype)}


def run_calls(
    graph: Graph, known: Mapping[Tensor, Any], replacements: Mapping[Call, Callable[[Any], Any]] | None = None
) -> dict[Tensor, Any]:
    """Compute the values of all tensors from those of some; calls whose outputs are all known are skipped.

    Args:
        graph: the result of `cnnref.arithmetic.graph.trace`.
        known: values [batch, ...] from which all others can be computed, such as those of the inputs.
        replacements: functions that replace some calls; each is called with the first input of its call.
    """
    values = dict(known)
    for call in graph.calls:
        if all(tensor in values for tensor in call.outputs):
            continue
        if replacements and call in replacements:
            found = replacements[call](values[call.inputs[0]])
        else:
            args, kwargs = arguments_of(call, values)
            found = call.operation(*args, **kwargs)
        values.update(zip(call.outputs, found if isinstance(found, list | tuple) else [found], strict=True))
    return values


def arguments_of(call: Call, values: Mapping[Tensor, Any]) -> Any:
    """The arguments of a call with values in place of its symbolic tensors, which are in the order of its inputs."""
    inputs = iter(call.inputs)
    args, kwargs = keras.tree.map_structure(
        lambda part: values[next(inputs)] if isinstance(part, keras.KerasTensor) else part, call.arguments
    )
    if getattr(call.operation, "_call_has_training_arg", False):
        kwargs["training"] = False
    return args, kwargs


def tensors_after(graph: Graph, tensor: Tensor) -> set[Tensor]:
    """The tensors that are computed from a tensor, directly or through others, without the tensor itself."""
    found = {tensor}
    for call in graph.calls:
        if any(one in found for one in call.inputs):
            found.update(call.outputs)
    return found - {tensor}
