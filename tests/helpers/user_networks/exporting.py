"""Exports a user network with cnnref and with Keras' own exporters, and says what came of each file."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cnnref
from cnnref.environment import keras, quiet_stderr
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.runtimes import FAILED, read_bundle
from cnnref.runtimes.bundle import MANIFEST

from .table import UserNetwork, pictures

#: The float32 file of each format in a bundle, and what Keras' `Model.export` calls the format.
FILES = {"onnx": "model.onnx", "tflite": "model.tflite", "saved_model": "saved_model"}
KERAS_FORMATS = {"onnx": "onnx", "tflite": "litert", "saved_model": "tf_saved_model"}

#: What a bundle says of a file whose writer ran into an exception that is no refusal.
FAILED_WRITING = "writing it failed with"

RIGHT, REFUSED, WRONG, CRASHED, UNRUNNABLE = "right", "refused", "wrong", "crashed", "unrunnable"


@dataclass(frozen=True)
class Outcome:
    """What came of one network in one format.

    `verdict` is "right" (the file computes what Keras computes), "refused" (no file, and a sentence says why), "wrong"
    (other numbers), "crashed" (an exception that is no answer), or "unrunnable" (a file that its runtime does not run).
    `reason` is the sentence; `seconds` is what the export took.
    """

    network: str
    format: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Subject:
    """A network as saved and loaded again, pictures as the network takes them, and what Keras makes of them."""

    network: UserNetwork
    path: Path
    images: Any
    expected: list[Any]


def subject_of(network: UserNetwork, folder: Path) -> Subject:
    """Build, save and load a network, and run it in Keras."""
    path = folder / f"{network.name}.keras"
    model = network.model()
    model.save(path)
    if network.refused:
        return Subject(network, path, None, [])
    images = pictures(model, 2, network.options)
    return Subject(network, path, images, answers(keras.saving.load_model(path, compile=False), network, images))


def answers(model: Any, network: UserNetwork, images: Any) -> list[Any]:
    """What Keras gives, output by output."""
    given = as_fed(network, images)
    if keras.tree.flatten(model.inputs)[0].dtype != "uint8":
        given = given.astype(np.float32)
    given = keras.tree.pack_sequence_as(model._inputs_struct, [given]) if hasattr(model, "_inputs_struct") else given
    found = keras.tree.flatten(model(given, training=False))
    return [np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(one, "float32"))) for one in found]


def as_fed(network: UserNetwork, images: Any) -> Any:
    """Pixels as the network itself takes them: divided by 255 where that is left to the export."""
    return (images / 255).astype(np.float32) if "mean" in network.options else images


def exported_by_cnnref(subject: Subject, folder: Path) -> Iterator[Outcome]:
    """Export to every format at once, as the command does, and run each file that is there."""
    network, out = subject.network, folder / subject.network.name
    begun, left_out, problem = time.perf_counter(), dict[str, str](), ("", "")
    try:
        with quiet_stderr():
            left_out = cnnref.export(subject.path, out, precisions=["float32"], **network.options).left_out
    except Exception as error:
        problem = _verdict(error)
        if (out / MANIFEST).is_file():  # some files did not compute what Keras computes, and the others are there
            left_out = read_bundle(out).left_out
    seconds = (time.perf_counter() - begun) / len(FILES)
    for form, file in FILES.items():
        if (out / file).exists():
            yield _compared(subject, form, out / file, subject.images, seconds)
        elif (out / f"{file}{FAILED}").exists():
            yield Outcome(network.name, form, WRONG, left_out.get(file, ""), seconds)
        elif file in left_out:
            verdict = CRASHED if FAILED_WRITING in left_out[file] else REFUSED
            yield Outcome(network.name, form, verdict, left_out[file], seconds)
        else:
            yield Outcome(network.name, form, *problem, seconds)
    shutil.rmtree(out, ignore_errors=True)


def exported_by_keras(subject: Subject, folder: Path) -> Iterator[Outcome]:
    """Export to each format with `Model.export`."""
    network = subject.network
    images = as_fed(network, subject.images)
    for form, file in FILES.items():
        path = folder / f"{network.name}-keras" / file
        path.parent.mkdir(exist_ok=True)

        begun = time.perf_counter()
        try:
            with quiet_stderr():
                model = keras.saving.load_model(subject.path, compile=False)
                answers(model, network, subject.images)  # Keras exports to ONNX only what was called
                model.export(path, format=KERAS_FORMATS[form], verbose=False)
        except Exception as error:
            yield Outcome(network.name, form, *_verdict(error), time.perf_counter() - begun)
        else:
            yield _compared(subject, form, path, images, time.perf_counter() - begun)
        shutil.rmtree(path.parent, ignore_errors=True)


def _verdict(error: Exception) -> tuple[str, str]:
    """What an exception stands for, and its words."""
    if isinstance(error, VerificationError):
        return WRONG, str(error)
    if isinstance(error, InputError | ExportError):
        return (CRASHED if FAILED_WRITING in str(error) else REFUSED), str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return CRASHED, f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {error}"[:300]


def _compared(subject: Subject, form: str, path: Path, images: Any, seconds: float) -> Outcome:
    """Run a file, and compare what it gives with Keras."""
    network = subject.network
    try:
        with quiet_stderr():
            found = RUNNERS[form](path, images)
    except Exception as failure:
        return Outcome(network.name, form, UNRUNNABLE, f"{type(failure).__name__}: {failure}"[:300], seconds)
    problem = difference(found, subject.expected, network.tolerance)
    return Outcome(network.name, form, WRONG if problem else RIGHT, problem, seconds)


def difference(found: list[Any], expected: list[Any], tolerance: float) -> str:
    """How far the results of a file are from Keras, in any order; "" if they are the same."""
    if len(found) != len(expected):
        return f"{len(found)} outputs, and Keras has {len(expected)}"
    for index, one in enumerate(expected):
        alike = [other.astype(np.float32) for other in found if other.shape == one.shape]
        if not alike:
            return f"no output has the shape {one.shape} of Keras' output {index}"
        off = min(float(np.abs(other - one).max(initial=0)) for other in alike)
        if not off <= tolerance * max(1.0, float(np.abs(one).max(initial=0))):
            return f"output {index} differs by {off:.2g}"
    return ""


def run_onnx(path: Path, images: Any) -> list[Any]:
    """An .onnx file in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    types = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}
    return list(session.run(None, {given.name: images.astype(types.get(given.type, np.float32))}))


def run_tflite(path: Path, images: Any) -> list[Any]:
    """A .tflite file in LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    (given,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(given["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], images.astype(given["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


def run_saved_model(path: Path, images: Any) -> list[Any]:
    """A SavedModel in TensorFlow."""
    import tensorflow as tf

    function = tf.saved_model.load(str(path)).signatures["serving_default"]
    ((name, given),) = function.structured_input_signature[1].items()
    return [one.numpy() for one in function(**{name: tf.constant(images.astype(given.dtype.as_numpy_dtype))}).values()]


RUNNERS: dict[str, Callable[[Path, Any], list[Any]]] = {
    "onnx": run_onnx,
    "tflite": run_tflite,
    "saved_model": run_saved_model,
}
