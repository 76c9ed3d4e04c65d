"""Which nodes of an ONNX graph stay float32 at reduced precision, and which tensors become integers.

`float16` and `int8` decide by these rules. The first half of the file names the nodes that need float32 in both; the
second half chooses the tensors of the int8 file and says which of them share a scale.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import onnx
from onnx import numpy_helper

#: What prepares the pixels, and what makes outputs of the last sums.
PREPARING = {"Add", "BatchNormalization", "Cast", "Div", "Mul", "Sub", "Transpose"}
ENDING = {"Cast", "Flatten", "Reshape", "Sigmoid", "Softmax", "TopK"}

#: Where squares, powers and means are carried on to the division that brings them back to the size of activations.
CARRYING = {"Add", "AveragePool", "Div", "Mul", "Pad", "Pow", "ReduceMean", "Slice", "Sqrt", "Sub"}

#: Layers, and the axis of their weights that counts the filters.
LAYERS = {"Conv": 0, "Gemm": 1, "MatMul": 1}

#: What else computes in integers: every operand and the result have a scale of their own.
INTEGER = {"Add", "AveragePool", "Concat", "GlobalAveragePool"}

#: What only moves or picks numbers: the result has the scale of the operand.
MOVING = {"Flatten", "MaxPool", "Pad", "Reshape", "Resize", "Slice", "Transpose"}

#: What channels are weighed by.
GATES = {"HardSigmoid", "Sigmoid"}


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


def integer_tensors(graph: onnx.GraphProto, in_floats: Collection[str] = ()) -> dict[str, str]:
    """The tensors to be quantized in the order of the graph, each with the tensor whose range sets its scale.

    They are the operands and results of everything in `LAYERS`, `INTEGER` and squeeze-and-excitation, and what lies
    between these in `MOVING`. A tensor that is clamped is quantized behind the clamp. The last sums stay float32:
    eight bits would make classes equal that are not. What computes the tensors `in_floats` stays float32, too.
    """
    search = _TensorChoice(graph, in_floats)
    wanted: set[str] = set()
    for node in reversed(graph.node):
        wanted.update(name for name in node.output if search.wants(name, wanted))
    wanted.update(tensor.name for tensor in graph.input if search.wants(tensor.name, wanted))
    scales = {tensor.name: tensor.name for tensor in graph.input if tensor.name in wanted}
    for node in graph.node:
        for name in wanted.intersection(node.output):
            scales[name] = scales.get(node.input[0], name) if search.moves(node) else name
    return scales


def is_clamp(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether a node only clamps its input to a range that a quantized tensor has anyway, because it ends there."""
    if node.op_type != "Clip" or len(node.input) < 2 or not node.input[1]:
        return node.op_type in ("Clip", "Relu")
    return node.input[1] in constants and numpy_helper.to_array(constants[node.input[1]]).item() <= 0


def computed_in_floats(graph: onnx.GraphProto, tensors: Collection[str]) -> set[str]:
    """The tensors, and what is clamped to give one of them: in integers a layer and its clamp are one."""
    found, constants = set(tensors), {tensor.name: tensor for tensor in graph.initializer}
    for node in reversed(graph.node):
        if found.intersection(node.output) and is_clamp(node, constants):
            found.add(node.input[0])
    return found


class _TensorChoice:
    """Decides for one tensor after the other whether it is quantized."""

    def __init__(self, graph: onnx.GraphProto, in_floats: Collection[str]) -> None:
        self.in_floats = computed_in_floats(graph, in_floats)
        self.readers = readers_of(graph)
        self.writers = {name: node for node in graph.node for name in node.output}
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.outputs = {tensor.name for tensor in graph.output}
        self.ending = ending(graph)
        self.floats = self.ending | preparation(graph) | powers(graph)

    def wants(self, name: str, wanted: set[str]) -> bool:
        """Whether a tensor is to be quantized, given the wanted tensors behind it."""
        readers = self.readers[name]
        if name in self.outputs or self.ending.issuperset(reader.output[0] for reader in readers):
            return False
        if self._is_clamped(name):
            return False
        writer = self.writers.get(name)
        while writer is not None and self._is_clamped(writer.input[0]):
            writer = self.writers.get(writer.input[0])
        behind = [writer] if writer is not None else []
        return any(self.computes(node) for node in (*readers, *behind)) or any(
            self.moves(reader) and reader.output[0] in wanted for reader in readers
        )

    def computes(self, node: onnx.NodeProto) -> bool:
        """Whether a node is to compute in integers."""
        if node.op_type in LAYERS:
            return node.input[1] in self.constants and node.output[0] not in self.in_floats
        if node.output[0] in self.floats | self.in_floats or any(name in self.constants for name in node.input):
            return False
        return node.op_type in INTEGER or (node.op_type == "Mul" and self._is_gate(node))

    def moves(self, node: onnx.NodeProto) -> bool:
        """Whether a node leaves numbers as they are; padding does so with zeros, which every scale has."""
        filled = node.op_type == "Pad" and len(node.input) > 2
        return node.op_type in MOVING and node.output[0] not in self.floats | self.in_floats and not filled

    def _is_clamped(self, name: str) -> bool:
        """Whether a clamp, and nothing else, reads a tensor."""
        return [is_clamp(reader, self.constants) for reader in self.readers[name]] == [True]

    def _is_gate(self, node: onnx.NodeProto) -> bool:
        """Whether a sigmoid of something else weighs maps; x * sigmoid(x) stays in float32, which is more exact."""
        for gate, other in (node.input, node.input[::-1]):
            writer = self.writers.get(gate)
            if writer is not None and writer.op_type in GATES and writer.input[0] != other:
                return True
        return False
