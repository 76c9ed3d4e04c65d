"""Products of matrices: matmul, einsum and what is made of them."""

from __future__ import annotations

from typing import Any

from ....arithmetic.graph import Call
from ..graph import GraphBuilder, Value
from .operands import Writer, kind_given, operand, result


def matmul(builder: GraphBuilder, call: Call, x1: Any, x2: Any) -> Value:
    kind = kind_given(call)
    names = [builder.read(operand(x, call), call.name, kind=kind) for x in (x1, x2)]
    return result(call, builder.node("MatMul", names, call.name))


def einsum(builder: GraphBuilder, call: Call, *operands: Any, **_options: Any) -> Value:
    """The letters of each operand are put into the order in which it is stored, so that nothing is turned."""
    equation, kind = call.operation.subscripts.replace(" ", ""), kind_given(call)
    given, _, after = equation.partition("->")
    values = [operand(x, call, "kernel") for x in operands]
    if "." in equation or "->" not in equation:
        names = [builder.read(value, call.name, kind=kind) for value in values]
        return result(call, builder.node("Einsum", names, call.name, equation=equation))
    terms, names = [], []
    sizes: dict[str, int] = {}
    for term, value in zip(given.split(","), values, strict=True):
        # Keras leaves some of these sizes open. A size of 1 goes with any other.
        sizes.update(
            (letter, size) for letter, size in zip(term, value.shape, strict=True) if sizes.get(letter, 1) == 1
        )
        whole = builder.turned(value, value.order, call.name) if value.flattened else value
        names.append(builder.read(whole, call.name, order=whole.order, kind=kind))
        terms.append("".join(term[axis] for axis in whole.order))
    made = builder.node("Einsum", names, call.name, equation=f"{','.join(terms)}->{after}")
    return Value(made, tuple(sizes[letter] for letter in after), tuple(range(len(after))), kind)


PRODUCTS: dict[str, Writer] = {"Einsum": einsum, "Matmul": matmul}
