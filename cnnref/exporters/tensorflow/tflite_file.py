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
    _shorten_names(main)
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
    builder = _Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):
    """Puts bytes at multiples of 16, as TFLite's schema asks; the generated Python code does not."""

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802  the name is flatbuffers'
        if x.dtype == np.uint8:
            self.Prep(16, x.size)
        return int(super().CreateNumpyVector(x))


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


def _shorten_names(graph: Any) -> None:
    """Of a name like "conv1/BiasAdd;conv1/Conv2D;..." the first part tells the place; the others only cost bytes."""
    for tensor in graph.tensors:
        tensor.name = (tensor.name or b"").split(b";")[0]
