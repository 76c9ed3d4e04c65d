"""Writes the calls of a graph: by hand where a layer has its own form, or else taken apart into operations."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ...arithmetic.graph import Call, Graph, Tensor
from ...environment import keras
from .activations import known
from .graph import GraphBuilder, Value, canonical, unsupported
from .layers import ACTIVATED, LAYERS
from .operations.elementwise import ELEMENTWISE
from .operations.operands import constant, whole
from .operations.pictures import PICTURES
from .operations.products import PRODUCTS
from .operations.reductions import REDUCTIONS
from .operations.shapes import SHAPES
from .operations.simpler import SIMPLER
from .operations.windows import WINDOWS
from .taking_apart import function_of, take_apart

#: By the name of the class in keras.ops.
OPERATIONS = ELEMENTWISE | PICTURES | PRODUCTS | REDUCTIONS | SHAPES | WINDOWS


def write_graph(builder: GraphBuilder, graph: Graph, given: Sequence[Value]) -> list[Value]:
    """Write all calls of a graph, whose inputs are given, and return its outputs.

    Raises:
        NoFormError: a layer or an operation has no form in ONNX; the message names it.
    """
    values: dict[Tensor, Value] = dict(zip(graph.inputs, given, strict=True))
    for call in graph.calls:
        if call.inputs or call.outputs[0] not in values:
            results = write(builder, call, [values[tensor] for tensor in call.inputs])
            values.update(zip(call.outputs, results, strict=True))
    return [values[tensor] for tensor in graph.outputs]


def write(builder: GraphBuilder, call: Call, inputs: Sequence[Value]) -> list[Value]:
    """Write the nodes of one call and return its results.

    Raises:
        NoFormError: it has no form in ONNX.
    """
    operation, kind = call.operation, type(call.operation).__name__
    is_layer = isinstance(operation, keras.Layer)
    if getattr(operation, "quantization_mode", None):
        raise unsupported(call, "its weights are integers; they are exported as floats where the export prepares it")
    if type(operation).__module__.startswith("keras."):
        table = LAYERS if is_layer else OPERATIONS
        found = _by_table(builder, call, inputs, table[kind]) if kind in table else None
        if found is not None:
            if is_layer and kind in ACTIVATED:
                found = activated(builder, call, found, operation.activation)
            return found if isinstance(found, list) else [found]
    if type(operation) in builder.taken_apart and not is_layer:
        raise unsupported(call)
    apart = function_of if is_layer else SIMPLER.get(kind, attrgetter("call"))
    function = apart(operation)
    graph = take_apart(function, call, [value.shape for value in inputs])
    builder.taken_apart.append(type(operation))
    results = write_graph(builder, graph, inputs)
    builder.taken_apart.pop()
    return results


def _by_table(builder: GraphBuilder, call: Call, inputs: Sequence[Value], writer: Any) -> Any:
    """What the function for a layer or an operation gives."""
    if isinstance(call.operation, keras.Layer):
        inputs = [builder.turned(x, canonical(x.rank), call.name) if not x.is_canonical else x for x in inputs]
        inputs = [builder.cast(x, "float", call.name) for x in inputs]
    tensors = iter(inputs)
    args, kwargs = keras.tree.map_structure(lambda part: _argument(call, part, tensors), call.arguments)
    if isinstance(call.operation, keras.Layer):
        kwargs = {}
    return writer(builder, call, *args, **kwargs)


def _argument(call: Call, part: Any, tensors: Any) -> Any:
    """A part of a call's arguments: a tensor, a constant, or what is no tensor and stays as it is."""
    if isinstance(part, keras.KerasTensor):
        return next(tensors)
    if hasattr(part, "shape") and hasattr(part, "dtype"):
        name = getattr(part, "name", None) if isinstance(part, keras.Variable) else None
        return constant(part, f"{call.name}.{name or 'constant'}")
    return part


def activated(builder: GraphBuilder, call: Call, x: Value, function: Any) -> Value:
    """Apply an activation function, whoever wrote it."""
    found = known(builder, call, x, function)
    if found is not None:
        return found
    symbol = keras.KerasTensor(whole(x.shape))
    name = f"{call.name}_{getattr(function, '__name__', type(function).__name__)}".replace("<lambda>", "lambda")
    own = Call(name, call.operation, ((symbol,), {}), (Tensor(call.name, symbol),), (Tensor(name, symbol),))
    (result,) = write_graph(builder, take_apart(function, own, [x.shape]), [x])
    return result
