"""What is put into a .tflite after its conversion: the contract's names, a signature, metadata, the labels."""

from __future__ import annotations

import json
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from ...errors import ExportError
from ...runtimes.bundle import IMAGE, SIGNATURE
from ..contract import Contract
from .tflite_metadata import METADATA_NAME, standard_metadata, with_files

#: Name of the metadata entry with everything that a bundle says of a file; `cnnref verify` reads it.
METADATA = "cnnref"
IDENTIFIER = b"TFL3"
LABELS = "labels.txt"


def with_contract(content: bytes, contract: Contract) -> bytes:
    """Name the tensors at the ends as the contract does, and put labels, preprocessing and provenance into the file."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    main = model.subgraphs[0]
    # A function gives its results in the order of their names.
    outputs = [output.name for output in contract.results]
    if len(main.inputs) != 1 or len(main.outputs) != len(outputs):
        raise ExportError(f"The converter gave {contract.name} {len(main.outputs)} outputs, not {len(outputs)}.")
    _shorten_names(model)
    for index, name in zip([*main.inputs, *main.outputs], [IMAGE, *outputs], strict=True):
        main.tensors[index].name = name.encode()
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE.encode(), 0
    signature.inputs = [_tensor_map(schema, IMAGE, main.inputs[0])]
    signature.outputs = [_tensor_map(schema, *pair) for pair in zip(outputs, main.outputs, strict=True)]
    model.signatureDefs = [signature]
    input_dtype = {schema.TensorType.UINT8: "uint8", schema.TensorType.INT8: "int8"}.get(
        main.tensors[main.inputs[0]].type, "float32"
    )
    for key, value in (
        (METADATA, json.dumps(contract.embedded(), sort_keys=True).encode()),
        (METADATA_NAME, standard_metadata(contract, input_dtype=input_dtype, labels_file=LABELS)),
    ):
        _add_metadata(schema, model, key, value)
    model.description = f"{contract.name}, exported by cnnref".encode()
    labels = "".join(f"{label}\n" for label in contract.labels)
    named = packed(model)
    return with_files(named, {LABELS: labels.encode()}) if contract.is_classifier else named


def packed(model: Any) -> bytes:
    """The bytes of a .tflite file from the tables of its schema."""
    _drop_empty_buffers(model)
    _share_tables(model)
    builder = _Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _drop_empty_buffers(model: Any) -> None:
    """Let all tensors without content share the first buffer, which TFLite's schema keeps empty for them."""
    kept = [0, *(place for place, buffer in enumerate(model.buffers) if place and buffer.data is not None)]
    places = {old: new for new, old in enumerate(kept)}
    for holder in (*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or ())):
        holder.buffer = places.get(holder.buffer, 0)
    model.buffers = [model.buffers[place] for place in kept]


def _share_tables(model: Any) -> None:
    """Let operators with equal options have one table of them, and tensors with equal scales one of these."""
    shared: dict[tuple[Any, ...], _Once] = {}
    for graph in model.subgraphs:
        for operator in graph.operators:
            options = operator.builtinOptions
            values = tuple(sorted(vars(options).items())) if options is not None else ()
            if values and all(value is None or isinstance(value, bool | int | float) for _, value in values):
                operator.builtinOptions = shared.setdefault((type(options), *values), _Once(options))
        for tensor in graph.tensors:
            scales = tensor.quantization
            if scales is None or scales.scale is None or scales.zeroPoint is None or scales.details is not None:
                continue
            key = (np.asarray(scales.scale).tobytes(), np.asarray(scales.zeroPoint).tobytes())
            if scales.min is None and scales.max is None:
                tensor.quantization = shared.setdefault((*key, scales.quantizedDimension), _Once(scales))


class _Once:
    """A table that is written once, however many others point to it."""

    def __init__(self, table: Any) -> None:
        self._table, self._place = table, 0

    def Pack(self, builder: Any) -> int:  # noqa: N802  the name is that of the schema's tables
        self._place = self._place or int(self._table.Pack(builder))
        return self._place


class _Builder(flatbuffers.Builder):
    """Puts bytes at multiples of 16, as TFLite's schema asks; the generated Python code does not.

    Vectors of the same numbers are stored once, as flatbuffers allow, and so are names: every filter has a zero point
    of eight bytes, and all of these are zeros. They were a fifth of the integer file of a MobileNetV2 of width 0.35.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._stored: dict[tuple[str, bytes], int] = {}
        self._strings: dict[bytes, int] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802  the name is flatbuffers'
        if x.dtype == np.uint8:
            self.Prep(16, x.size)
            return int(super().CreateNumpyVector(x))
        key = x.dtype.str, x.tobytes()
        if key not in self._stored:
            self._stored[key] = int(super().CreateNumpyVector(x))
        return self._stored[key]

    def CreateString(self, s: str | bytes, *more: Any) -> int:  # noqa: N802  the name is flatbuffers'
        content = s.encode() if isinstance(s, str) else bytes(s)
        if content not in self._strings:
            self._strings[content] = int(super().CreateString(content, *more))
        return self._strings[content]


def _tensor_map(schema: Any, name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry


def _add_metadata(schema: Any, model: Any, name: str, content: bytes) -> None:
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = name.encode(), len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]


def _shorten_names(model: Any) -> None:
    """Of a name like "conv1/BiasAdd;conv1/Conv2D;..." the first part tells the place; the others only cost bytes.

    What only one operator reads and none computes, such as weights, is called as the operator's result is. That is how
    the converter calls a bias, and a name is stored once.
    """
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        tensor.name = (tensor.name or b"").split(b";")[0]
    readers: dict[int, list[Any]] = {}
    for operator in graph.operators:
        for index in {int(index) for index in operator.inputs}:
            readers.setdefault(index, []).append(operator)
    for index, operators in readers.items():
        if index >= 0 and len(operators) == 1 and model.buffers[graph.tensors[index].buffer].data is not None:
            graph.tensors[index].name = graph.tensors[int(operators[0].outputs[0])].name
