"""Folding: batch normalization into the convolution before it, and padding into the node behind it.

This works on the finished graph, in which the readers of every tensor are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import helper

from .graph import GraphBuilder


def fold(builder: GraphBuilder, outputs: Iterable[str]) -> None:
    """Fold batch normalizations and paddings where nothing else, no output, reads what lies between."""
    readers = Counter(name for node in builder.nodes for name in node.input)
    readers.update(list(outputs))
    writers = {node.output[0]: node for node in builder.nodes}
    for node in builder.nodes:
        before = writers.get(node.input[0])
        if before is None or readers[before.output[0]] > 1:
            continue
        if node.op_type == "BatchNormalization" and before.op_type in ("Conv", "Gemm"):
            _scale(builder, before, node)
            before.output[0] = node.output[0]
            writers[node.output[0]] = before
            _remove(builder, node)
        elif before.op_type == "Pad" and _takes_padding(builder, node, before, writers):
            margin = builder.weights[before.input[1]][[2, 3, 6, 7]]
            pads = next(attribute for attribute in node.attribute if attribute.name == "pads")
            pads.ints[:] = [int(number) for number in np.add(pads.ints, margin)]
            node.input[0] = before.input[0]
            _remove(builder, before)


def _scale(builder: GraphBuilder, linear: onnx.NodeProto, norm: onnx.NodeProto) -> None:
    """Multiply a batch normalization into the weights of what lies before it."""
    gamma, beta, mean, variance = (builder.weights[name].astype(np.float64) for name in norm.input[1:])
    factor = gamma / np.sqrt(variance + _attributes(norm)["epsilon"])
    kernel = builder.weights[linear.input[1]].astype(np.float64)
    # Filters are the first axis of a convolution's kernel and the last of a dense layer's.
    kernel *= factor.reshape(-1, 1, 1, 1) if linear.op_type == "Conv" else factor
    bias = builder.weights[linear.input[2]].astype(np.float64) if len(linear.input) > 2 else np.zeros_like(mean)
    builder.weights[linear.input[1]] = kernel.astype(np.float32)
    folded = (beta + (bias - mean) * factor).astype(np.float32)
    if len(linear.input) > 2:
        builder.weights[linear.input[2]] = folded
    else:
        linear.input.append(builder.constant(folded, f"{linear.name}.bias"))


def _takes_padding(
    builder: GraphBuilder, node: onnx.NodeProto, pad: onnx.NodeProto, writers: dict[str, onnx.NodeProto]
) -> bool:
    """Whether a node can pad by itself and give the same."""
    if node.op_type not in ("Conv", "MaxPool"):
        return False
    margin, mode = builder.weights[pad.input[1]], _attributes(pad)["mode"]
    if any(margin[[0, 1, 4, 5]]) or len(pad.input) > 2:
        return False
    if node.op_type == "Conv":
        return bool(mode == b"constant")
    # MaxPool pads with minus infinity: the same wherever the padding cannot win and no window lies in it alone.
    attributes = _attributes(node)
    sides = np.add(attributes["pads"], margin[[2, 3, 6, 7]])
    if any(sides >= np.tile(attributes["kernel_shape"], 2)):
        return False
    return bool(mode == b"edge") or (mode == b"constant" and _is_never_negative(pad.input[0], builder, writers))


def _is_never_negative(name: str, builder: GraphBuilder, writers: dict[str, onnx.NodeProto]) -> bool:
    node = writers.get(name)
    if node is None:
        return False
    if node.op_type in ("MaxPool", "AveragePool", "Concat"):
        return all(_is_never_negative(given, builder, writers) for given in node.input)
    clipped = node.op_type == "Clip" and float(builder.weights[node.input[1]]) >= 0
    return clipped or node.op_type in ("Relu", "Sigmoid", "HardSigmoid")


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _remove(builder: GraphBuilder, node: onnx.NodeProto) -> None:
    """Take out a node and its weights, which are its own."""
    builder.nodes = [other for other in builder.nodes if other is not node]
    for name in node.input[1:]:
        builder.weights.pop(name, None)
