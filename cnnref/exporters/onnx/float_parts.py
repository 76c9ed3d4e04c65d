"""Which nodes of a written graph stay float32 when the others are computed with fewer bits."""

from __future__ import annotations

from collections import defaultdict

import onnx

#: What prepares the pixels, and what makes outputs of the last sums.
PREPARING = {"Add", "BatchNormalization", "Cast", "Div", "Mul", "Sub", "Transpose"}
ENDING = {"Cast", "Flatten", "Reshape", "Sigmoid", "Softmax", "TopK"}

#: Where squares, powers and means are carried on to the division that brings them back to the size of activations.
CARRYING = {"Add", "AveragePool", "Div", "Mul", "Pad", "Pow", "ReduceMean", "Slice", "Sqrt", "Sub"}


def readers_of(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each tensor."""
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    return readers


def preparation(graph: onnx.GraphProto) -> set[str]:
    """The nodes, by their first output, between the raw pixels and the first layer."""
    known = {tensor.name for tensor in (*graph.input, *graph.initializer)}
    found = set()
    for node in graph.node:
        if node.op_type in PREPARING and known.issuperset(node.input):
            known.update(node.output)
            found.add(node.output[0])
    return found


def ending(graph: onnx.GraphProto) -> set[str]:
    """The nodes, by their first output, after the last layer: its bias, the activation, what reshapes or ranks it."""
    readers, outputs = readers_of(graph), {tensor.name for tensor in graph.output}
    constants = {tensor.name for tensor in graph.initializer}
    found: set[str] = set()
    for node in reversed(graph.node):
        read_by = [reader.output[0] for name in node.output for reader in readers[name]]
        used = read_by or outputs.intersection(node.output)
        fits = node.op_type in ENDING or (node.op_type == "Add" and constants.intersection(node.input))
        if fits and used and found.issuperset(read_by):
            found.add(node.output[0])
    return found


def powers(graph: onnx.GraphProto) -> set[str]:
    """The nodes, by their first output, of local response and layer normalization, from the square to the division.

    Squares of activations pass the largest float16, 65504, at 256; variances and their epsilon fall below what
    float16 and eight bits tell apart.
    """
    carried: set[str] = set()
    found = set()
    for node in graph.node:
        squared = node.op_type == "Mul" and node.input[0] == node.input[1]
        if (
            squared
            or node.op_type in ("Pow", "ReduceMean")
            or (node.op_type in CARRYING and carried.intersection(node.input))
        ):
            found.add(node.output[0])
            if node.op_type != "Div":
                carried.update(node.output)
    return found
