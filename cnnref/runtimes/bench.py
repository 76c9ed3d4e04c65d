"""How fast the artifacts of a bundle load and run on this machine's CPU.

The artifacts take turns, a few calls each, round after round: a machine that gets slower while it is measured
gets slower for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..environment import cpu_name, usable_cores
from ..errors import InputError
from .artifacts import open_artifact
from .bundle import Artifact, Bundle, read_bundle
from .runner import Runner, RuntimeMissingError
from .samples import read_samples

BATCH = 32
ROUNDS = 5
LOADS = 3


@dataclass(frozen=True)
class Timing:
    """One artifact's times: milliseconds to load and for one picture, pictures a second at batch 32.

    The times are None where the runtime is not installed, and `note` says so. `threads` is what the runtime
    computed with, `runs` how many single pictures were timed.
    """

    file: str
    format: str
    precision: str
    bytes: int
    load_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    images_per_second: float | None
    runs: int
    threads: int
    cpu: str
    note: str = ""


@dataclass
class _Entry:
    """An artifact while it is being measured; the times are in seconds."""

    artifact: Artifact
    runner: Runner | None = None
    note: str = ""
    loads: list[float] = field(default_factory=list)
    singles: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)


def benchmark(folder: str | Path, *, runs: int = 50, threads: int | None = None) -> list[Timing]:
    """Time each artifact that a runtime can run, in the order of bundle.json.

    Loading is the median of 3 loads from a warm disk cache, without the import of the runtime. The pictures
    are those of samples.npz, already float32; what the runner does to them (a transposition, say) is part of
    the time.

    Args:
        runs: timed calls at batch 1; batch 32 gets a quarter of them.
        threads: for each runtime; by default one a usable core. TensorFlow keeps those it has started with.

    Raises:
        InputError: the folder is not a bundle, or `runs` or `threads` is below 1.
        VerificationError: a file cannot be loaded or run.
    """
    if runs < 1:
        raise InputError(f"runs is {runs}; give 1 or more.")
    bundle = read_bundle(folder)
    samples = read_samples(bundle).images.astype(np.float32)
    single, many = samples[:1], np.resize(samples, (BATCH, *bundle.shape))
    entries = [_load(bundle, artifact, threads) for artifact in bundle.runnable()]
    rounds = min(ROUNDS, runs)
    for turn in range(rounds):
        calls = runs // rounds + (turn < runs % rounds)
        # Each round starts with another one, so that nobody always follows the same neighbour.
        for entry in entries[turn % len(entries) :] + entries[: turn % len(entries)] if entries else []:
            if entry.runner is not None:
                entry.singles += _times(entry.runner.run, single, calls)
                entry.batches += _times(entry.runner.run, many, -(-calls // 4))
    cpu = cpu_name()
    return [_timing(bundle, entry, threads or usable_cores(), cpu) for entry in entries]


def _load(bundle: Bundle, artifact: Artifact, threads: int | None) -> _Entry:
    entry = _Entry(artifact)
    try:
        open_artifact(bundle, artifact.name, threads)  # imports the runtime
        for _ in range(LOADS):
            start = time.perf_counter()
            entry.runner = open_artifact(bundle, artifact.name, threads)
            entry.loads.append(time.perf_counter() - start)
    except RuntimeMissingError as missing:
        entry.note = missing.note.replace("not checked", "not timed")
    return entry


def _times(run: Callable[[Any], Any], images: Any, calls: int) -> list[float]:
    """Seconds for each call, after one that only warms up (a runtime may plan anew for a new batch)."""
    run(images)
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        run(images)
        taken.append(time.perf_counter() - start)
    return taken


def _timing(bundle: Bundle, entry: _Entry, threads: int, cpu: str) -> Timing:
    artifact = entry.artifact
    size = sum(facts.bytes for facts in bundle.parts(artifact.name).values())
    facts = (artifact.name, artifact.format, artifact.precision, size)
    if entry.runner is None:
        return Timing(*facts, None, None, None, None, runs=0, threads=threads, cpu=cpu, note=entry.note)
    p50, p90 = np.percentile(entry.singles, [50, 90])
    return Timing(
        *facts,
        load_ms=float(np.median(entry.loads)) * 1e3,
        p50_ms=float(p50) * 1e3,
        p90_ms=float(p90) * 1e3,
        images_per_second=BATCH / float(np.median(entry.batches)),
        runs=len(entry.singles),
        threads=entry.runner.threads,
        cpu=cpu,
    )
