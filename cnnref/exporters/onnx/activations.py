"""Keras' activation functions in ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...arithmetic.graph import Call
from ...environment import keras
from .graph import GraphBuilder, Value

#: Keras' name of an activation that is one ONNX operator, the operator, and its attributes.
ONE_NODE: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {}),
}


def known(builder: GraphBuilder, call: Call, x: Value, function: Any) -> Value | None:
    """Apply one of Keras' activation functions; None if it has no form here."""
    name = getattr(function, "__name__", str(function))
    if function is None or function is keras.activations.linear:
        return x
    if (name not in ONE_NODE and name not in COMPOSED) or keras.activations.get(name) is not function:
        return None
    place = call.name if x.name != call.name else f"{call.name}_{name}"
    if name in COMPOSED:
        return replace(x, name=COMPOSED[name](builder, x.name, place))
    kind, attributes = ONE_NODE[name]
    if name == "softmax":
        if x.flattened:
            return None
        attributes = {"axis": x.stored(-1) if x.maps else -1}
    return replace(x, name=builder.node(kind, [x.name], place, **attributes))


def clip(builder: GraphBuilder, x: str, place: str, limit: float = 6.0) -> str:
    """max(0, min(x, limit)): ReLU6, unless another `limit` is given."""
    return builder.node("Clip", [x, builder.number(0.0, f"{place}.min"), builder.number(limit, f"{place}.max")], place)


def silu(builder: GraphBuilder, x: str, place: str) -> str:
    return builder.node("Mul", [x, builder.node("Sigmoid", [x], f"{place}_sigmoid")], place)


def hard_silu(builder: GraphBuilder, x: str, place: str) -> str:
    if builder.opset >= 14:
        return builder.node("HardSwish", [x], place)
    kind, attributes = ONE_NODE["hard_sigmoid"]
    return builder.node("Mul", [x, builder.node(kind, [x], f"{place}_gate", **attributes)], place)


def gelu(builder: GraphBuilder, x: str, place: str) -> str:
    """x * (1 + erf(x / sqrt(2))) / 2: Keras' default, without approximation."""
    if builder.opset >= 20:
        return builder.node("Gelu", [x], place)
    scaled = builder.node("Mul", [x, builder.number(math.sqrt(0.5), f"{place}.scale")], f"{place}_scale")
    sign = builder.node("Erf", [scaled], f"{place}_erf")
    shifted = builder.node("Add", [sign, builder.number(1.0, f"{place}.one")], f"{place}_add")
    half = builder.node("Mul", [x, builder.number(0.5, f"{place}.half")], f"{place}_half")
    return builder.node("Mul", [half, shifted], place)


#: Keras' name of an activation that takes a constant or several nodes, and the function that writes them.
COMPOSED: dict[str, Callable[[GraphBuilder, str, str], str]] = {
    "relu6": clip,
    "silu": silu,
    "hard_silu": hard_silu,
    "gelu": gelu,
}
