"""Our own ONNX exporter: one Keras call becomes one or two ONNX nodes, on any backend.

Feature maps run as [batch, channels, height, width], as ONNX wants them; weights are turned once, here, so that
one Transpose at the input (none with layout "nchw") is all that is left of Keras' order at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..arithmetic.graph import Call, trace
from ..environment import keras
from ..errors import ExportError
from .contract import IMAGE, PROBABILITIES, Contract

OPSETS = range(13, 25)
DEFAULT_OPSET = 21
LAYOUTS = ("nhwc", "nchw")


@dataclass(frozen=True)
class Value:
    """A tensor of the ONNX graph.

    `maps` is (height, width, channels) if the tensor is a stack of feature maps [batch, c, h, w]. `flattened` is the
    same if it is one that was flattened in that order, which is not the order of Keras' flatten.
    """

    name: str
    maps: tuple[int, int, int] | None = None
    flattened: tuple[int, int, int] | None = None


class Emitter:
    """Collects nodes and weights; the layer functions in `onnx_layers` write into it."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._used = {IMAGE, PROBABILITIES}

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node called `name` and return the name of its output."""
        output = self._unused(name)
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[Any], name: str) -> str:
        """Add a weight and return its name."""
        unused = self._unused(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), unused))
        return unused

    def keras_order(self, value: Value, name: str) -> str:
        """The tensor in Keras' order: the pixels one after the other, the channels of a pixel together."""
        if value.flattened:
            height, width, channels = value.flattened
            shape = self.constant(np.array([-1, channels, height, width]), f"{name}_maps")
            turned = self.node("Reshape", [value.name, shape], f"{name}_unflatten")
            turned = self.node("Transpose", [turned], f"{name}_nhwc", perm=[0, 2, 3, 1])
            return self.node("Flatten", [turned], f"{name}_flatten", axis=1)
        if value.maps:
            return self.node("Transpose", [value.name], f"{name}_nhwc", perm=[0, 2, 3, 1])
        return value.name

    def finish(self, name: str) -> None:
        """Give the tensor `name` the name of the contract's output."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [PROBABILITIES if given == name else given for given in names]

    def _unused(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._used:
            count += 1
            candidate = f"{name}_{count}"
        self._used.add(candidate)
        return candidate


def onnx_model(
    model: keras.Model, contract: Contract, *, opset: int = DEFAULT_OPSET, layout: str = "nhwc"
) -> onnx.ModelProto:
    """Write a functional Keras model as ONNX.

    Raises:
        ExportError: the model has a layer that this exporter does not know; the message names it.
    """
    from . import onnx_layers

    graph, emitter = trace(model), Emitter()
    height, width, channels = contract.shape
    values: dict[int, Value] = {}
    first = IMAGE if layout == "nchw" else emitter.node("Transpose", [IMAGE], "image_nchw", perm=[0, 3, 1, 2])
    values[id(graph.inputs[0])] = Value(first, maps=(height, width, channels))
    for call in graph.calls[1:]:
        write = onnx_layers.writer(call)
        result = write(emitter, call, *(values[id(tensor)] for tensor in call.inputs))
        values[id(call.outputs[0])] = result
    last = emitter.keras_order(values[id(graph.outputs[0])], "output")
    if last in (IMAGE, first):
        raise ExportError(f"{contract.name} computes nothing from its input.")
    emitter.finish(last)
    return assemble(emitter, contract, opset=opset, layout=layout)


def assemble(emitter: Emitter, contract: Contract, *, opset: int, layout: str) -> onnx.ModelProto:
    """The collected nodes as a checked model with the contract's names, labels and provenance."""
    height, width, channels = contract.shape
    sizes = [channels, height, width] if layout == "nchw" else [height, width, channels]
    graph = helper.make_graph(
        emitter.nodes,
        contract.name,
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["batch", *sizes])],
        [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["batch", contract.classes])],
        emitter.weights,
    )
    opsets = [helper.make_opsetid("", opset)]
    # The oldest file version that may hold this opset: older runtimes can read it.
    written = helper.make_model(
        graph, producer_name="cnnref", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )
    helper.set_model_props(written, contract.metadata())
    onnx.checker.check_model(written, full_check=True)
    return written


def unsupported(call: Call, what: str = "") -> ExportError:
    """The error for a call that has no ONNX form here."""
    kind = type(call.operation).__name__
    return ExportError(
        f"Layer {call.name} ({kind}) cannot be written as ONNX{what and f': {what}'}; replace it, or try "
        "--engine tf2onnx."
    )
