"""`cnnref.export`: one model in every format and precision, and each file verified in its runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..arithmetic import macs
from ..environment import keras
from ..errors import ExportError, InputError, VerificationError
from ..files import check_name, named, refuse_existing, whole_folder
from ..runtimes import Bundle, read_bundle
from ..runtimes.bundle import CLASSIFIER, FORMAT, IMAGE, LABELS, MANIFEST, OTHER, RANGE
from ..runtimes.signing import require_private_key
from ..runtimes.signing import sign as sign_folder
from ..runtimes.tflm import require_tflm
from ..training.run import Run
from ..weights.catalogue import weights_of
from .calibration import Calibration
from .contract import Contract, contract_of
from .options import ExportOptions
from .policies import cost_of_policies
from .precisions import PRECISIONS, TARGETS, ArtifactKind, artifact_kinds, float32_file
from .preparation import prepared
from .proof import verify_files, write_samples
from .rounding import cost_of_rounding, to_float16
from .samples import ExportData, export_data_for
from .source import Source, find_source, from_model, preprocessed
from .writers import Writer


def export(
    source: str | Path | Source | keras.Model | Bundle | Run,
    directory: str | Path,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    formats: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    opset: int | None = None,
    layout: str = "nhwc",
    engine: str = "native",
    input_dtype: str = "float32",
    integer_io: str = "float32",
    top_k: int = 0,
    image_size: int | Sequence[int] | None = None,
    batch: int | None = None,
    half: bool = False,
    unsafe_lambda: bool = False,
    target: str | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    calibrate: str | Path | None = None,
    weights: str | None = None,
    sign: str | Path | None = None,
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Export a model to SavedModel, TFLite and ONNX at every precision, and verify every file in its runtime.

    Args:
        source: a Keras model that takes raw pixels 0..255, a run, a bundle, their folders, a .keras file, or a model's
            name.
        directory: the bundle's folder; it appears when all of it is written and verified, or not at all.
        name: what the bundle calls itself, by default the recipe's or the model's name.
        labels: the names of the classes, by default the run's or the numbers from 0.
        mean, std: for a model that takes (pixel / 255 - mean) / std and not raw pixels: one number a channel, of values
            0..1. The preprocessing goes into the files.
        formats: which of "onnx", "tflite", "saved_model" to write, by default all that are possible, and none where
            there is a target; one that is named must be possible. "keras" is always there, and can be alone.
        precisions: which of "fp16", "dynamic", "int8" to write beside float32; by default all, int8 where there are
            images to calibrate it with. One that is named must be possible in one format at least.
        opset: ONNX opset 13 to 24, by default 21 (18 with tf2onnx, its newest).
        layout: "nhwc", or "nchw" for ONNX files that take [batch, channels, height, width].
        engine: "native", or "tf2onnx" for the float32 ONNX file, which is then the only one.
        input_dtype: "float32", or "uint8" for files that take camera bytes.
        integer_io: what model.int8.tflite takes and gives: "float32", "uint8" or "int8".
        top_k: put out the indices and scores of so many best classes, too.
        image_size: height and width of the images, or one number for both, where the model leaves them open.
        batch: the number of images that every file takes; by default that is open.
        half: round the kernels to float16 before anything is written, and store them so in model.keras, which then
            takes half the bytes. Every file computes with the rounded weights.
        unsafe_lambda: export a model with `Lambda` layers, and run their code, which a file brings along.
        target: "micro" for a folder micro/ with what a microcontroller runs: the network in int8 as a file and as a C
            array, its operators, the RAM that it needs, and a program. Needs the package tflite-micro.
        dataset: what the model was trained on, where the source does not say it. Its training images calibrate int8,
            and every file is run on all its test images.
        data_dir: folder with the published files of the data set.
        calibrate: folder of pictures, however deep, that set the ranges of int8, read by the rule of the bundle: for
            networks whose data set is not at hand, such as ImageNet's. From 250 pictures on, others than those tell
            whether integers cost too much, and what mends it.
        weights: published ones for the model that `source` names: "imagenet", a tag such as "imagenet1k_v1", or a name
            of `cnnref.list_weights()`, which may also be given as `source`.
        sign: file of a private elliptic key in PEM, with which all that is written is signed, so that `verify` can show
            who made it. Needs the library model-signing.
        force: replace an existing bundle.
        tell: is told what is being done.

    Returns:
        The bundle. Its `left_out` has the files that could not be written, and why.

    Raises:
        InputError: an argument is not possible, or the folder exists.
        ExportError: the model cannot be exported, or not in a format or precision that was asked for by name; nothing
            is left behind.
        VerificationError: a file does not compute what the model computes. It loses its name (model.int8.onnx.failed),
            and the rest is kept; if no float32 file holds, nothing is left behind.
    """
    options = ExportOptions(
        name=name,
        labels=labels,
        mean=mean,
        std=std,
        formats=formats,
        precisions=precisions,
        opset=opset,
        layout=layout,
        engine=engine,
        input_dtype=input_dtype,
        integer_io=integer_io,
        top_k=top_k,
        image_size=image_size,
        batch=batch,
        half=half,
        unsafe_lambda=unsafe_lambda,
        target=target,
        dataset=dataset,
        data_dir=data_dir,
        calibrate=calibrate,
        sign=sign,
    )
    if weights is not None:
        if not isinstance(source, str):
            raise InputError(f"Weights {weights!r} are for a model of this package; give its name as the source.")
        source = weights_of(source, weights).name
    return _export(source, Path(named(directory, "The folder of a bundle")), options, force, tell)


def _export(
    source: str | Path | Source | keras.Model | Bundle | Run,
    directory: Path,
    options: ExportOptions,
    force: bool,
    tell: Callable[[str], None],
) -> Bundle:
    refuse_existing(directory, force=force, marker=MANIFEST)
    if options.target is not None:
        require_tflm()  # before minutes are spent for nothing
    if options.sign is not None:
        require_private_key(options.sign)
    given = _source(source, options)
    ready = prepared(given, options)
    original = preprocessed(ready, options.mean, options.std)
    exported = to_float16(original, unsafe_lambda=options.unsafe_lambda) if options.half else original
    check_name(options.name or exported.name, "a bundle")
    contract = contract_of(
        exported.model,
        options.name or exported.name,
        options.labels or exported.labels,
        exported.provenance,
        input_dtype=options.input_dtype,
        top_k=options.top_k,
        batch=options.batch,
        scores=exported.fresh or bool(exported.dataset or options.dataset),
        picture=exported.picture,
        license=exported.license,
    )
    data = export_data_for(exported, contract, options)
    chosen, left_out = _choose(options, data)
    if options.half:
        rounded = cost_of_rounding(contract.name, original.model, exported.model, data)
        contract = replace(contract, provenance={**contract.provenance, "rounded": rounded})
    if "arithmetic" in ready.provenance and ready is not given and data.samples is not ready.images:
        cost = cost_of_policies(given.model, ready.model, data.samples, options, on="the data set")
        contract = replace(contract, provenance={**contract.provenance, "arithmetic": cost})
    writer = Writer(exported.model, contract, options, data.calibration, data.trial)
    with _disk_errors_explained(directory), whole_folder(directory, force=force, marker=MANIFEST) as folder:
        artifacts, refused = writer.write(folder, chosen, tell, on_noise=bool((data.sample_labels < 0).any()))
        left_out |= refused
        _require_what_was_named(options, artifacts, left_out)
        write_samples(folder, exported.model, contract, data)
        if contract.is_classifier:
            (folder / LABELS).write_text("".join(f"{label}\n" for label in contract.labels), encoding="utf-8")
        for place, content in exported.documents.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_bytes(content)
        calibrated = any(entry["precision"] == "int8" for entry in artifacts.values())
        document = _manifest(exported.model, contract, artifacts, data.calibration if calibrated else None, left_out)
        failed = verify_files(folder, exported.model, document, data.test_set, tell)
        if options.sign is not None:
            sign_folder(folder, directory.name, options.sign)
    if failed:
        raise VerificationError(
            f"{directory} is written, but what failed now ends in .failed and is not part of it: {'; '.join(failed)}."
        )
    return read_bundle(directory)


@contextlib.contextmanager
def _disk_errors_explained(directory: Path) -> Iterator[None]:
    """Turn the error of a full or read-only disk into one sentence; nothing half-written is left by then."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{directory} cannot be written ({error.strerror or error}); make room there, or choose another folder."
        ) from error


def _source(source: str | Path | Source | keras.Model | Bundle | Run, options: ExportOptions) -> Source:
    if isinstance(source, Source):
        return source
    if isinstance(source, keras.Model):
        return from_model(source, source.name)
    return find_source(source, unsafe_lambda=options.unsafe_lambda)


def _choose(options: ExportOptions, data: ExportData) -> tuple[list[ArtifactKind], dict[str, str]]:
    """The files that can be written, and for each of the others why it is left out."""
    possible = artifact_kinds(options.wanted_formats, options.precisions or PRECISIONS)
    left_out = {}
    for kind in possible:
        if kind.format == "onnx" and kind.precision != "float32" and options.engine == "tf2onnx":
            left_out[kind.file] = "only the native engine writes it"
        elif kind.precision == "int8" and data.calibration is None:
            left_out[kind.file] = data.why_not
    targets = [TARGETS[options.target]] if options.target else []
    return [*(kind for kind in possible if kind.file not in left_out), *targets], left_out


def _require_what_was_named(
    options: ExportOptions, artifacts: dict[str, dict[str, Any]], left_out: dict[str, str]
) -> None:
    """Refuse an export without a file that was asked for by name, and one that has nothing to run.

    A precision that is named is there if one format has it; where formats are named too, each of them must.
    """

    def reason(kind: ArtifactKind) -> str:
        return f"{kind.file} cannot be written: {left_out.get(float32_file(kind.format)) or left_out[kind.file]}"

    named = options.precisions or ()
    missing = [kind for kind in artifact_kinds(options.wanted_formats, PRECISIONS) if kind.file in left_out]
    if options.formats is not None:
        refused = [kind for kind in missing if kind.precision in ("float32", *named)]
    else:
        there = {entry["precision"] for entry in artifacts.values() if entry["format"] != "keras"}
        refused = [kind for kind in missing if kind.precision in named and kind.precision not in there]
    if options.integer_io != "float32":  # an option of one file asks for that file
        refused += [kind for kind in missing if (kind.format, kind.precision) == ("tflite", "int8")]
    if options.target is not None and TARGETS[options.target].file in left_out:
        refused.append(TARGETS[options.target])
    if not refused and all(entry["format"] == "keras" for entry in artifacts.values()):
        refused = [kind for kind in missing if kind.precision == "float32"]
    if refused:
        raise ExportError("; ".join(dict.fromkeys(map(reason, refused))))


def _macs(model: keras.Model) -> int | None:
    """The multiply-accumulates of an image; None for a network with layers in which they cannot be counted."""
    try:
        return macs(model)
    except InputError:
        return None


def _manifest(
    model: keras.Model,
    contract: Contract,
    artifacts: dict[str, dict[str, Any]],
    calibration: Calibration | None,
    left_out: dict[str, str],
) -> dict[str, Any]:
    """The content of bundle.json without the list of files."""
    batch = contract.batch or "batch"
    outputs: list[dict[str, Any]] = [
        {"name": output.name, "shape": [batch, *output.shape], "dtype": output.dtype} for output in contract.outputs
    ]
    if contract.is_classifier:
        ends: dict[str, Any] = {
            "output": outputs[0] | {"activation": contract.activation, "top_k": contract.top_k},
        }
    else:
        ends = {"outputs": outputs}
    return {
        "format": FORMAT,
        "version": CLASSIFIER if contract.is_classifier else OTHER,
        "name": contract.name,
        "model": {
            "name": model.name,
            "parameters": model.count_params(),
            "macs": _macs(model),
            "weights_sha256": contract.weights_sha256,
        },
        "input": {
            "name": IMAGE,
            "shape": [batch, *contract.shape],
            "dtype": contract.input_dtype,
            "range": RANGE,
            "color": contract.color,
        },
        **ends,
        "preprocessing": contract.preprocessing,
        "picture": contract.picture.to_json(),
        "labels": list(contract.labels),
        "artifacts": artifacts,
        "calibration": calibration.to_json() if calibration else None,
        "left_out": left_out,
        "provenance": contract.provenance,
        "license": contract.license,
    }
