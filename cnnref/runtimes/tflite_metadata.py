"""The standard metadata of a .tflite file: model metadata by Google's published schema, and the files
packed in behind the model as a zip archive.

The tables and their field numbers are those of metadata_schema.fbs (TFLite Support, also in MediaPipe; identifier
M001), as far as an image classifier needs them; what is left out at a table's end may be there and is passed over.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ..errors import VerificationError
from .flatbuffer_tables import READ_ERRORS, Schema, View

#: The name of the model's metadata entry whose buffer holds the tables, and how that buffer identifies itself.
METADATA_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"

METADATA = Schema(
    tables={
        "ModelMetadata": "name:string description:string version:string subgraph_metadata:[SubGraphMetadata] "
        "author:string license:string associated_files:[AssociatedFile] min_parser_version:string",
        "SubGraphMetadata": "name:string description:string "
        "input_tensor_metadata:[TensorMetadata] output_tensor_metadata:[TensorMetadata]",
        "TensorMetadata": "name:string description:string dimension_names:[string] content:Content "
        "process_units:[ProcessUnit] stats:Stats associated_files:[AssociatedFile]",
        "Content": "content_properties:ContentProperties range:ValueRange",
        "FeatureProperties": "",
        "ImageProperties": "color_space:byte default_size:ImageSize",
        "ImageSize": "width:uint height:uint",
        "ValueRange": "min:int max:int",
        "ProcessUnit": "options:ProcessUnitOptions",
        "NormalizationOptions": "mean:[float] std:[float]",
        "Stats": "max:[float] min:[float]",
        "AssociatedFile": "name:string description:string type:byte",
    },
    unions={
        "ContentProperties": ("FeatureProperties", "ImageProperties"),
        "ProcessUnitOptions": ("NormalizationOptions",),
    },
)

#: ColorSpaceType by number, and two of AssociatedFileType: labels of a tensor's axis, and of a tensor's values.
COLOR_SPACES = ("UNKNOWN", "RGB", "GRAYSCALE")
TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS = 2, 3

#: The part of TFLite's own schema.fbs that leads to a metadata entry.
MODEL_IDENTIFIER = b"TFL3"
MODEL = Schema(
    {
        "Model": "version:uint operator_codes:_ subgraphs:_ description:string buffers:[Buffer] metadata_buffer:_ "
        "metadata:[Metadata]",
        "Metadata": "name:string buffer:uint",
        "Buffer": "data:[ubyte]",
    }
)


def metadata_entry(content: bytes, name: str) -> bytes | None:
    """The buffer behind a metadata entry of a .tflite file, or None if there is no such entry.

    Raises:
        VerificationError: the bytes are no .tflite file, or a damaged one.
    """
    if content[4:8] != MODEL_IDENTIFIER:
        raise VerificationError("it is no .tflite file")
    try:
        model = MODEL.read("Model", content)
        for entry in model["metadata"] or []:
            if entry["name"] == name:
                return bytes(model["buffers"][entry["buffer"]]["data"])
    except READ_ERRORS as error:
        raise VerificationError(f"its metadata entries cannot be read: {error}") from None
    return None


def read_standard_metadata(content: bytes) -> dict[str, Any]:
    """The standard metadata of a .tflite file that classifies images.

    Returns:
        name, description, version, author, license and min_parser_version as strings; `input` and `outputs`, the
        names of the tensors; `color` ("RGB" or "GRAYSCALE"), `size` (height, width), `mean` and `std` (a number a
        channel), by which a picture is fed; `labels_file`, the packed file with the names of the classes.

    Raises:
        VerificationError: there is none, or it is damaged, or not that of an image classifier.
    """
    found = metadata_entry(content, METADATA_NAME)
    if found is None:
        raise VerificationError(f"it has no metadata {METADATA_NAME!r}")
    if found[4:8] != IDENTIFIER:
        raise VerificationError(f"its metadata {METADATA_NAME!r} is not of the schema {IDENTIFIER.decode()}")
    try:
        return _classifier(METADATA.read("ModelMetadata", found))
    except READ_ERRORS as error:
        raise VerificationError(
            f"its metadata {METADATA_NAME!r} is damaged, or not that of an image classifier: {error}"
        ) from None


def _classifier(root: View) -> dict[str, Any]:
    (graph,) = root["subgraph_metadata"]
    (image,) = graph["input_tensor_metadata"]
    (unit,) = image["process_units"]
    _, properties = image["content"]["content_properties"]
    _, normalization = unit["options"]
    size, outputs = properties["default_size"], graph["output_tensor_metadata"]
    labels = [file["name"] for file in outputs[0]["associated_files"] if file["type"] == TENSOR_AXIS_LABELS]
    return {
        **{key: root[key] for key in ("name", "description", "version", "author", "license", "min_parser_version")},
        "input": image["name"],
        "outputs": [output["name"] for output in outputs],
        "color": COLOR_SPACES[properties["color_space"]],
        "size": (size["height"], size["width"]),
        "mean": normalization["mean"],
        "std": normalization["std"],
        "labels_file": labels[0],
    }


def packed_files(content: bytes) -> dict[str, bytes]:
    """The files packed in at the end of a .tflite file, by name.

    Raises:
        VerificationError: there are none, or they are damaged, or compressed, which MediaPipe does not read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if compressed := [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]:
                raise VerificationError(f"the packed file {compressed[0]!r} is compressed, and may not be")
            found = {entry.filename: archive.read(entry) for entry in entries}
    # Of a damaged archive, Python's module raises whatever the damage leads it to.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, *READ_ERRORS) as error:
        raise VerificationError(f"the files packed into it are missing or damaged: {error}") from None
    if not found:
        raise VerificationError("the files packed into it are missing: its archive is empty")
    return found
