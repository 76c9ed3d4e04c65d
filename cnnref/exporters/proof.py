"""The check that the written files compute what the model computes, the report on it, and the model card."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import plots
from ..data import load as load_data
from ..environment import keras
from ..errors import ExportError, InputError, VerificationError, option
from ..files import sha256_of
from ..models.saving import load_model
from ..runtimes import FAILED, Bundle, LabelledImages, Report, read_bundle, read_samples, verify, write_report
from ..runtimes.bundle import CARD, MANIFEST, PROBABILITIES, REPORT, SIGNED
from ..runtimes.integrity import model_file
from ..runtimes.runner import one_line
from ..stored_pictures import ImageSource
from .card.card import card
from .contract import Contract
from .preparation import in_float64
from .samples import ExportData, must_fit

BATCH = 64
#: A reduced file is held to this many times the difference to Keras that was measured at its export: integers saturate
#: and sums round in another way on another processor. scripts/benchmarks/other_kernels.py found 1.63 times at most.
OTHER_HARDWARE = 3
#: And to no less than this, by its precision: a few steps of its numbers near 1.
SMALLEST_BOUND = {"fp16": 2e-3, "dynamic": 0.01, "int8": 0.02}
#: The furthest that a float32 file may be from Keras, whatever Keras itself loses in float32.
LARGEST_ROUNDING = 1e-3


def keras_outputs(model: keras.Model, images: ImageSource) -> list[NDArray[Any]]:
    """What Keras gives for raw pixels: every output [n, ...] in Keras' order, numbers with fractions as float32."""
    # Called, and not by `predict`: that compiles anew for a last batch of another size, and TensorFlow warns of it.
    starts = range(0, len(images), BATCH)
    parts = [
        keras.tree.flatten(model(images[start : start + BATCH].astype(np.float32), training=False)) for start in starts
    ]
    whole = [
        np.concatenate([keras.ops.convert_to_numpy(part) for part in output]) for output in zip(*parts, strict=True)
    ]
    return [one.astype(np.float32) if one.dtype.kind not in "iub" else one for one in whole]


def keras_answers(model: keras.Model, images: ImageSource) -> NDArray[np.float32]:
    """The same of a network with one output."""
    (answers,) = keras_outputs(model, images)
    return np.asarray(answers, np.float32)


def with_reference(model: keras.Model, test_set: LabelledImages) -> LabelledImages:
    """A test set with what Keras gives for its images."""
    return replace(test_set, reference=keras_answers(model, test_set.images))


def reference_test_set(bundle: Bundle, dataset: str | None, data_dir: str | Path | None) -> LabelledImages:
    """The test set of a bundle, with what its model.keras says of it.

    Raises:
        InputError: the data set is not known, not there, or does not fit; or model.keras cannot be read.
        VerificationError: model.keras is not the file that bundle.json lists.
    """
    bundle.must_classify("a test set")
    name = dataset or bundle.document["provenance"].get("dataset")
    if not name:
        raise InputError(f"{bundle.name} does not say what it was trained on; name it with {option('dataset')}.")
    data = load_data(name, data_dir, image_shape=bundle.shape)
    must_fit(data, bundle.name, bundle.classes)
    model = load_model(model_file(bundle))
    return with_reference(model, LabelledImages(data.test_images, data.test_labels, data.name))


def write_samples(folder: Path, model: keras.Model, contract: Contract, data: ExportData) -> None:
    """The pictures that the files are checked with, what Keras makes of them, and a drawing of the first ten."""
    images, labels = data.samples, data.sample_labels
    outputs: dict[str, Any] = {
        output.name: found for output, found in zip(contract.outputs, keras_outputs(model, images), strict=True)
    }
    if not all(np.isfinite(values).all() for values in outputs.values()):
        raise ExportError(f"{contract.name} computes values that are no finite numbers; its weights are damaged.")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images, labels=labels, **outputs)
    (folder / "samples.npz").write_bytes(buffer.getvalue())
    if not contract.is_classifier or contract.shape[2] not in (1, 3):
        return
    probabilities = outputs[PROBABILITIES]
    if (labels >= 0).all() and contract.activation == "softmax":
        truth = [contract.labels[label] for label in labels[:10]]
        drawn = plots.predictions(list(images[:10]), probabilities[:10], contract.labels, truth)
        (folder / "samples.png").write_bytes(drawn)


def verify_files(
    folder: Path,
    model: keras.Model,
    document: dict[str, Any],
    test_set: LabelledImages | None,
    tell: Callable[[str], None],
) -> list[str]:
    """Verify the files, and write card, report.json and bundle.json.

    Returns:
        What is wrong with files that failed; they have lost their names, and bundle.json does not list them. So have
        the files that were made from the same graph as a float32 file that failed.

    Raises:
        VerificationError: no float32 file holds, a file could not be checked, or one that is no artifact is wrong.
    """
    artifacts = document["artifacts"]
    write_manifest(folder, document)
    tell("verifying" if test_set is None else f"verifying on {len(test_set.labels):,} test images")
    reference = with_reference(model, test_set) if test_set else None
    report = verify(folder, test_set=reference, isolated=False)
    if allow_for_rounding(report, model, read_samples(read_bundle(folder)).images, document):
        write_manifest(folder, document)
        report = verify(folder, test_set=reference, isolated=False)
    unproven = [
        f"{check.file}: {check.note}" for check in report.checks if check.file in artifacts and not check.checked
    ]
    runnable = [check for check in report.checks if artifacts.get(check.file, {}).get("format", "keras") != "keras"]
    whole = [check for check in runnable if check.precision == "float32"]
    failed = [f"{check.file}: {problem}" for check in runnable for problem in check.problems]
    fatal = [problem for problem in report.problems if problem not in failed] + unproven
    if fatal or (whole and not any(check.ok for check in whole)):
        problems = [problem for problem in report.problems if problem not in fatal] + fatal
        raise VerificationError(f"The export of {document['name']} is not kept: {'; '.join(problems)}.")
    wrong_graph = {check.format: check.file for check in whole if not check.ok}
    for check in runnable:
        if check.format in wrong_graph and check.ok:
            check.problems.append(f"it is made from the same graph as {wrong_graph[check.format]}, which failed")
    for check in runnable:
        if not check.ok:
            os.replace(folder / check.file, folder / f"{check.file}{FAILED}")
            del artifacts[check.file]
            document["left_out"][check.file] = one_line("; ".join(check.problems))
    hold_to_what_was_measured(report, document)
    for check in report.checks:
        if check.test is not None and check.file in artifacts:
            artifacts[check.file]["test"] = asdict(check.test)
        if check.constants_sha256 is not None and check.file in artifacts:
            artifacts[check.file]["constants_sha256"] = check.constants_sha256
    for check in report.checks:
        check.load_ms = None  # the same model gives the same bytes, the report too
    write_manifest(folder, document)
    (folder / CARD).write_text(card(read_bundle(folder), report), encoding="utf-8")
    report.left_out = document["left_out"]
    write_report(report, folder / REPORT)
    write_manifest(folder, document)
    return failed


def allow_for_rounding(report: Report, model: keras.Model, images: NDArray[np.uint8], document: dict[str, Any]) -> bool:
    """Let float32 files be further from Keras than usual, where Keras itself is further from exact arithmetic.

    The usual bound is meant for what a file computes otherwise than Keras. Both also round, in an order of their own: a
    runtime may be as far from the exact result as Keras is, on the other side. So a file is then held to the bound and
    twice the distance of Keras from the exact result. That distance is measured, in float64, when a file is only a
    little off.

    Args:
        report: what was found with the usual bounds.
        model: the network in Keras.
        images: the samples.
        document: the content of bundle.json, whose bounds are changed.

    Returns:
        Whether bundle.json has other bounds now.
    """
    whole = [
        entry
        for entry in document["artifacts"].values()
        if entry["format"] != "keras" and entry["precision"] == "float32"
    ]
    usual = {entry["tolerance"] for entry in whole}
    off = [
        check.largest_difference / check.allowed
        for check in report.checks
        if check.precision == "float32" and check.allowed and check.largest_difference is not None
    ]
    if not off or not 1 < max(off) <= LARGEST_ROUNDING / min(usual):
        return False
    try:
        lost = lost_in_float32(model, images)
    except Exception:  # not every layer computes in float64: then the usual bound is all that is known
        return False
    tolerance = min(float(f"{min(usual) + 2 * lost:.3g}"), LARGEST_ROUNDING)
    document["float32_rounding"] = {"to_float64": float(f"{lost:.3g}")}
    for entry in whole:
        entry["tolerance"] = tolerance
    return True


def hold_to_what_was_measured(report: Report, document: dict[str, Any]) -> None:
    """Give each reduced file the bound of its own measurement, where that is smaller than the usual one.

    bundle.json states the measurement (`difference`), the factor for other hardware (`tolerance_factor`), the least
    bound (`tolerance_least`), and what follows from them (`tolerance`).

    Args:
        report: what was found with the usual bounds; `allowed` is changed.
        document: the content of bundle.json, whose bounds are changed.
    """
    for check in report.checks:
        entry = document["artifacts"].get(check.file)
        least = SMALLEST_BOUND.get(check.precision or "")
        if entry is None or least is None or check.allowed is None or check.largest_difference is None:
            continue
        usual = entry["tolerance"]
        measured = check.largest_difference / check.allowed * usual
        entry["difference"] = measured
        if usual < 1:  # a file that was measured on noise alone has no bound but 1
            entry["tolerance"] = min(usual, max(least, float(f"{OTHER_HARDWARE * measured:.3g}")))
            check.allowed *= entry["tolerance"] / usual
            entry["tolerance_factor"], entry["tolerance_least"] = OTHER_HARDWARE, least


def lost_in_float32(model: keras.Model, images: NDArray[np.uint8]) -> float:
    """How far Keras in float32 is from Keras in float64, for values up to 1; greater ones count in proportion."""
    lost = [0.0]
    for found, exact in zip(keras_outputs(model, images), keras_outputs(in_float64(model), images), strict=True):
        lost.append(float(np.abs(found - exact).max(initial=0)) / max(1.0, float(np.abs(exact).max(initial=0))))
    return max(lost)


def write_manifest(folder: Path, document: dict[str, Any]) -> None:
    """bundle.json with size and SHA-256 of every other file, but for signature, report, and files that failed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in files
        if path.name not in (MANIFEST, REPORT, SIGNED) and path.suffix != FAILED
    }
    (folder / MANIFEST).write_text(json.dumps({**document, "files": listed}, indent=2) + "\n", encoding="utf-8")
