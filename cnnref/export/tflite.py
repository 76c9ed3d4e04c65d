"""TFLite: TensorFlow's converter, then the contract's names and metadata put into the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import ExportError
from .contract import IMAGE, PROBABILITIES, Contract

#: Name of the metadata entry; `cnnref verify` reads it.
METADATA = "cnnref"
IDENTIFIER = b"TFL3"


def tflite_model(saved_model: Path, contract: Contract) -> bytes:
    """Convert a SavedModel to a float32 .tflite.

    Raises:
        ExportError: TensorFlow's converter refuses the model.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    try:
        converted = converter.convert()
    except Exception as error:  # the converter raises its own and several of TensorFlow's
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(f"TensorFlow's converter cannot write {contract.name} as TFLite: {reason}") from error
    return with_metadata(converted, contract)


def with_metadata(content: bytes, contract: Contract) -> bytes:
    """Name the two tensors as the contract does, and put labels, preprocessing and provenance into the file."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    main = model.subgraphs[0]
    for index, name in ((main.inputs[0], IMAGE), (main.outputs[0], PROBABILITIES)):
        main.tensors[index].name = name.encode()
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(contract.embedded(), sort_keys=True).encode())
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA.encode(), len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    model.description = f"{contract.name}, exported by cnnref".encode()
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())
