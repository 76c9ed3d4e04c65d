"""Check that every file of a bundle is what bundle.json says.

Sizes and hashes first; then each artifact is loaded in its runtime and held to its names, shapes, types,
embedded facts, size, operators, and to the numbers that Keras gave at export. All failures are collected. Nothing is
written.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, VerificationError, printable
from ..files import read_text
from .bundle import CARD, IMAGE, LABELS, REPORT, SIGNED, TOP_INDICES, TOP_SCORES, Artifact, Bundle, ListedFile
from .evaluate import (
    LabelledImages,
    allowed_difference,
    answers_in_batches,
    check_best_classes,
    difference,
    evaluate_on_test_set,
    other_decisions,
    top1,
)
from .integrity import damage, unlisted
from .isolation import Host, compared, host
from .locate import find_bundle
from .manifest import read_bundle
from .micro import check_array, check_same_bytes
from .report import Check, Report
from .runner import Runner, RuntimeMissingError, Tensor
from .samples import FILE as SAMPLES
from .samples import Samples, read_samples
from .signing import check_signature
from .tflite_metadata import METADATA_NAME, metadata_entry, packed_files, read_standard_metadata
from .witnesses import check_accuracy, check_card, report_of_earlier

#: Every file is run at these batch sizes, to show that its batch is open; the last one takes every sample.
BATCHES = (1, 3, 8)
#: Of smaller float32 files the metadata and the graph itself weigh too much for a bound on the size to mean anything.
SIZE_COUNTS_FROM = 1_000_000


def verify(
    folder: str | Path | Bundle,
    *,
    only: Sequence[str] | None = None,
    test_set: LabelledImages | None = None,
    isolated: bool = True,
    key: str | Path | None = None,
) -> Report:
    """Check a bundle, or `only` the named artifacts and files of it (and samples.npz, if one is to run).

    Args:
        folder: a bundle, its folder, or the name of one that comes with the package.
        test_set: a test set that every file is run on, and its bounds on accuracy checked.
        isolated: run the files in a child process, which a damaged file may crash, hang or fill; if not, in this one,
            which is quicker and right for files that it has just written.
        key: file of the signer's public key. The signature is checked first, and nothing else of a bundle that its
            owner has not signed as it is. Needs the library model-signing.

    Returns:
        A report of what was found; `report.ok` says whether the bundle holds.

    Raises:
        InputError: there is no such bundle, it cannot be read, or `only` names something that is not in it; or the key
            cannot be used.
        VerificationError: there is a key, and the bundle is not what its owner signed.
    """
    folder = find_bundle(folder)
    signed = None if key is None else check_signature(folder, key)
    bundle = read_bundle(folder)
    if test_set is not None:
        bundle.must_classify("a test set")
    if test_set is not None and len(test_set.reference) != len(test_set.images):
        raise InputError("The test set does not say what Keras gives for its images; set its `reference`.")
    checks = {name: _listed(bundle, name) for name in _chosen(bundle, only)}
    if LABELS in checks and checks[LABELS].ok:
        _labels(bundle, checks[LABELS])
    if CARD in checks and checks[CARD].ok:
        check_card(bundle, checks[CARD])
    samples = _samples(bundle, checks[SAMPLES]) if SAMPLES in checks else None
    with host(isolated=isolated) as where:
        for artifact in bundle.runnable():
            if artifact.name in checks:
                _artifact(where, bundle, artifact, samples, test_set, checks[artifact.name])
    if only is None:
        if (earlier := report_of_earlier(bundle, {name: check.test for name, check in checks.items()})) is not None:
            checks[REPORT] = earlier
        for path in [each for each in unlisted(bundle) if each not in checks]:
            checks[path] = Check(printable(path), problems=["it is not listed in bundle.json"])
        if signed is not None:
            checks[SIGNED] = Check(
                SIGNED, note=f"the owner of {key} has signed bundle.json and all {signed - 1} others"
            )
        elif (bundle.folder / SIGNED).exists():
            checks[SIGNED] = Check(SIGNED, checked=False, note="not checked, because no public key was given (--key)")
    return Report(bundle.name, list(checks.values()), bundle.left_out)


def _chosen(bundle: Bundle, only: Sequence[str] | None) -> list[str]:
    # What the contract asks for is looked for even where bundle.json does not list it.
    contract = [LABELS, SAMPLES] if bundle.classes else [SAMPLES]
    contract += [CARD] * bundle.has_witnesses
    entries = list(dict.fromkeys([*bundle.entries(), *contract]))
    if only is None:
        return entries
    if unknown := [name for name in only if name not in entries]:
        raise InputError(f"{bundle.folder} has no {unknown[0]!r} to verify; it has: {', '.join(entries)}.")
    runs = any(artifact.name in only for artifact in bundle.runnable())
    return [name for name in entries if name in only or (runs and name == SAMPLES)]


def _listed(bundle: Bundle, name: str) -> Check:
    """Existence, size and SHA-256 of a file, or of all files of a folder."""
    artifact, path, parts = bundle.artifacts.get(name), bundle.folder / name, bundle.parts(name)
    check = Check(name, problems=damage(bundle, name))
    if artifact is not None:
        check.format, check.precision = artifact.format, artifact.precision
    found = [bundle.folder / file for file in parts]
    size = sum(file.stat().st_size for file in found if file.is_file())
    if path.exists():
        check.bytes, check.sha256 = size, _hash_of(parts, path.is_dir())
    if artifact is not None and not check.problems:
        _size(bundle, artifact, check)
    return check


def _hash_of(parts: dict[str, ListedFile], folder: bool) -> str | None:
    """The listed SHA-256 of a file; of a folder, the one over those of its files in their order."""
    if not folder:
        return next((facts.sha256 for facts in parts.values()), None)
    return hashlib.sha256("".join(parts[file].sha256 for file in sorted(parts)).encode()).hexdigest()


def _size(bundle: Bundle, artifact: Artifact, check: Check) -> None:
    """Compare the size with that of the float32 file of the same format."""
    same_format = [other for other in bundle.artifacts.values() if other.format == artifact.format]
    whole = next((other for other in same_format if other.precision == "float32"), None)
    base = sum(facts.bytes for facts in bundle.parts(whole.name).values()) if whole else 0
    if not base or whole is artifact or check.bytes is None:
        return
    check.size_ratio = round(check.bytes / base, 4)
    if artifact.size_ratio and base >= SIZE_COUNTS_FROM and check.size_ratio > artifact.size_ratio:
        check.problems.append(
            f"it has {check.size_ratio:.3f} times the bytes of the float32 file; {artifact.size_ratio} is allowed"
        )


def _labels(bundle: Bundle, check: Check) -> None:
    try:
        found = read_text(bundle.folder / LABELS, "list of labels").removesuffix("\n").split("\n")
    except ValueError as error:
        check.problems.append(f"it is not UTF-8 text: {printable(str(error))}")
        return
    if problem := _differing_labels(found, bundle.labels):
        check.problems.append(problem)


def _samples(bundle: Bundle, check: Check) -> Samples | None:
    if check.problems:
        return None
    try:
        return read_samples(bundle)
    except VerificationError as error:
        check.problems.append(str(error).removeprefix(f"{check.file}: "))
        return None


def _artifact(
    where: Host,
    bundle: Bundle,
    artifact: Artifact,
    samples: Samples | None,
    test_set: LabelledImages | None,
    check: Check,
) -> None:
    if check.problems:
        # A runtime is native code that trusts its input, so it is not given a file that is known to be damaged.
        check.note = "not run, because it is not the file that was exported"
        return
    try:
        where.open(bundle, artifact.name)  # imports the runtime
        start = time.perf_counter()
        runner = where.open(bundle, artifact.name, compare=True)
        check.load_ms = round(1000 * (time.perf_counter() - start), 3)
        if artifact.format == "micro":
            check_array(bundle, artifact, check)
        _structure(where, bundle, artifact, check)
        fits = _ends(bundle, artifact, runner, check)
        _embedded(bundle, runner, check)
        if artifact.format == "tflite" and bundle.classes:
            _packed_labels(bundle, artifact, check)
        if samples is None:
            check.note = f"numbers not compared, because {SAMPLES} cannot be used"
        elif fits:
            _numbers(bundle, artifact, runner, samples, check)
            if bundle.top_k:
                check_best_classes(bundle, runner.answer(samples.images), check)
            if test_set is not None:
                evaluate_on_test_set(bundle, artifact, runner, test_set, check)
                check_accuracy(bundle, check)
            if artifact.format == "micro" and (counts := compared(runner)) is not None:
                check_same_bytes(artifact, counts, check)
    except RuntimeMissingError as missing:
        check.checked, check.note = False, missing.note
    except VerificationError as error:
        check.problems.append(str(error).removeprefix(f"{check.file}: "))


def _structure(where: Host, bundle: Bundle, artifact: Artifact, check: Check) -> None:
    """Operators and partitions; an integer .tflite computes nothing in floats but the layers that bundle.json names."""
    found = where.structure(bundle, artifact)
    if found is None:
        return
    check.operators, check.partitions, check.outside = found.operators, found.partitions, found.outside
    check.float_operators = found.float_operators if artifact.precision == "int8" else {}
    if check.float_operators:
        check.problems.append(f"it computes in floats: {', '.join(check.float_operators)}")
    if other := found.other_constants:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        check.problems.append(f"its {printable(other[0])}{more} is not that of the float32 file, rounded")
    check.constants_sha256 = found.constants_sha256
    # Older bundles do not have the hash, and nothing reads the numbers of a SavedModel.
    if artifact.constants_sha256 not in (None, found.constants_sha256):
        check.problems.append("it computes with other numbers than those that were exported")


def _ends(bundle: Bundle, artifact: Artifact, runner: Runner, check: Check) -> bool:
    """Names, shapes and types of what goes in and comes out; whether running it makes sense."""
    height, width, channels = bundle.shape
    sizes = (channels, height, width) if artifact.layout == "nchw" else bundle.shape
    before = len(check.problems)
    batch = 1 if artifact.format == "micro" else bundle.batch
    scores = {
        # Only numbers are put out in eight bits; what is whole stays whole.
        output.name: Tensor(
            (bundle.batch, *output.shape), artifact.output_dtype if output.dtype == "float32" else output.dtype
        )
        for output in bundle.outputs
    }
    if bundle.top_k:
        scores[TOP_INDICES] = Tensor((bundle.batch, bundle.top_k), "int32")
        scores[TOP_SCORES] = Tensor((bundle.batch, bundle.top_k), artifact.output_dtype)
    for end, found, wanted in (
        ("input", runner.inputs(), {IMAGE: Tensor((batch, *sizes), artifact.input_dtype)}),
        ("output", runner.outputs(), scores),
    ):
        if set(found) != set(wanted):
            check.problems.append(f"its {end}s are named {', '.join(found) or 'nothing'}, not {', '.join(wanted)}")
            continue
        for name, expected in wanted.items():
            tensor = found[name]
            if tensor.dtype != expected.dtype:
                check.problems.append(f"its {end} {name} is {tensor.dtype}, not {expected.dtype}")
            # Converters may leave the output's shape open or state a batch of 1: what it is at run time decides.
            if tensor.shape != expected.shape and end == "input":
                check.problems.append(f"its {end} {name} has shape {_words(tensor)}, not {_words(expected)}")
    return len(check.problems) == before


def _embedded(bundle: Bundle, runner: Runner, check: Check) -> None:
    found = runner.embedded()
    if found is None:
        return
    labels = found.get("labels")
    if not isinstance(labels, list):
        check.problems.append("it has no embedded labels")
    elif problem := _differing_labels(labels, bundle.labels):
        check.problems.append(f"embedded labels: {problem}")
    for key, expected in (("preprocessing", bundle.preprocessing), ("weights_sha256", bundle.weights_sha256)):
        if key not in found:
            check.problems.append(f"it has no embedded {key}")
        elif found[key] != expected:
            check.problems.append(f"its embedded {key} is {found[key]}, and bundle.json has {expected}")
    document = bundle.document
    witnesses: dict[str, Any] = {
        key: document[key] for key in ("name", "picture", "provenance", "license") if key in document
    }
    if "color" in document["input"]:
        witnesses["color"] = document["input"]["color"]
    for key, expected in witnesses.items():
        if key in found and found[key] != expected:
            ours, theirs = (printable(str(value), 200) for value in (found[key], expected))
            check.problems.append(f"its embedded {key} is {ours}, and bundle.json has {theirs}")


def _packed_labels(bundle: Bundle, artifact: Artifact, check: Check) -> None:
    """The label file inside a .tflite with the standard metadata, which MediaPipe reads."""
    content = (bundle.folder / artifact.name).read_bytes()
    if metadata_entry(content, METADATA_NAME) is None:
        return
    packed = packed_files(content).get(read_standard_metadata(content)["labels_file"], b"")
    found = packed.decode("utf-8", "replace").removesuffix("\n").split("\n")
    if problem := _differing_labels(found, bundle.labels):
        check.problems.append(f"packed labels: {problem}")


def _batches(bundle: Bundle, artifact: Artifact) -> tuple[int, ...]:
    """How many images are run at a time; the last of these takes every sample."""
    if artifact.format == "micro":
        return (1,)
    return BATCHES if bundle.batch is None else (bundle.batch,)


def _numbers(bundle: Bundle, artifact: Artifact, runner: Runner, samples: Samples, check: Check) -> None:
    """Every output at every batch size; what is reported is the one that comes closest to what is allowed."""
    worst = -1.0
    batches = _batches(bundle, artifact)
    for batch in batches:
        count = len(samples.images) if batch == batches[-1] else batch
        found = answers_in_batches(runner, samples.images[:count], batch)
        check.batches.append(batch)
        for output in bundle.outputs:
            reference, result = samples.outputs[output.name][:count], found[output.name]
            which = "" if bundle.classes else f"{output.name}: "
            if result.shape != reference.shape:
                check.problems.append(
                    f"{which}at batch {batch} {count} images give {list(result.shape)}, not {list(reference.shape)}"
                )
                continue
            # What may differ follows from all samples, whatever the batch.
            allowed = allowed_difference(artifact, samples.outputs[output.name])
            off = difference(result, reference)
            ratio = float(np.nan_to_num(off / allowed, nan=np.inf))
            if ratio > worst:
                worst, check.largest_difference, check.allowed = ratio, off, allowed
            if not off <= allowed:
                check.problems.append(
                    f"{which}at batch {batch} it differs from Keras by {off:.2g}; {allowed:.2g} is allowed"
                )
            if bundle.classes:
                check.agreement = float(np.mean(top1(result) == top1(reference)))
                if wrong := other_decisions(bundle, result, reference, allowed):
                    check.problems.append(f"at batch {batch} it decides otherwise than Keras for sample {wrong[0]}")


def _differing_labels(found: Sequence[object], expected: Sequence[str]) -> str:
    """What is wrong with a list of labels; empty if nothing is."""
    if len(found) != len(expected):
        return f"{len(found)} labels, and bundle.json has {len(expected)}"
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        if ours != theirs:
            return f"label {index} is {ours!r}, and bundle.json has {theirs!r}"
    return ""


def _words(tensor: Tensor) -> str:
    return "[" + ", ".join("batch" if size is None else str(size) for size in tensor.shape) + "]"
