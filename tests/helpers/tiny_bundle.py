"""A bundle made without the exporter, around a tiny network.

8x8x1 -> convolution 3x3, 4 filters -> mean over the picture -> dense, 3 classes -> softmax
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LABELS = ["cross", "ring", "dot"]
PREPROCESSING = {"mean": [0.25], "std": [0.5], "formula": "(image / 255 - mean) / std"}
WEIGHTS_SHA256 = hashlib.sha256(b"tiny").hexdigest()
EMBEDDED = {
    "name": "tiny",
    "labels": LABELS,
    "preprocessing": PREPROCESSING,
    "provenance": {"seed": 0},
    "weights_sha256": WEIGHTS_SHA256,
}


class Weights:
    """The network's numbers; `mean` and `std` are the preprocessing's, `offset` moves the first class."""

    def __init__(self, mean: float = 0.25, offset: float = 0.0) -> None:
        random = np.random.default_rng(14)  # a draw that decides for each of the three classes, and clearly
        self.mean, self.std = mean, 0.5
        self.kernel = random.normal(size=(3, 3, 1, 4)).astype(np.float32)
        self.bias = random.normal(size=4).astype(np.float32)
        self.dense = 2 * random.normal(size=(4, 3)).astype(np.float32)
        self.dense_bias = np.array([offset, 0, 0], np.float32)


def pictures(count: int = 10) -> np.ndarray:
    """uint8 [count, 8, 8, 1]: noise of growing strength, so that not all pictures are of one class."""
    random = np.random.default_rng(5)
    strength = np.linspace(20, 256, count).reshape(-1, 1, 1, 1)
    return (random.random((count, 8, 8, 1)) * strength).astype(np.uint8)


def scores(images: np.ndarray, weights: Weights) -> np.ndarray:
    """The network in float64 before its activation: a reference that no runtime had a part in."""
    x = (images.astype(np.float64) / 255 - weights.mean) / weights.std
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    features = np.maximum(np.einsum("nhwcij,ijcf->nhwf", windows, weights.kernel) + weights.bias, 0)
    return features.mean(axis=(1, 2)) @ weights.dense + weights.dense_bias


def probabilities(images: np.ndarray, weights: Weights) -> np.ndarray:
    """Softmax of the scores, float32 [n, 3]."""
    powers = np.exp(scores(images, weights))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def onnx_bytes(
    weights: Weights,
    *,
    layout: str = "nhwc",
    batch: str | int = "batch",
    output: str = "probabilities",
    dtype: str = "float32",
    last: str = "Softmax",
    embedded: dict[str, Any] = EMBEDDED,
) -> bytes:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: Any) -> Any:
        return numpy_helper.from_array(np.asarray(value, np.float32), name)

    nchw = layout == "nchw"
    to_nchw = helper.make_node("Transpose", ["numbers"], ["pixels"], perm=[0, 3, 1, 2])
    steps = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        *([] if nchw else [to_nchw]),
        helper.make_node("Div", ["numbers" if nchw else "pixels", "full"], ["unit"]),
        helper.make_node("Sub", ["unit", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel", "bias"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "dense_bias"], ["scores"]),
        helper.make_node(last, ["scores"], [output]),  # Softmax takes the last axis by itself
    ]
    values = {
        "full": 255.0,
        "mean": weights.mean,
        "std": weights.std,
        "kernel": weights.kernel.transpose(3, 2, 0, 1),
        "bias": weights.bias,
        "dense": weights.dense,
        "dense_bias": weights.dense_bias,
    }
    shape = [batch, 1, 8, 8] if nchw else [batch, 8, 8, 1]
    graph = helper.make_graph(
        steps,
        "tiny",
        [helper.make_tensor_value_info("image", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, len(weights.dense_bias)])],
        [constant(name, value) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in embedded.items()}
    helper.set_model_props(model, {f"cnnref.{key}": value for key, value in texts.items()})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tensorflow_files(weights: Weights, folder: Path) -> bytes:
    """Write `folder` as a SavedModel; return the same network as .tflite, still without metadata."""
    from cnnref.environment import prepare

    prepare()
    import tensorflow as tf

    class Tiny(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")])
        def serve(self, image: Any) -> dict[str, Any]:
            x = (image / 255.0 - weights.mean) / weights.std
            x = tf.nn.relu(tf.nn.conv2d(x, weights.kernel, 1, "SAME") + weights.bias)
            x = tf.reduce_mean(x, axis=[1, 2])
            return {"probabilities": tf.nn.softmax(x @ weights.dense + weights.dense_bias)}

    module = Tiny()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()


def with_metadata(tflite: bytes, content: bytes) -> bytes:
    """The .tflite with a metadata entry "cnnref"; one that is there already is replaced."""
    import flatbuffers  # type: ignore[import-untyped]
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = "cnnref", len(model.buffers) - 1
    model.metadata = [item for item in model.metadata or [] if item.name != b"cnnref"] + [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write_bundle(folder: Path, weights: Weights) -> None:
    images = pictures()
    expected = probabilities(images, weights)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes(weights))
    tflite = tensorflow_files(weights, folder / "saved_model")
    (folder / "model.tflite").write_bytes(with_metadata(tflite, json.dumps(EMBEDDED).encode()))
    (folder / "model.keras").write_bytes(b"only hashed here")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "README.md").write_text("# tiny\n")
    np.savez(folder / "samples.npz", images=images, labels=expected.argmax(axis=1), probabilities=expected)
    plain = {"precision": "float32", "tolerance": 1e-5}
    document = {
        "format": "cnnref-bundle",
        "version": 1,
        "name": "tiny",
        "model": {"name": "tiny", "parameters": 55, "macs": 2316, "weights_sha256": WEIGHTS_SHA256},
        "input": {"name": "image", "shape": ["batch", 8, 8, 1], "dtype": "float32", "range": [0, 255]},
        "output": {
            "name": "probabilities",
            "shape": ["batch", 3],
            "dtype": "float32",
            "activation": "softmax",
        },
        "preprocessing": PREPROCESSING,
        "picture": {"resize": "none"},
        "labels": LABELS,
        "artifacts": {
            "model.keras": {"format": "keras", **plain},
            "saved_model": {"format": "saved_model", **plain},
            "model.onnx": {"format": "onnx", "layout": "nhwc", "opset": 17, **plain},
            "model.tflite": {"format": "tflite", **plain},
        },
        "files": {},
        "provenance": {"seed": 0},
        "license": "Apache-2.0",
    }
    (folder / "bundle.json").write_text(json.dumps(document))
    rehash(folder)


def without_saved_model(folder: Path) -> Path:
    """Take the SavedModel out of a bundle, so that a child process that runs its files need not import TensorFlow."""
    shutil.rmtree(folder / "saved_model")
    edit(folder, lambda document: document["artifacts"].pop("saved_model"))
    rehash(folder)
    return folder


def make_binary(folder: Path, activation: str) -> np.ndarray:
    """Make it a bundle of one .onnx with a single output; return what its samples should give."""
    labels = ["no", "yes"] if activation == "sigmoid" else ["size"]
    weights = Weights()
    weights.dense, weights.dense_bias = weights.dense[:, :1], weights.dense_bias[:1]
    expected = scores(pictures(), weights).astype(np.float32)
    if activation == "sigmoid":
        expected = (1 / (1 + np.exp(-expected))).astype(np.float32)
    for name in ("model.tflite", "model.keras"):
        (folder / name).unlink()
    shutil.rmtree(folder / "saved_model")
    embedded = {**EMBEDDED, "labels": labels}
    last = {"sigmoid": "Sigmoid", "linear": "Identity"}[activation]
    (folder / "model.onnx").write_bytes(onnx_bytes(weights, last=last, embedded=embedded))
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")

    def change(document: dict[str, Any]) -> None:
        document["labels"] = labels
        document["output"].update(shape=["batch", 1], activation=activation)
        document["artifacts"] = {"model.onnx": document["artifacts"]["model.onnx"]}

    edit(folder, change)
    change_samples(folder, probabilities=expected)
    return expected


def rehash(folder: Path) -> None:
    """List every file as it is now, so that only what looks deeper than hashes can find the damage."""

    def facts(file: Path) -> dict[str, Any]:
        content = file.read_bytes()
        return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "bundle.json")
    listed = {file.relative_to(folder).as_posix(): facts(file) for file in files}
    edit(folder, lambda document: document.update(files=listed))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change bundle.json."""
    path = folder / "bundle.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def change_samples(folder: Path, **arrays: np.ndarray) -> None:
    """Replace arrays of samples.npz, and list the file anew."""
    with np.load(folder / "samples.npz") as old:
        content = {**old, **arrays}
    np.savez(folder / "samples.npz", **content)
    rehash(folder)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, written once; a test that damages it takes a copy."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(folder, Weights())
    return folder
