"""The standard TFLite model metadata, which lets a stranger's program feed the file and name its classes.

MediaPipe's ImageClassifier and Android's tools read it. Tables and meanings are those of metadata_schema.fbs (TFLite
Support); `cnnref.runtimes.tflite_metadata` holds them, and reads what is written here.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ...runtimes.bundle import IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES
from ...runtimes.tflite_metadata import (
    COLOR_SPACES,
    IDENTIFIER,
    METADATA,
    METADATA_NAME,
    TENSOR_AXIS_LABELS,
    TENSOR_VALUE_LABELS,
    packed_files,
    read_standard_metadata,
)
from ..contract import Contract

#: Everything used here has been in the schema from its beginning.
MIN_PARSER_VERSION = "1.0.0"

#: How the pixels 0..255 are handed over, by the type of the input.
FEEDS = {"float32": "as they are", "uint8": "as they are", "int8": "less 128"}


def standard_metadata(contract: Contract, *, input_dtype: str, labels_file: str = "labels.txt") -> bytes:
    """The metadata buffer of a file that keeps `contract`, to be named METADATA_NAME in the model.

    Args:
        contract: the promise; its `top_k` decides whether one output is described or three.
        input_dtype: what the file takes, "float32", "uint8" or "int8".
        labels_file: the packed file with the classes, one a line in the order of the outputs.
    """
    return METADATA.write(
        "ModelMetadata",
        {
            "name": contract.name,
            "description": f"{_kind(contract)}, exported by cnnref.",
            "version": contract.weights_sha256[:12],  # other weights, another version
            "subgraph_metadata": [
                {
                    "name": contract.name,
                    "input_tensor_metadata": [_image(contract, input_dtype)],
                    "output_tensor_metadata": _outputs(contract, labels_file),
                }
            ],
            "author": "cnnref",
            "license": contract.license,
            "min_parser_version": MIN_PARSER_VERSION,
        },
        IDENTIFIER,
    )


def _kind(contract: Contract) -> str:
    if contract.is_classifier:
        return f"Image classifier of {contract.classes} classes"
    return f"Network that gives {', '.join(output.name for output in contract.outputs)} for an image"


def _image(contract: Contract, input_dtype: str) -> dict[str, Any]:
    height, width, channels = contract.shape
    color = {1: "GRAYSCALE", 3: "RGB"}.get(channels, "UNKNOWN")
    return {
        "name": IMAGE,
        "description": f"{contract.color} image, {height} pixels high and {width} wide; pixel values 0 to 255 go in "
        f"{FEEDS[input_dtype]}, for the network itself subtracts the mean and divides.",
        "dimension_names": ["batch", "height", "width", "channels"],
        "content": {
            "content_properties": (
                "ImageProperties",
                {"color_space": COLOR_SPACES.index(color), "default_size": {"width": width, "height": height}},
            ),
            "range": {"min": 1, "max": 3},
        },
        # By the schema this comes before the tensor's own quantization, so it is the same for every type of input:
        # uint8 has scale 1 and zero point 0, int8 has scale 1 and zero point -128.
        "process_units": [{"options": ("NormalizationOptions", {"mean": [0.0] * channels, "std": [1.0] * channels})}],
        "stats": {"max": [255.0], "min": [0.0]},
    }


def _outputs(contract: Contract, labels_file: str) -> list[dict[str, Any]]:
    """One description an output, in the order in which the file has them."""
    if not contract.is_classifier:
        plain: dict[str, Any] = {"content": {"content_properties": ("FeatureProperties", {})}}
        return [
            {"name": output.name, "description": f"{output.dtype} [batch, {', '.join(map(str, output.shape))}]"} | plain
            for output in contract.results
        ]
    axis = {"name": labels_file, "description": "The classes, one a line.", "type": TENSOR_AXIS_LABELS}
    feature: dict[str, Any] = {"content": {"content_properties": ("FeatureProperties", {})}}
    # Only what softmax or sigmoid gives lies between 0 and 1; a linear output is a sum or a measured value.
    bounded = {"stats": {"max": [1.0], "min": [0.0]}} if contract.activation in ("softmax", "sigmoid") else {}
    scores = feature | bounded
    described = {
        PROBABILITIES: {"description": "What the network gives each class.", "associated_files": [axis]} | scores
    }
    if contract.top_k:
        described[TOP_INDICES] = {
            "description": f"The {contract.top_k} best classes, best first.",
            "associated_files": [axis | {"type": TENSOR_VALUE_LABELS}],
        } | feature
        described[TOP_SCORES] = {"description": f"What the network gives the classes of {TOP_INDICES}."} | scores
    return [{"name": name, **facts} for name, facts in described.items()]


def with_files(content: bytes, files: dict[str, bytes]) -> bytes:
    """A .tflite file with `files` packed in: a zip archive behind the model, the same bytes each time.

    Nothing is compressed: MediaPipe reads the files where they lie.
    """
    stream = io.BytesIO()
    stream.write(content)
    with zipfile.ZipFile(stream, "a") as archive:  # "a" states places from the beginning of the file, as readers expect
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # dated 1980, not today
            entry.create_system = 3  # Unix, whichever system packs
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


__all__ = ["METADATA_NAME", "packed_files", "read_standard_metadata", "standard_metadata", "with_files"]
