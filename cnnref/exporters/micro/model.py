"""The int8 .tflite that a microcontroller runs: batch 1, integers at both ends, and as few bytes as the network needs.

TensorFlow Lite for Microcontrollers (TFLM) keeps some 150 bytes of RAM for every operator and tensor, and the whole
file lies in flash. So operators that others can do on the side are taken out, and whatever TFLM does not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ...arithmetic.graph import trace
from ...environment import keras
from ...runtimes.bundle import IMAGE, PROBABILITIES
from ..calibration import Calibration
from ..contract import Contract
from ..tensorflow.graph import outputs_of, require_tensorflow
from ..tensorflow.tflite import tflite_model
from ..tensorflow.tflite_file import packed
from .forms import forms


def micro_model(model: keras.Model, contract: Contract, calibration: Calibration) -> bytes:
    """A .tflite with int8 input [1, height, width, channels] (pixel - 128) and int8 scores.

    Raises:
        ExportError: TensorFlow's converter refuses the model, or Keras does not run on TensorFlow.
    """
    require_tensorflow()
    import tensorflow as tf

    graph = trace(model)
    in_another_form = forms(graph)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([1, *contract.shape], tf.float32, name=IMAGE)])
    def serve(image: Any) -> dict[str, Any]:
        (probabilities,) = outputs_of(graph, image, in_another_form)
        return {PROBABILITIES: probabilities}

    function, of_one = serve.get_concrete_function(), replace(contract, batch=1)
    return reduced(tflite_model(function, of_one, precision="int8", calibration=calibration, integer_io="int8"))


def reduced(content: bytes) -> bytes:
    """The same function without what TFLM does not read.

    Metadata, the names of inner tensors and the observed ranges go, and a shift of the pixels that leaves their bytes
    as they are. The names and the signature at the ends stay.
    """
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    (main,) = model.subgraphs
    _drop_shift_of_pixels(schema, model, main)
    _drop_unused(schema, model, main)
    ends = {*main.inputs, *main.outputs}
    for index, tensor in enumerate(main.tensors):
        tensor.shapeSignature = None
        tensor.quantization.min = tensor.quantization.max = None
        if index not in ends:
            tensor.name = None
    model.metadata, model.description, main.name = None, None, None
    return packed(model)


def _code(model: Any, operator: Any) -> int:
    entry = model.operatorCodes[operator.opcodeIndex]
    return int(max(entry.builtinCode, entry.deprecatedBuiltinCode))


def _drop_shift_of_pixels(schema: Any, model: Any, main: Any) -> None:
    """Let the input stand for pixel - level where a first operator subtracts that and leaves every byte as it is."""
    first, image = main.operators[0], int(main.inputs[0])
    sign = {schema.BuiltinOperator.ADD: 1, schema.BuiltinOperator.SUB: -1}.get(_code(model, first))
    if sign is None or int(first.inputs[0]) != image or sum(image in one.inputs for one in main.operators) != 1:
        return
    shifted = int(first.outputs[0])
    added, given, result = (main.tensors[int(index)].quantization for index in (first.inputs[1], image, shifted))
    number = np.asarray(model.buffers[main.tensors[int(first.inputs[1])].buffer].data, np.uint8).view(np.int8)
    if [*given.scale, *result.scale] != [1.0, 1.0] or len(number) != 1:
        return
    moved = result.zeroPoint[0] - given.zeroPoint[0] + sign * (float(number[0]) - added.zeroPoint[0]) * added.scale[0]
    if abs(moved) >= 0.5:
        return
    main.tensors[image].quantization = result
    for operator in main.operators[1:]:
        operator.inputs = np.array([image if index == shifted else index for index in operator.inputs], np.int32)
    main.operators = main.operators[1:]


def _drop_unused(schema: Any, model: Any, main: Any) -> None:
    """Leave out tensors, buffers and operator codes that nothing refers to, and number the rest anew."""
    used = [*main.inputs, *main.outputs, *(i for one in main.operators for i in (*one.inputs, *one.outputs) if i >= 0)]
    tensors = _numbering(used)
    main.tensors = [main.tensors[index] for index in tensors]
    for operator in main.operators:
        operator.inputs = np.array([tensors.get(int(index), -1) for index in operator.inputs], np.int32)
        operator.outputs = np.array([tensors[int(index)] for index in operator.outputs], np.int32)
    main.inputs, main.outputs = ([tensors[int(index)] for index in ends] for ends in (main.inputs, main.outputs))
    for signature in model.signatureDefs:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = tensors[int(entry.tensorIndex)]
    # Buffer 0 is the empty one by convention, and all computed tensors have it.
    empty = schema.BufferT()
    buffers = [empty]
    for tensor in main.tensors:
        buffer = model.buffers[tensor.buffer]
        holds = buffer.data is not None and len(buffer.data) > 0
        tensor.buffer = len(buffers) if holds else 0
        if holds:
            buffers.append(buffer)
    model.buffers = buffers
    codes = _numbering(operator.opcodeIndex for operator in main.operators)
    model.operatorCodes = [model.operatorCodes[index] for index in codes]
    for operator in main.operators:
        operator.opcodeIndex = codes[operator.opcodeIndex]


def _numbering(indices: Iterable[int]) -> dict[int, int]:
    """From old to new: those that occur, in their order, from 0 on."""
    return {old: new for new, old in enumerate(sorted({int(index) for index in indices}))}
