"""Keras' activation functions in ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...arithmetic.graph import Call
from ...environment import keras
from .graph import Emitter, Value, unsupported

#: Keras' name of an activation that is one ONNX operator, the operator, and its attributes.
ONE_NODE: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {"axis": -1}),
}


def activated(emit: Emitter, call: Call, x: Value, function: Any) -> Value:
    """Apply one of Keras' activation functions."""
    name = getattr(function, "__name__", str(function))
    if function is None or function is keras.activations.linear:
        return x
    if (name not in ONE_NODE and name not in COMPOSED) or keras.activations.get(name) is not function:
        raise unsupported(call, f"activation {name!r} has no ONNX form here")
    if name == "softmax" and x.maps:
        raise unsupported(call, "softmax over feature maps")
    place = call.name if x.name != call.name else f"{call.name}_{name}"
    if name in COMPOSED:
        return replace(x, name=COMPOSED[name](emit, x.name, place))
    kind, attributes = ONE_NODE[name]
    return replace(x, name=emit.node(kind, [x.name], place, **attributes))


def clip(emit: Emitter, x: str, place: str, limit: float = 6.0) -> str:
    """max(0, min(x, limit)): ReLU6, unless told otherwise."""
    return emit.node("Clip", [x, emit.number(0.0, f"{place}.min"), emit.number(limit, f"{place}.max")], place)


def silu(emit: Emitter, x: str, place: str) -> str:
    return emit.node("Mul", [x, emit.node("Sigmoid", [x], f"{place}_sigmoid")], place)


def hard_silu(emit: Emitter, x: str, place: str) -> str:
    if emit.opset >= 14:
        return emit.node("HardSwish", [x], place)
    kind, attributes = ONE_NODE["hard_sigmoid"]
    return emit.node("Mul", [x, emit.node(kind, [x], f"{place}_gate", **attributes)], place)


def gelu(emit: Emitter, x: str, place: str) -> str:
    """x * (1 + erf(x / sqrt(2))) / 2: Keras' default, without approximation."""
    if emit.opset >= 20:
        return emit.node("Gelu", [x], place)
    scaled = emit.node("Mul", [x, emit.number(math.sqrt(0.5), f"{place}.scale")], f"{place}_scale")
    sign = emit.node("Erf", [scaled], f"{place}_erf")
    shifted = emit.node("Add", [sign, emit.number(1.0, f"{place}.one")], f"{place}_add")
    half = emit.node("Mul", [x, emit.number(0.5, f"{place}.half")], f"{place}_half")
    return emit.node("Mul", [half, shifted], place)


#: Keras' name of an activation that takes a constant or several nodes, and the function that writes them.
COMPOSED: dict[str, Callable[[Emitter, str, str], str]] = {
    "relu6": clip,
    "silu": silu,
    "hard_silu": hard_silu,
    "gelu": gelu,
}
