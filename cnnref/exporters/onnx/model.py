"""Builds the ONNX ModelProto: most Keras calls become one ONNX node, on any backend.

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
from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES
from ..contract import Contract
from .folding import fold
from .graph import BATCH, STORED, GraphBuilder, Value, kind_of
from .writing import write_graph

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
    graph, builder = trace(model), GraphBuilder(opset, [output.name for output in contract.results])
    first = IMAGE
    if layout == "nhwc":
        first = builder.node("Transpose", [first], "image_nchw", perm=[0, 3, 1, 2])
    if contract.input_dtype == "uint8":
        # After the Transpose, which then moves a quarter of the bytes.
        first = builder.node("Cast", [first], "image_float", to=TensorProto.FLOAT)
    results = write_graph(builder, graph, [Value(first, (BATCH, *contract.shape))])
    last: dict[str, str] = {}
    for result, output in zip(results, contract.outputs, strict=True):
        value = _as_numbers_of(builder, result, output.dtype)
        if value in (IMAGE, first, *last):  # what goes in, or another output, under another name
            value = builder.node("Identity", [value], "output")
        last[value] = output.name
    if all(node.op_type in ("Transpose", "Cast", "Identity") for node in builder.nodes):
        raise ExportError(f"{contract.name} computes nothing from its input.")
    fold(builder, last)
    builder.finish(last)
    if contract.top_k:
        _best_classes(builder, contract.top_k)
    return assemble(builder, contract, layout=layout)


def _as_numbers_of(builder: GraphBuilder, result: Value, dtype: str) -> str:
    """An output in Keras' order and with numbers of its own type."""
    name = builder.read(result, "output", kind=kind_of(dtype))
    wanted = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return name if wanted == STORED[kind_of(dtype)][1] else builder.node("Cast", [name], "output_cast", to=wanted)


def _best_classes(builder: GraphBuilder, count: int) -> None:
    """Indices (int32, as TFLite has them) and scores of the best classes, as outputs of their own."""
    number = builder.constant(np.array([count], np.int64), "top_k")
    builder.nodes.append(helper.make_node("TopK", [PROBABILITIES, number], [TOP_SCORES, "top_long"], name="top"))
    builder.nodes.append(helper.make_node("Cast", ["top_long"], [TOP_INDICES], name=TOP_INDICES, to=TensorProto.INT32))


def fix_batch(written: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """The model with a batch of so many images instead of an open one."""
    fixed = onnx.ModelProto.FromString(written.SerializeToString())
    for tensor in (*fixed.graph.input, *fixed.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.checker.check_model(fixed, full_check=True)
    return fixed


def assemble(builder: GraphBuilder, contract: Contract, *, layout: str) -> onnx.ModelProto:
    """The collected nodes as a checked model with the contract's names, labels and provenance."""
    height, width, channels = contract.shape
    sizes = [channels, height, width] if layout == "nchw" else [height, width, channels]
    pixel = TensorProto.UINT8 if contract.input_dtype == "uint8" else TensorProto.FLOAT
    best = [output for output in contract.results if output not in contract.outputs]
    outputs = [
        helper.make_tensor_value_info(
            output.name, helper.np_dtype_to_tensor_dtype(np.dtype(output.dtype)), ["batch", *output.shape]
        )
        for output in (*contract.outputs, *best)
    ]
    graph = helper.make_graph(
        builder.nodes,
        contract.name,
        [helper.make_tensor_value_info(IMAGE, pixel, ["batch", *sizes])],
        outputs,
        builder.tensors(),
    )
    opsets = [helper.make_opsetid("", builder.opset)]
    # The oldest file version that may hold this opset: older runtimes can read it.
    written = helper.make_model(
        graph, producer_name="cnnref", opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )
    helper.set_model_props(written, contract.metadata())
    onnx.checker.check_model(written, full_check=True)
    return written
