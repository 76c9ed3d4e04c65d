"""A bundle: one model in every format, proven in every runtime before it gets its name."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arithmetic import macs
from ..environment import keras
from ..errors import ExportError, InputError, VerificationError
from ..explain import plots
from ..files import refuse_existing, sha256_of, whole_folder
from ..models.saving import save_model
from ..pictures import RULE
from ..runtimes import Bundle, accuracy, open_artifact, read_bundle, verify
from ..runtimes.bundle import FORMAT, MANIFEST, REPORT, VERSION
from .card import card
from .contract import IMAGE, PROBABILITIES, Contract, contract_of
from .onnx_file import DEFAULT_OPSET, LAYOUTS, OPSETS, onnx_model
from .source import Source, find_source, from_model

FORMATS = ("onnx", "tflite", "saved_model")
ENGINES = ("native", "tf2onnx")

#: Largest difference of a float32 probability to Keras'.
TOLERANCE = 1e-5

#: Images and labels of a test set: uint8 [n, height, width, channels], int64 [n].
TestSet = tuple[np.ndarray, np.ndarray]


def export(
    source: str | Path | Source | keras.Model,
    directory: str | Path,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
    opset: int | None = None,
    layout: str = "nhwc",
    engine: str = "native",
    test_set: TestSet | None = None,
    force: bool = False,
) -> Bundle:
    """Export a model to SavedModel, TFLite and ONNX and verify every file in its runtime.

    Args:
        source: a Keras model that takes raw pixels 0..255, a run folder, a bundle, a .keras file, or a model's name.
        directory: the bundle's folder; it appears when all of it is written and verified, or not at all.
        name: what the bundle calls itself, by default the recipe's or the model's name.
        labels: the names of the classes, by default the run's or the numbers from 0.
        formats: which of "onnx", "tflite", "saved_model" to write; "keras" is always there.
        opset: ONNX opset 13 to 24, by default 21 (18 with tf2onnx, its newest).
        layout: "nhwc", or "nchw" for an ONNX file that takes [batch, channels, height, width].
        engine: "native", or "tf2onnx" for the ONNX file.
        test_set: where given, every file is run on all of it, and the card states the accuracy.
        force: replace an existing bundle.

    Returns:
        The bundle.

    Raises:
        InputError: an argument is not possible, or the folder exists.
        ExportError: the model cannot be written in a format; nothing is left behind.
        VerificationError: a written file does not compute what the model computes; nothing is left behind.
    """
    opset = opset or (18 if engine == "tf2onnx" else DEFAULT_OPSET)
    _check_arguments(formats, opset, layout, engine)
    refuse_existing(Path(directory), force=force, marker=MANIFEST)
    given = _source(source)
    contract = contract_of(given.model, name or given.name, labels or given.labels, given.provenance)
    with whole_folder(Path(directory), force=force, marker=MANIFEST) as folder:
        artifacts = _write_models(folder, given.model, contract, formats, opset, layout, engine)
        _write_samples(folder, given, contract)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in contract.labels), encoding="utf-8")
        for place, original in given.documents.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_bytes(original.read_bytes())
        _prove(folder, given.model, contract, artifacts, test_set)
    return read_bundle(directory)


def _source(source: str | Path | Source | keras.Model) -> Source:
    if isinstance(source, Source):
        return source
    if isinstance(source, str | Path):
        return find_source(source)
    return from_model(source, source.name)


def _check_arguments(formats: Sequence[str], opset: int, layout: str, engine: str) -> None:
    for what, value, choices in (
        *(("format", value, FORMATS) for value in formats),
        ("layout", layout, LAYOUTS),
        ("engine", engine, ENGINES),
    ):
        if value not in choices:
            raise InputError(f"There is no {what} {value!r}; choose {', '.join(choices)}.")
    if opset not in OPSETS:
        raise InputError(f"opset {opset} is not supported; choose {OPSETS[0]} to {OPSETS[-1]}.")


def _write_models(
    folder: Path,
    model: keras.Model,
    contract: Contract,
    formats: Sequence[str],
    opset: int,
    layout: str,
    engine: str,
) -> dict[str, dict[str, Any]]:
    """Write the files and return their entries for bundle.json."""
    float32 = {"precision": "float32", "tolerance": TOLERANCE}
    save_model(model, folder / "model.keras")
    artifacts: dict[str, dict[str, Any]] = {"model.keras": {"format": "keras", "precision": "float32"}}
    module = None
    if "tflite" in formats or "saved_model" in formats or engine == "tf2onnx":
        from .tensorflow_graph import serving_module

        module = serving_module(model, contract)
    if "onnx" in formats:
        if engine == "tf2onnx":
            from .onnx_tf2onnx import onnx_model_by_tf2onnx

            written = onnx_model_by_tf2onnx(module, contract, opset=opset, layout=layout)
        else:
            written = onnx_model(model, contract, opset=opset, layout=layout)
        (folder / "model.onnx").write_bytes(written.SerializeToString(deterministic=True))
        artifacts["model.onnx"] = {"format": "onnx", **float32, "layout": layout, "opset": opset, "engine": engine}
    if "tflite" in formats or "saved_model" in formats:
        from .saved_model import write_saved_model
        from .tflite import tflite_model

        write_saved_model(module, folder / "saved_model")
        if "tflite" in formats:
            (folder / "model.tflite").write_bytes(tflite_model(folder / "saved_model", contract))
            artifacts["model.tflite"] = {"format": "tflite", **float32}
        if "saved_model" in formats:
            artifacts["saved_model"] = {"format": "saved_model", **float32}
        else:
            shutil.rmtree(folder / "saved_model")
    return artifacts


def _write_samples(folder: Path, given: Source, contract: Contract) -> None:
    """The pictures that the files are checked with, what Keras makes of them, and a drawing of the first ten."""
    probabilities = np.asarray(given.model.predict_on_batch(given.images.astype(np.float32)), dtype=np.float32)
    if not np.isfinite(probabilities).all():
        raise ExportError(f"{given.name} computes values that are no finite numbers; its weights are damaged.")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=given.images, labels=given.sample_labels, probabilities=probabilities)
    (folder / "samples.npz").write_bytes(buffer.getvalue())
    if (given.sample_labels >= 0).all() and contract.activation == "softmax":
        drawing = plots.predictions(list(given.images[:10]), probabilities[:10], contract.labels)
        (folder / "samples.png").write_bytes(drawing)


def _prove(
    folder: Path,
    model: keras.Model,
    contract: Contract,
    artifacts: dict[str, dict[str, Any]],
    test_set: TestSet | None,
) -> None:
    """Verify the files, measure them, and write card, bundle.json and report.json."""
    document = _manifest(model, contract, artifacts)
    _write_manifest(folder, document)
    report = verify(folder)
    unproven = [
        f"{check.file}: {check.note}" for check in report.checks if check.file in artifacts and not check.checked
    ]
    if not report.ok or unproven:
        raise VerificationError(f"The export of {contract.name} is not kept: {'; '.join(report.problems or unproven)}.")
    found = {"verification": report.to_json()}
    if test_set is not None:
        bundle = read_bundle(folder)
        scores = {
            artifact.name: accuracy(open_artifact(bundle, artifact.name), *test_set) for artifact in bundle.runnable()
        }
        found["accuracy"] = {"images": len(test_set[1]), "files": scores}
    (folder / "README.md").write_text(card(read_bundle(folder), report, found.get("accuracy")), encoding="utf-8")
    (folder / REPORT).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    _write_manifest(folder, document)


def _manifest(model: keras.Model, contract: Contract, artifacts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": contract.name,
        "model": {
            "name": model.name,
            "parameters": model.count_params(),
            "macs": macs(model),
            "weights_sha256": contract.weights_sha256,
        },
        "input": {"name": IMAGE, "shape": ["batch", *contract.shape], "dtype": "float32", "range": [0, 255]},
        "output": {
            "name": PROBABILITIES,
            "shape": ["batch", contract.classes],
            "dtype": "float32",
            "activation": contract.activation,
        },
        "preprocessing": contract.preprocessing,
        "picture": RULE,
        "labels": list(contract.labels),
        "artifacts": artifacts,
        "provenance": contract.provenance,
        "license": "Apache-2.0",
    }


def _write_manifest(folder: Path, document: dict[str, Any]) -> None:
    """bundle.json with size and SHA-256 of every other file, but for the report on them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in files
        if path.name not in (MANIFEST, REPORT)
    }
    (folder / MANIFEST).write_text(json.dumps({**document, "files": listed}, indent=2) + "\n", encoding="utf-8")
