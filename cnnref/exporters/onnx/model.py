"""Our own ONNX exporter: most Keras calls become one ONNX node, on any backend.

Feature maps run as [batch, channels, height, width], as ONNX wants them; weights are turned once, here, so that
one Transpose at the input (none with layout "nchw") is all that is left of Keras' order at run time.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ...arithmetic.graph import trace
from ...environment import keras
from ...errors import ExportError
from ..contract import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES, Contract
from .folding import fold
from .graph import Emitter, Value
from .layers import write

OPSETS = range(13, 25)
DEFAULT_OPSET = 21
LAYOUTS = ("nhwc", "nchw")


def onnx_model(
    model: keras.Model, contract: Contract, *, opset: int = DEFAULT_OPSET, layout: str = "nhwc"
) -> onnx.ModelProto:
    """Write a functional Keras model as ONNX.

    Raises:
        ExportError: the model has a layer that this exporter does not know; the message names it.
    """
    graph, emitter = trace(model), Emitter(opset)
    height, width, channels = contract.shape
    values: dict[int, Value] = {}
    first = IMAGE
    if layout == "nhwc":
        first = emitter.node("Transpose", [first], "image_nchw", perm=[0, 3, 1, 2])
    if contract.input_dtype == "uint8":
        # After the Transpose, which then moves a quarter of the bytes.
        first = emitter.node("Cast", [first], "image_float", to=TensorProto.FLOAT)
    values[id(graph.inputs[0])] = Value(first, (height, width, channels))
    for call in graph.calls[1:]:
        values[id(call.outputs[0])] = write(emitter, call, [values[id(tensor)] for tensor in call.inputs])
    last = emitter.keras_order(values[id(graph.outputs[0])], "output")
    if last in (IMAGE, first):
        raise ExportError(f"{contract.name} computes nothing from its input.")
    fold(emitter, last)
    emitter.finish(last)
    if contract.top_k:
        _best_classes(emitter, contract.top_k)
    return assemble(emitter, contract, layout=layout)


def _best_classes(emitter: Emitter, count: int) -> None:
    """Indices (int32, as TFLite has them) and scores of the best classes, as outputs of their own."""
    number = emitter.constant(np.array([count], np.int64), "top_k")
    emitter.nodes.append(helper.make_node("TopK", [PROBABILITIES, number], [TOP_SCORES, "top_long"], name="top"))
    emitter.nodes.append(helper.make_node("Cast", ["top_long"], [TOP_INDICES], name=TOP_INDICES, to=TensorProto.INT32))


def assemble(emitter: Emitter, contract: Contract, *, layout: str) -> onnx.ModelProto:
    """The collected nodes as a checked model with the contract's names, labels and provenance."""
    height, width, channels = contract.shape
    sizes = [channels, height, width] if layout == "nchw" else [height, width, channels]
    pixel = TensorProto.UINT8 if contract.input_dtype == "uint8" else TensorProto.FLOAT
    outputs = [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["batch", contract.classes])]
    if contract.top_k:
        best = ["batch", contract.top_k]
        outputs += [
            helper.make_tensor_value_info(TOP_INDICES, TensorProto.INT32, best),
            helper.make_tensor_value_info(TOP_SCORES, TensorProto.FLOAT, best),
        ]
    graph = helper.make_graph(
        emitter.nodes,
        contract.name,
        [helper.make_tensor_value_info(IMAGE, pixel, ["batch", *sizes])],
        outputs,
        emitter.tensors(),
    )
    opsets = [helper.make_opsetid("", emitter.opset)]
    # The oldest file version that may hold this opset: older runtimes can read it.
    written = helper.make_model(
        graph, producer_name="cnnref", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )
    helper.set_model_props(written, contract.metadata())
    onnx.checker.check_model(written, full_check=True)
    return written
