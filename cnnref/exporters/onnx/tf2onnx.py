"""The second engine for ONNX: tf2onnx converts the TensorFlow functions, and the contract is the same.

It is chosen by a user, or takes what the first engine has no form for. It gets a function without variables, calls of
other functions and captured tensors: everything that is not the image is a constant.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import helper

from ...errors import ExportError, InputError, option
from ...runtimes.bundle import IMAGE
from ..contract import Contract

#: The newest opset that tf2onnx writes.
NEWEST_OPSET = 18


def onnx_model_by_tf2onnx(module: Any, contract: Contract, *, opset: int, layout: str) -> onnx.ModelProto:
    """Convert a serving module.

    Raises:
        InputError: tf2onnx cannot write this opset.
        ExportError: tf2onnx refuses the model.
    """
    if opset > NEWEST_OPSET:
        raise InputError(
            f"tf2onnx writes opsets up to {NEWEST_OPSET}, not {opset}; give {option('opset', NEWEST_OPSET)}."
        )
    import tf2onnx

    definition, given, results = _constant_graph(module)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        with contextlib.suppress(AttributeError):
            tf2onnx.logging.set_level(logging.ERROR)
        written, _ = tf2onnx.convert.from_graph_def(
            definition,
            input_names=[given],
            output_names=[results[output.name] for output in contract.results],
            opset=opset,
            inputs_as_nchw=[given] if layout == "nchw" else None,
        )
    except Exception as error:  # tf2onnx raises whatever its rewriters run into
        raise ExportError(f"tf2onnx cannot convert {contract.name}: {error}") from error
    ends = [output.name for output in contract.results]
    for tensor, name in zip([written.graph.input[0], *written.graph.output], [IMAGE, *ends], strict=True):
        _rename(written.graph, tensor.name, name)
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    del written.graph.value_info[:]  # they still speak of the old names
    _number(written.graph, ends)
    written.graph.name, written.graph.doc_string = contract.name, ""
    helper.set_model_props(written, contract.metadata())
    try:
        onnx.checker.check_model(written, full_check=True)
    except Exception as error:  # an operator that tf2onnx does not know stays in the graph under its TensorFlow name
        raise ExportError(f"What tf2onnx makes of {contract.name} is not valid ONNX: {error}") from error
    return written


def _constant_graph(module: Any) -> tuple[Any, str, dict[str, str]]:
    """`serve` as a GraphDef of constants and operations; the name of its input, and those of its outputs by name."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = module.serve.get_concrete_function()
    frozen = convert_variables_to_constants_v2(function, aggressive_inlining=True)
    captured = {
        inner.op.name: outer for outer, inner in function.graph.captures if outer.dtype not in (tf.resource, tf.variant)
    }
    definition = frozen.graph.as_graph_def()
    for node in definition.node:
        if node.op == "Placeholder" and node.name in captured:
            node.op = "Const"
            for attribute in list(node.attr):
                del node.attr[attribute]
            value = tf.make_tensor_proto(captured[node.name].numpy())
            node.attr["value"].tensor.CopyFrom(value)
            node.attr["dtype"].type = value.dtype
    (image,) = (tensor for tensor in frozen.inputs if tensor.op.name not in captured)
    names = sorted(function.structured_outputs)  # TensorFlow flattens dictionaries in this order
    return definition, image.name, dict(zip(names, (tensor.name for tensor in frozen.outputs), strict=True))


def _number(graph: onnx.GraphProto, ends: Sequence[str]) -> None:
    """Name everything between the ends by its place; tf2onnx uses counters that never start again."""
    used = list(dict.fromkeys(name for node in graph.node for name in node.input))
    weights = sorted(graph.initializer, key=lambda tensor: used.index(tensor.name))
    names = {tensor.name: f"weight_{index}" for index, tensor in enumerate(weights)}
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type.lower()}_{index}"
        names.update({output: f"{node.name}_{i}" for i, output in enumerate(node.output) if output not in ends})
    for tensor in weights:
        tensor.name = names[tensor.name]
    in_order = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in weights]
    del graph.initializer[:]
    graph.initializer.extend(in_order)
    for node in graph.node:
        for given in (node.input, node.output):
            given[:] = [names.get(name, name) for name in given]


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for tensor in (*graph.input, *graph.output):
        tensor.name = new if tensor.name == old else tensor.name
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
