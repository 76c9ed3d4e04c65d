"""Operations on one number each, and on numbers at the same place of several tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ..graph import GraphBuilder, Value
from .operands import Writer, kind_given, operand, plain, together


def unary(kind: str, **attributes: Any) -> Writer:
    """One operator on one tensor of floats; attributes that are the names of the operation's own are read from it."""

    def write(builder: GraphBuilder, call: Call, x: Value) -> Value:
        given = {
            key: getattr(call.operation, value) if isinstance(value, str) else value
            for key, value in attributes.items()
        }
        stored = "bool" if kind == "Not" else "float" if kind_given(call) != "int" else "int"
        x = builder.cast(x, stored, call.name)
        return replace(x, name=builder.node(kind, [x.name], call.name, **given), kind=kind_given(call))

    return write


def nary(kind: str, compared: bool = False, stored: str = "") -> Writer:
    """One operator on tensors of any shapes that go together, from the left to the right."""

    def write(builder: GraphBuilder, call: Call, *given: Any) -> Value:
        operands = [
            operand(x, call, "number" if isinstance(x, int | float | np.number) else "constant") for x in _flat(given)
        ]
        numbers = stored or (_widest(operands) if compared else kind_given(call))
        if numbers == "bool" and not compared and stored != "bool":
            numbers = "int"
        names, form = together(builder, call, operands, numbers)
        made = names[0]
        for name in names[1:]:
            made = builder.node(kind, [made, name], call.name)
        form = replace(form, name=made, kind="bool" if compared else numbers)
        return builder.cast(form, kind_given(call), call.name)

    return write


def _flat(given: tuple[Any, ...]) -> list[Any]:
    """The operands of an operation, or of a merging layer, which are in a list."""
    return [x for part in given for x in (part if isinstance(part, list | tuple) else [part])]


def _widest(operands: list[Value]) -> str:
    """What operands of several kinds are compared as."""
    kinds = {value.kind for value in operands}
    return next((kind for kind in ("float", "int") if kind in kinds), "int" if kinds == {"bool"} else "bool")


def rounded(builder: GraphBuilder, call: Call, x: Value) -> Value | list[Value] | None:
    return None if call.operation.decimals else unary("Round")(builder, call, x)


def square(builder: GraphBuilder, call: Call, x: Value) -> Value:
    return replace(x, name=builder.node("Mul", [x.name, x.name], call.name))


def cast(builder: GraphBuilder, call: Call, x: Any, *_args: Any, **_options: Any) -> Value:
    """To what the call gives; floats to integers lose what is behind the point."""
    x = operand(x, call)
    return builder.cast(x, kind_given(call), call.name)


def clip(builder: GraphBuilder, call: Call, x: Value, *_bounds: Any) -> Value:
    kind = kind_given(call)
    bounds = [
        operand(bound, call, name) for bound, name in ((call.operation.x_min, "min"), (call.operation.x_max, "max"))
    ]
    if any(bound.constant is None or bound.constant.size > 1 for bound in bounds):
        return _clipped_by_tensors(builder, call, x, bounds)
    x = builder.cast(x, kind, call.name)
    names = [builder.written(bound, bound.constant.reshape(()), kind) for bound in bounds if bound.constant is not None]
    return replace(x, name=builder.node("Clip", [x.name, *names], call.name))


def _clipped_by_tensors(builder: GraphBuilder, call: Call, x: Value, bounds: list[Value]) -> Value:
    kind = kind_given(call)
    names, form = together(builder, call, [x, *bounds], kind)
    raised = builder.node("Max", names[:2], f"{call.name}_raised")
    return replace(form, name=builder.node("Min", [raised, names[2]], call.name))


def relu6(builder: GraphBuilder, call: Call, x: Value) -> Value:
    limits = [builder.number(limit, f"{call.name}.{name}") for limit, name in ((0.0, "min"), (6.0, "max"))]
    return replace(x, name=builder.node("Clip", [x.name, *limits], call.name))


def gelu(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    if builder.opset < 20:
        return None
    how = {"approximate": "tanh"} if call.operation.approximate else {}
    return replace(x, name=builder.node("Gelu", [x.name], call.name, **how))


def hard_silu(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    return replace(x, name=builder.node("HardSwish", [x.name], call.name)) if builder.opset >= 14 else None


def where(builder: GraphBuilder, call: Call, condition: Any, x1: Any = None, x2: Any = None) -> Value | None:
    if x1 is None or x2 is None:
        return None
    kind, given = kind_given(call), [operand(x, call) for x in (condition, x1, x2)]
    names, form = together(builder, call, given, "bool", kind, kind)
    return replace(form, name=builder.node("Where", names, call.name))


def softmax(kind: str) -> Writer:
    def write(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
        axis = call.operation.axis
        if not isinstance(axis, int):
            return None
        x = plain(builder, x, call.name)
        return replace(x, name=builder.node(kind, [x.name], call.name, axis=x.stored(axis)))

    return write


def identity(_builder: GraphBuilder, call: Call, x: Any, *_args: Any, **_options: Any) -> Value:
    return operand(x, call)


ELEMENTWISE: dict[str, Writer] = {
    "Absolute": unary("Abs"),
    "Add": nary("Add"),
    "Arccos": unary("Acos"),
    "Arccosh": unary("Acosh"),
    "Arcsin": unary("Asin"),
    "Arcsinh": unary("Asinh"),
    "Arctan": unary("Atan"),
    "Arctanh": unary("Atanh"),
    "Array": cast,
    "Cast": cast,
    "Ceil": unary("Ceil"),
    "Celu": unary("Celu", alpha="alpha"),
    "Clip": clip,
    "Conjugate": identity,
    "ConvertToTensor": cast,
    "Copy": identity,
    "Cos": unary("Cos"),
    "Cosh": unary("Cosh"),
    "Divide": nary("Div"),
    "Elu": unary("Elu", alpha="alpha"),
    "Equal": nary("Equal", compared=True),
    "Erf": unary("Erf"),
    "Exp": unary("Exp"),
    "Fabs": unary("Abs"),
    "Floor": unary("Floor"),
    "Fmax": nary("Max"),
    "Fmin": nary("Min"),
    "Gelu": gelu,
    "Greater": nary("Greater", compared=True),
    "GreaterEqual": nary("GreaterOrEqual", compared=True),
    "HardSigmoid": unary("HardSigmoid", alpha=1 / 6, beta=0.5),
    "HardSilu": hard_silu,
    "Isinf": unary("IsInf"),
    "Isnan": unary("IsNaN"),
    "LeakyRelu": unary("LeakyRelu", alpha="negative_slope"),
    "Less": nary("Less", compared=True),
    "LessEqual": nary("LessOrEqual", compared=True),
    "Log": unary("Log"),
    "LogSoftmax": softmax("LogSoftmax"),
    "LogicalAnd": nary("And", stored="bool"),
    "LogicalNot": unary("Not"),
    "LogicalOr": nary("Or", stored="bool"),
    "LogicalXor": nary("Xor", stored="bool"),
    "Maximum": nary("Max"),
    "Minimum": nary("Min"),
    "Multiply": nary("Mul"),
    "Negative": unary("Neg"),
    "Power": nary("Pow"),
    "Real": identity,
    "Reciprocal": unary("Reciprocal"),
    "Relu": unary("Relu"),
    "Relu6": relu6,
    "Round": rounded,
    "SaturateCast": cast,
    "Selu": unary("Selu"),
    "Sigmoid": unary("Sigmoid"),
    "Sign": unary("Sign"),
    "Sin": unary("Sin"),
    "Sinh": unary("Sinh"),
    "Softmax": softmax("Softmax"),
    "Softplus": unary("Softplus"),
    "Softsign": unary("Softsign"),
    "Sqrt": unary("Sqrt"),
    "Square": square,
    "StopGradient": identity,
    "Subtract": nary("Sub"),
    "Tan": unary("Tan"),
    "Tanh": unary("Tanh"),
    "TrueDivide": nary("Div"),
    "Where": where,
}
