"""Run by the Python of an environment that has MediaPipe: what it makes of .tflite files, as JSON.

    python mediapipe_classify.py IMAGES.npy FILE.tflite...

IMAGES.npy is uint8 [n, height, width, 3]. For each file: `answers`, one list of [name, score] an image, best first;
`tables`, the standard metadata read with the code that was generated from its schema; or `refused`, the reason.
"""

import json
import sys
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated, schema_py_generated
from mediapipe.tasks.python import BaseOptions, vision


def answers(path: Any, images: Any) -> Any:
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        return [scores(classifier, image) for image in images]


def scores(classifier: Any, image: Any) -> Any:
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
    (head,) = classifier.classify(picture).classifications
    return [[category.category_name, category.score] for category in head.categories]


def tables(path: Any) -> Any:
    with open(path, "rb") as file:
        model = schema_py_generated.ModelT.InitFromPackedBuf(file.read(), 0)
    (entry,) = (entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    content = bytes(model.buffers[entry.buffer].data)
    assert metadata_schema_py_generated.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    return plain(metadata_schema_py_generated.ModelMetadataT.InitFromPackedBuf(content, 0))


def plain(value: Any) -> Any:
    """Objects as dicts of what is set, texts as str, arrays as lists."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(part) for part in value]
    if hasattr(value, "__dict__"):
        return {name: plain(part) for name, part in vars(value).items() if part is not None}
    return value


def report(path: Any, images: Any) -> Any:
    try:
        return {"answers": answers(path, images), "tables": tables(path)}
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    pictures = np.load(sys.argv[1], allow_pickle=False)
    json.dump({path: report(path, pictures) for path in sys.argv[2:]}, sys.stdout)
