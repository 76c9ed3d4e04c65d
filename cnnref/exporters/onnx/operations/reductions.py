"""Operations that make one number of all along some axes, and those that run along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onnx import TensorProto

from ....arithmetic.graph import Call
from ..graph import GraphBuilder, Value
from .operands import Writer, kind_given, operand, plain, result, shape_of

#: The opset from which on the axes of these operators are an input and no attribute.
AXES_AS_INPUT = {"ReduceSum": 13}
#: What every global pooling layer is; runtimes have it as one kernel.
POOLED = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}


def reduced(kind: str, stored: str = "") -> Writer:
    """One of ONNX' reductions."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        operation = call.operation
        if getattr(operation, "initial", None) is not None:
            return None
        axes = axes_of(operation.axis, x.rank)
        x = builder.cast(plain(builder, x, call.name), stored or kind_given(call), call.name)
        if axes == (1, 2) and x.maps and kind in POOLED and x.kind == "float":
            pooled = builder.node(POOLED[kind], [x.name], call.name)
            if operation.keepdims:
                return replace(x, name=pooled, shape=shape_of(call))
            return result(call, builder.node("Flatten", [pooled], f"{call.name}_flatten", axis=1))
        return along(builder, call, kind, x, axes, operation.keepdims)

    return write


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Keras' axis or axes as sorted positive numbers; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted(number % rank for number in ([axis] if isinstance(axis, int) else axis)))


def along(builder: GraphBuilder, call: Call, kind: str, x: Value, axes: Sequence[int], keepdims: bool) -> Value:
    """A reduction of stored axes; those that are left stay in their order."""
    places = sorted(x.stored(axis) for axis in axes)
    if builder.opset >= AXES_AS_INPUT.get(kind, 18):
        given = [x.name, builder.integers(places, f"{call.name}.axes")]
        made = builder.node(kind, given, call.name, keepdims=int(keepdims))
    else:
        made = builder.node(kind, [x.name], call.name, axes=places, keepdims=int(keepdims))
    return result(call, made, x.order if keepdims else without(x.order, axes), kind=x.kind)


def without(order: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """An order of axes when some of them are gone."""
    left = [axis for axis in order if axis not in axes]
    return tuple(sorted(left).index(axis) for axis in left)


def index_of(kind: str) -> Writer:
    """ArgMax and ArgMin."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        operation = call.operation
        if operation.axis is None:
            return None
        x = plain(builder, x, call.name)
        x = builder.cast(x, "int", call.name) if x.kind == "bool" else x
        axis, keepdims = operation.axis % x.rank, bool(operation.keepdims)
        made = builder.node(kind, [x.name], call.name, axis=x.stored(axis), keepdims=int(keepdims))
        return result(call, made, x.order if keepdims else without(x.order, [axis]), kind="int")

    return write


def top_k(builder: GraphBuilder, call: Call, x: Value) -> list[Value]:
    count = builder.integers([call.operation.k], f"{call.name}.k")
    values, indices = builder.nodes_of("TopK", [builder.read(x, call.name), count], call.name, 2)
    return [result(call, values, kind=x.kind), result(call, indices, output=1, kind="int")]


def sorted_along(output: int) -> Writer:
    """Sort (output 0 of TopK) and Argsort (output 1), from the smallest to the largest."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        if call.operation.axis is None:
            return None
        x = plain(builder, x, call.name)
        axis = call.operation.axis % x.rank
        count = builder.integers([x.shape[axis]], f"{call.name}.k")
        made = builder.nodes_of("TopK", [x.name, count], call.name, 2, axis=x.stored(axis), largest=0)
        return result(call, made[output], x.order, kind=x.kind if output == 0 else "int")

    return write


def cumulative_sum(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    if call.operation.axis is None:
        return None
    x = builder.cast(plain(builder, x, call.name), kind_given(call), call.name)
    axis = builder.integers([x.stored(call.operation.axis)], f"{call.name}.axis")
    return replace(x, name=builder.node("CumSum", [x.name, axis], call.name))


def take(builder: GraphBuilder, call: Call, x: Any, indices: Any) -> Value | None:
    axis = call.operation.axis
    if axis is None:
        return None
    x, indices = operand(x, call), operand(indices, call, "indices")
    given = [builder.read(x, call.name), builder.read(indices, call.name, kind="int")]
    return result(call, builder.node("Gather", given, call.name, axis=axis % x.rank), kind=x.kind)


def take_along_axis(builder: GraphBuilder, call: Call, x: Any, indices: Any) -> Value | None:
    axis = call.operation.axis
    x, indices = operand(x, call), operand(indices, call, "indices")
    if axis is None or any(
        a != b for i, (a, b) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis % x.rank
    ):
        return None
    given = [builder.read(x, call.name), builder.read(indices, call.name, kind="int")]
    return result(call, builder.node("GatherElements", given, call.name, axis=axis % x.rank), kind=x.kind)


def one_hot(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    operation = call.operation
    if operation.axis not in (-1, x.rank):
        return None
    depth = builder.integers([operation.num_classes], f"{call.name}.depth")
    ends = builder.integers([0, 1], f"{call.name}.values")
    made = builder.node("OneHot", [builder.read(x, call.name, kind="int"), depth, ends], call.name, axis=-1)
    made = (
        builder.node("Cast", [made], f"{call.name}_float", to=TensorProto.FLOAT)
        if kind_given(call) == "float"
        else made
    )
    return result(call, made)


REDUCTIONS: dict[str, Writer] = {
    "Amax": reduced("ReduceMax"),
    "Amin": reduced("ReduceMin"),
    "Argmax": index_of("ArgMax"),
    "Argmin": index_of("ArgMin"),
    "Argsort": sorted_along(1),
    "Cumsum": cumulative_sum,
    "Logsumexp": reduced("ReduceLogSumExp"),
    "Max": reduced("ReduceMax"),
    "Mean": reduced("ReduceMean"),
    "Min": reduced("ReduceMin"),
    "OneHot": one_hot,
    "Prod": reduced("ReduceProd"),
    "Sort": sorted_along(0),
    "Sum": reduced("ReduceSum"),
    "Take": take,
    "TakeAlongAxis": take_along_axis,
    "TopK": top_k,
}
