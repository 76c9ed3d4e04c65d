"""Does every file of a bundle hold what bundle.json promises?

Sizes and hashes first; then each artifact is loaded in its runtime and held to its names, shapes, types,
embedded facts, and to the numbers that Keras gave at export. All failures are collected. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, VerificationError
from ..files import sha256_of
from .artifacts import open_artifact
from .bundle import IMAGE, PROBABILITIES, RUNNABLE, Artifact, Bundle, read_bundle
from .evaluate import run_in_batches, top1
from .report import Check, Report
from .runner import Runner, RuntimeMissingError, Tensor
from .samples import FILE as SAMPLES
from .samples import Samples, read_samples

LABELS = "labels.txt"
#: An open batch is believed when it has been run at these sizes; the last one takes every sample.
BATCHES = (1, 3, 8)


def verify(folder: str | Path, *, only: Sequence[str] | None = None) -> Report:
    """Check a bundle, or `only` the named artifacts and files of it (and samples.npz, if one is to run).

    Returns:
        A report of what was found; `report.ok` says whether the bundle holds.

    Raises:
        InputError: the folder is not a bundle that can be read, or `only` names something that is not in it.
    """
    bundle = read_bundle(folder)
    checks = {name: _listed(bundle, name) for name in _chosen(bundle, only)}
    if LABELS in checks and checks[LABELS].ok:
        _labels(bundle, checks[LABELS])
    samples = _samples(bundle, checks[SAMPLES]) if SAMPLES in checks else None
    for artifact in bundle.runnable():
        if artifact.name in checks:
            _artifact(bundle, artifact, samples, checks[artifact.name])
    return Report(bundle.name, list(checks.values()))


def _chosen(bundle: Bundle, only: Sequence[str] | None) -> list[str]:
    # The two that the contract asks for are looked for even where bundle.json does not list them.
    entries = list(dict.fromkeys([*bundle.entries(), LABELS, SAMPLES]))
    if only is None:
        return entries
    if unknown := [name for name in only if name not in entries]:
        raise InputError(f"{bundle.folder} has no {unknown[0]!r} to verify; it has: {', '.join(entries)}.")
    runs = any(artifact.name in only for artifact in bundle.runnable())
    return [name for name in entries if name in only or (runs and name == SAMPLES)]


def _listed(bundle: Bundle, name: str) -> Check:
    """Existence, size and SHA-256 of a file, or of all files of a folder."""
    artifact, path, parts = bundle.artifacts.get(name), bundle.folder / name, bundle.parts(name)
    check = Check(name)
    if artifact is not None:
        check.format, check.precision = artifact.format, artifact.precision
    if not parts:
        check.problems.append("bundle.json lists no size and sha256 for it")
    size = 0
    for file, facts in parts.items():
        which = "it" if file == name else file
        if not (bundle.folder / file).is_file():
            check.problems.append(f"{which} is missing")
            continue
        found = (bundle.folder / file).stat().st_size
        size += found
        if found != facts.bytes:
            cut = " (it is cut short)" if found < facts.bytes else ""
            check.problems.append(f"{which} should have {facts.bytes} bytes and has {found}{cut}")
        elif sha256_of(bundle.folder / file) != facts.sha256:
            check.problems.append(f"{which} has another sha256 than bundle.json lists, so its content has changed")
    if path.is_dir():
        inside = sorted(file.relative_to(bundle.folder).as_posix() for file in path.rglob("*") if file.is_file())
        check.problems += [f"{file} is not listed in bundle.json" for file in inside if file not in parts]
    check.bytes = size if path.exists() else None
    return check


def _labels(bundle: Bundle, check: Check) -> None:
    try:
        found = (bundle.folder / LABELS).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except ValueError as error:
        check.problems.append(f"it is not UTF-8 text: {error}")
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


def _artifact(bundle: Bundle, artifact: Artifact, samples: Samples | None, check: Check) -> None:
    if check.problems:
        # A runtime is native code that trusts its input: a file that is known to be damaged is not fed to it.
        check.note = "not run, because it is not the file that was exported"
        return
    try:
        runner = open_artifact(bundle, artifact.name)
        fits = _ends(bundle, artifact, runner, check)
        _embedded(bundle, runner, check)
        if samples is None:
            check.note = f"numbers not compared, because {SAMPLES} cannot be used"
        elif fits:
            _numbers(bundle, artifact, runner, samples, check)
    except RuntimeMissingError as missing:
        check.checked, check.note = False, missing.note
    except VerificationError as error:
        check.problems.append(str(error).removeprefix(f"{check.file}: "))


def _ends(bundle: Bundle, artifact: Artifact, runner: Runner, check: Check) -> bool:
    """Names, shapes and types of what goes in and comes out; whether running it makes sense."""
    height, width, channels = bundle.shape
    sizes = (channels, height, width) if artifact.layout == "nchw" else bundle.shape
    before = len(check.problems)
    for end, found, name, expected in (
        ("input", runner.inputs(), IMAGE, Tensor((None, *sizes), bundle.dtype)),
        ("output", runner.outputs(), PROBABILITIES, Tensor((None, bundle.classes), "float32")),
    ):
        if list(found) != [name]:
            check.problems.append(f"its {end}s are named {', '.join(found) or 'nothing'}, not {name}")
            continue
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


def _numbers(bundle: Bundle, artifact: Artifact, runner: Runner, samples: Samples, check: Check) -> None:
    assert artifact.tolerance is not None, f"read_bundle gives one to every format of {RUNNABLE}"
    check.allowed = artifact.tolerance * max(1.0, float(np.abs(samples.probabilities).max()))
    check.largest_difference = 0.0
    for batch in BATCHES:
        count = len(samples.images) if batch == BATCHES[-1] else batch
        reference = samples.probabilities[:count]
        result = run_in_batches(runner, samples.images[:count], batch)
        check.batches.append(batch)
        if result.shape != reference.shape:
            check.problems.append(
                f"at batch {batch} {count} images give {list(result.shape)}, not {list(reference.shape)}"
            )
            continue
        difference = float(np.abs(result - reference).max())
        check.largest_difference = float(np.maximum(check.largest_difference, difference))  # keeps a NaN
        if not difference <= check.allowed:
            check.problems.append(
                f"at batch {batch} it differs from Keras by {difference:.2g}; {check.allowed:.2g} is allowed"
            )
        if wrong := _other_decisions(bundle, result, reference, check.allowed):
            check.problems.append(f"at batch {batch} it decides otherwise than Keras for sample {wrong[0]}")


def _other_decisions(
    bundle: Bundle, result: NDArray[np.float32], reference: NDArray[np.float32], allowed: float
) -> list[int]:
    """Indices of the samples for which the top-1 class is another, where Keras itself did not hesitate.

    Two classes (or a yes and a no) that lie within the allowed difference of each other are a draw.
    """
    if bundle.classes == 1:
        if bundle.activation != "sigmoid":
            return []  # a measured value, not a decision
        margin = np.abs(2 * reference[:, 0] - 1)
    else:
        best = np.sort(reference, axis=1)
        margin = best[:, -1] - best[:, -2]
    return np.flatnonzero((top1(result) != top1(reference)) & (margin > allowed)).tolist()


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
