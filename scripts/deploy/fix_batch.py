"""Fix the open batch of a .tflite file to 1, for LiteRT.js and other runtimes that take no open sizes.

python fix_batch.py BUNDLE/model.tflite model.web.tflite      Needs: pip install ai-edge-litert flatbuffers
"""

import argparse
import struct
import sys
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def main() -> None:
    parser = argparse.ArgumentParser(description="Fix the open batch of a .tflite file to 1.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    try:
        content = arguments.source.read_bytes()
        if content[4:8] != b"TFL3":
            raise ValueError("it is no .tflite file")
        model = schema.ModelT.InitFromPackedBuf(content, 0)
    except (OSError, ValueError, struct.error) as error:
        sys.exit(f"{arguments.source} cannot be read ({error}).")
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.shapeSignature = None  # the shape beside it says 1
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    arguments.target.write_bytes(bytes(builder.Output()))


if __name__ == "__main__":
    main()
