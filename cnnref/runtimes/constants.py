"""Whether the constants of a reduced file are those of the float32 file of its format, rounded.

A bound on the results lets a small change of the preprocessing pass, since eight bits move the results as much. The
constants show it: an operator of the reduced file that writes what an operator of the float32 file writes takes the
same numbers, in half precision or as integers with a step. `onnx_constants.py` and `tflite_constants.py` read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Integers are off by half a step at most; the rest is for the rounding of the step itself.
HALF_STEP = 0.51
#: Biases of integers make up for the rounding of the weights by what it adds on average: the error of each weight times
#: the mean of its input. Where nothing clips, that mean lies in the reach of the integers.
BEYOND_THE_REACH = 1.5
#: How far the step of a bias may be from the product of two others, which is rounded to float32.
SAME_STEP = 1e-6
#: What lets a number beyond the range of its integers count as the last one of them.
CLAMPING = {"MAXIMUM", "MINIMUM", "PADV2"}


@dataclass(frozen=True)
class Integers:
    """A constant in integers: these less their zero, and their steps in a shape that multiplies them.

    `step` is None where steps and zeros do not fit the integers. `saturated` has the least and the greatest number.
    """

    numbers: NDArray[np.float64]
    step: NDArray[np.float64] | None
    saturated: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True)
class Layer:
    """The places of a layer's input, weights and bias among what it reads; the axes of the weights that count filters
    and channels.
    """

    given: int
    weights: int
    bias: int
    filters: int
    channels: int


@dataclass(frozen=True)
class Node:
    """An operator: its kind, the keys of what it reads, and what that is where the operator is a layer."""

    kind: str
    reads: tuple[Hashable, ...]
    layer: Layer | None = None

    def of_layer(self) -> tuple[Layer, tuple[Hashable, Hashable, Hashable]] | None:
        """The keys of input, weights and bias; None where it is no layer, or has no bias."""
        if self.layer is None or len(self.reads) <= self.layer.bias:
            return None
        places = (self.layer.given, self.layer.weights, self.layer.bias)
        given, weights, bias = (self.reads[place] for place in places)
        return self.layer, (given, weights, bias)


@dataclass(frozen=True)
class Graph:
    """The operators of a file by the names of what they write, and the constants that they read by their keys.

    `steps` are those of everything in integers, float64; `reach` has the least and the greatest number that the
    integers of a computed tensor stand for; `other_ends` are tensors that are read in other steps than they are written
    in, or whose steps are not what the contract says; `names` are what a person is told.
    """

    nodes: Mapping[Hashable, Node]
    constants: Mapping[Hashable, NDArray[Any]]
    integers: Mapping[Hashable, Integers]
    steps: Mapping[Hashable, NDArray[np.float64]]
    reach: Mapping[Hashable, tuple[float, float]] = field(default_factory=dict)
    other_ends: Sequence[str] = ()
    names: Mapping[Hashable, str] = field(default_factory=dict)

    def name(self, key: Hashable) -> str:
        return self.names.get(key, str(key))


def reach(zero: NDArray[Any], step: NDArray[Any]) -> tuple[float, float]:
    """The least and the greatest number of a tensor with one step, whose zero has the type of its integers."""
    ends, size, shift = np.iinfo(zero.dtype), float(step.max(initial=0)), float(zero.flat[0]) if zero.size else 0.0
    return (ends.min - shift) * size, (ends.max - shift) * size


def constants_sha256(graph: Graph) -> str:
    """SHA-256 of all numbers that a file computes with: constants, steps, zeros, and which operator reads which.

    Steps of what flows through a network, and what a bias makes up for, follow from the images of the calibration and
    from nothing in the float32 file, so an export writes this into bundle.json. It stays the same where only metadata
    differ.
    """
    digest = hashlib.sha256()
    parts: list[tuple[Hashable, ...]] = [
        *(("reads", name, node.kind, *node.reads) for name, node in graph.nodes.items()),
        *(("name", *item) for item in graph.names.items()),
        *(("reach", name, *ends) for name, ends in graph.reach.items()),
    ]
    digest.update("\n".join(sorted(map(repr, parts))).encode())
    for kind, arrays in (("constant", graph.constants), ("step", graph.steps)):
        for name, values in sorted(arrays.items(), key=lambda item: repr(item[0])):
            digest.update(f"\n{kind} {name!r} {values.dtype.str} {values.shape}\n".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    for name, integers in sorted(graph.integers.items(), key=lambda item: repr(item[0])):
        digest.update(f"\nintegers {name!r} {integers.numbers.shape}\n".encode())
        digest.update(np.ascontiguousarray(integers.numbers).tobytes())
    return digest.hexdigest()


def other_constants(found: Graph, known: Graph) -> list[str]:
    """The names of constants of the float32 file `known` for which a reduced file has other numbers."""
    other = [f"step of {name}" for name in found.other_ends]
    for written, node in found.nodes.items():
        original = known.nodes.get(written)
        if original is None or original.kind != node.kind:
            continue
        layer = node.of_layer()
        whole = layer is not None and {*layer[1][1:]} <= found.integers.keys()
        for place, (given, base) in enumerate(zip(node.reads, original.reads, strict=False)):
            if base not in known.constants or (whole and layer is not None and place == layer[0].bias):
                continue
            if not _holds(found, given, known.constants[base], node.kind in CLAMPING):
                other.append(known.name(base))
        if whole and layer is not None:
            other += _other_bias(found, known, layer[0], layer[1], original)
    return list(dict.fromkeys(other))


def _holds(found: Graph, key: Hashable, base: NDArray[Any], clamps: bool) -> bool:
    """Whether what an operator reads stands for an array; what is computed may be anything."""
    if (integers := found.integers.get(key)) is not None:
        if integers.numbers.shape != base.shape or integers.step is None:
            return False
        wanted = base.astype(np.float64)
        if clamps:
            low, high = (end * integers.step for end in integers.saturated)
            wanted = np.clip(wanted, low, high)
        off = np.abs(integers.numbers * integers.step - wanted)
        return bool((off <= HALF_STEP * np.abs(integers.step) + 1e-12).all())
    values = found.constants.get(key)
    if values is None:
        return True
    if values.dtype == np.float16:
        # Two ways to round a number that lies between two of half precision are both right.
        return values.shape == base.shape and bool(np.allclose(values, base, rtol=2**-10, atol=2**-24))
    return np.array_equal(values, base)


def _other_bias(
    found: Graph, known: Graph, layer: Layer, keys: tuple[Hashable, Hashable, Hashable], original: Node
) -> list[str]:
    """What is wrong with the bias of a layer whose weights and bias are integers."""
    given, weights, bias = keys
    if given in found.steps:
        product, step = found.steps[given] * found.steps[weights], found.steps[bias]
        if product.shape != step.shape or not np.allclose(step, product, rtol=SAME_STEP, atol=0):
            return [f"step of {found.name(given)}"]
    _, exact_weights, exact_bias = (original.reads[place] for place in (layer.given, layer.weights, layer.bias))
    if not {exact_weights, exact_bias} <= known.constants.keys() or given not in found.reach:
        return []
    rounded, shifted = found.integers[weights], found.integers[bias]
    base = known.constants[exact_weights].astype(np.float64)
    if rounded.step is None or shifted.step is None or rounded.numbers.shape != base.shape:
        return [known.name(exact_bias)]
    error = np.moveaxis(base - rounded.numbers * rounded.step, (layer.filters, layer.channels), (0, 1))
    error = error.reshape(*error.shape[:2], -1).sum(axis=2)
    ends = [error * end * BEYOND_THE_REACH for end in (*found.reach[given], 0.0)]
    off = shifted.numbers * shifted.step - known.constants[exact_bias].astype(np.float64)
    slack = HALF_STEP * np.abs(shifted.step) + SAME_STEP * np.abs(known.constants[exact_bias])
    low, high = np.min(ends, axis=0).sum(axis=1) - slack, np.max(ends, axis=0).sum(axis=1) + slack
    return [] if off.shape == low.shape and ((low <= off) & (off <= high)).all() else [known.name(exact_bias)]
