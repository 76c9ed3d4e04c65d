"""Biases of an integer .tflite that make up for what the rounding of the weights adds on average; see `mean_error`."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtimes.kept_tensors import KeptTensors
from ..calibration import mean_error
from .tflite_file import packed

#: Operators with weights and a bias, the axis of the weights that counts the filters, and that of their channels.
WEIGHTED = {"CONV_2D": (0, 3), "DEPTHWISE_CONV_2D": (3, 0), "FULLY_CONNECTED": (0, 1)}

#: The mean of each channel of what a weighted operator reads, by the name of what it writes.
Means = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Weighted:
    """A weighted operator: its kind, and the indices of the tensors that it reads (image, weights, bias)."""

    kind: str
    image: int
    weights: int
    bias: int


def channel_means(floats: bytes, images: NDArray[np.uint8], batch: int) -> Means:
    """The means of what the weighted operators of a float32 .tflite read.

    Args:
        floats: the file.
        images: [n, height, width, channels], pixel values 0..255.
        batch: how many of them are run at a time; the last ones are filled up from the beginning.
    """
    model = _read(floats)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "floats.tflite"
        path.write_bytes(floats)
        kept = KeptTensors(path)
    computed = {index: name for name, index in kept.written.items()}
    read = {name: operator for name, operator in _weighted(model) if operator.image in computed}
    sums: Means = dict.fromkeys(read, np.zeros(()))
    starts = range(0, len(images), batch)
    for start in starts:
        kept.run(np.take(images, range(start, start + batch), axis=0, mode="wrap"))
        for name, operator in read.items():
            value = kept.value(computed[operator.image])
            # A dense layer reads maps as if they were flat.
            flat = operator.kind == "FULLY_CONNECTED"
            channels = model.subgraphs[0].tensors[operator.weights].shape[1] if flat else value.shape[-1]
            sums[name] = sums[name] + value.reshape(-1, channels).mean(axis=0, dtype=np.float64)
    return {name: total / len(starts) for name, total in sums.items()}


def with_corrected_biases(integers: bytes, floats: bytes, means: Means) -> bytes:
    """An integer .tflite whose biases make up for its rounded weights.

    Args:
        integers: the file.
        floats: the file with exact weights, whose tensors have the same names.
        means: of the latter.
    """
    from ai_edge_litert import schema_py_generated as schema

    model, exact = _read(integers), _read(floats)
    tensors, operators = model.subgraphs[0].tensors, dict(_weighted(exact))
    users = Counter(int(tensor.buffer) for tensor in tensors)
    readers = Counter(int(index) for operator in model.subgraphs[0].operators for index in operator.inputs)
    for name, operator in _weighted(model):
        weights, bias = tensors[operator.weights], tensors[operator.bias]
        whole = weights.type == schema.TensorType.INT8 and bias.type == schema.TensorType.INT32
        if not whole or readers[operator.bias] > 1 or name not in means or operators[name].kind != operator.kind:
            continue
        filters, channels = WEIGHTED[operator.kind]
        scale = np.asarray(weights.quantization.scale)
        steps = scale.reshape([-1 if axis == filters else 1 for axis in range(len(weights.shape))])
        error = _values(exact, operators[name].weights, np.float32) - _values(model, operator.weights, np.int8) * steps
        added = mean_error(np.moveaxis(error, (filters, channels), (0, 1)), means[name])
        corrected = _values(model, operator.bias, np.int32) + np.rint(added / bias.quantization.scale)
        if users[bias.buffer] > 1:  # equal constants share one
            model.buffers.append(schema.BufferT())
            bias.buffer = len(model.buffers) - 1
        model.buffers[bias.buffer].data = np.frombuffer(corrected.astype("<i4").tobytes(), np.uint8)
    return packed(model)


def _read(content: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(content, 0)


def _weighted(model: Any) -> Iterator[tuple[str, _Weighted]]:
    """The operators with constant weights and bias, by the first part of the name of what they write, if it is the only
    one of that name."""
    from ai_edge_litert import schema_py_generated as schema

    graph, codes = model.subgraphs[0], model.operatorCodes
    kinds = {getattr(schema.BuiltinOperator, kind): kind for kind in WEIGHTED}

    def name_of(index: int) -> str:
        return str(graph.tensors[index].name.decode().split(";")[0])

    written = Counter(name_of(index) for operator in graph.operators for index in operator.outputs)
    for operator in graph.operators:
        code = codes[operator.opcodeIndex]
        kind = kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        name = name_of(operator.outputs[0])
        if kind is None or len(operator.inputs) < 3 or operator.inputs[2] < 0 or written[name] > 1:
            continue
        image, weights, bias = (int(index) for index in operator.inputs[:3])
        if all(model.buffers[graph.tensors[index].buffer].data is not None for index in (weights, bias)):
            yield name, _Weighted(kind, image, weights, bias)


def _values(model: Any, index: int, dtype: Any) -> NDArray[Any]:
    """The numbers of a constant tensor."""
    tensor = model.subgraphs[0].tensors[index]
    data: NDArray[np.uint8] = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    return np.frombuffer(data.tobytes(), np.dtype(dtype).newbyteorder("<")).reshape(tensor.shape)
