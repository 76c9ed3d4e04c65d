"""The float16 ONNX file: half the size, and half the memory to move where the runtime computes in float16."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .node_precisions import ending, powers, preparation

#: Means over whole maps stay float32: the sum of 112 x 112 values passes the largest float16 at a mean of 5.3.
MEANS = {"GlobalAveragePool"}

#: Inputs that ONNX wants as float32 whatever the others are: the region and the scales of a Resize.
FLOAT32_INPUTS = {("Resize", 1), ("Resize", 2)}

LARGEST = float(np.finfo(np.float16).max)


def float16_model(written: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 model with weights and layers of float16 between float32 ends; nothing else changes for the caller.

    The preprocessing and the last activation stay float32, and inside so do means over whole maps, local response and
    layer normalization, and nodes with a constant above 65504.
    """
    model = onnx.ModelProto()
    model.CopyFrom(written)
    _Float16Rewriter(model.graph).rewrite()
    onnx.checker.check_model(model, full_check=True)
    return model


class _Float16Rewriter:
    """Rewrites one graph in place."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.weights: dict[str, NDArray[Any]] = {
            name: numpy_helper.to_array(tensor)
            for name, tensor in self.tensors.items()
            if tensor.data_type == TensorProto.FLOAT
        }
        self.kept = preparation(graph) | ending(graph) | powers(graph)
        self.kept.update(node.output[0] for node in graph.node if node.op_type in MEANS or self._is_beyond(node))
        self.written = {tensor.name for tensor in graph.input}.union(*(node.output for node in graph.node))
        #: The tensors that are float16, and what stands for a tensor in the other type.
        self.halves: set[str] = set()
        self.casts: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.half_weights: dict[str, NDArray[Any]] = {}

    def rewrite(self) -> None:
        for node in self.graph.node:
            to_half = node.output[0] not in self.kept
            if to_half and node.op_type == "BatchNormalization":
                self._store_divided(node)
            for place, name in enumerate(node.input):
                if name in self.weights:
                    if to_half and (node.op_type, place) not in FLOAT32_INPUTS:
                        node.input[place] = self._half_weight(f"{name}.f16", self.weights[name])
                elif name in self.written and to_half != (name in self.halves):
                    node.input[place] = self._cast(name)
            self.nodes.append(node)
            if to_half:
                self.halves.update(node.output)
        for output in self.graph.output:
            self._end_in_float32(output.name)
        self._store()

    def _is_beyond(self, node: onnx.NodeProto) -> bool:
        normalizes = node.op_type == "BatchNormalization"
        given = [self.weights[name] for name in node.input if name in self.weights]
        numbers = self._divided(node).values() if normalizes else given
        return any(np.abs(array).max(initial=0) > LARGEST for array in numbers)

    def _divided(self, node: onnx.NodeProto) -> dict[str, NDArray[np.float64]]:
        """A batch normalization of mean 0 and variance 1: float16 cannot tell small variances and the epsilon apart."""
        gamma, beta, mean, variance = (self.weights[name].astype(np.float64) for name in node.input[1:])
        epsilon = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        factor = gamma / np.sqrt(variance + epsilon)
        return {"factor": factor, "shift": beta - mean * factor, "zeros": 0 * mean, "ones": 0 * mean + 1}

    def _store_divided(self, node: onnx.NodeProto) -> None:
        numbers = self._divided(node)
        node.input[1:] = [self._half_weight(f"{node.output[0]}.{name}", value) for name, value in numbers.items()]
        kept = [attribute for attribute in node.attribute if attribute.name != "epsilon"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("epsilon", 0.0)])

    def _half_weight(self, name: str, value: NDArray[Any]) -> str:
        self.half_weights[name] = value.astype(np.float16)
        return name

    def _cast(self, name: str) -> str:
        """The name of the tensor `name` cast to the other type, float16 or float32."""
        if name not in self.casts:
            to_half = name not in self.halves
            cast = self.casts[name] = f"{name}.{'f16' if to_half else 'f32'}"
            kind = TensorProto.FLOAT16 if to_half else TensorProto.FLOAT
            self.nodes.append(helper.make_node("Cast", [name], [cast], name=cast, to=kind))
        return self.casts[name]

    def _end_in_float32(self, name: str) -> None:
        """Put a cast behind an output that has become float16."""
        if name not in self.halves:
            return
        half = f"{name}.f16"
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [half if given == name else given for given in names]
        self.nodes.append(helper.make_node("Cast", [half], [name], name=name, to=TensorProto.FLOAT))

    def _store(self) -> None:
        read = {name for node in self.nodes for name in node.input}
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        kept = [tensor for name, tensor in self.tensors.items() if name in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        self.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in self.half_weights.items())
