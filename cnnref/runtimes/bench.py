"""How fast the artifacts of a bundle, and files of other exporters, load and run on this machine's CPU.

All take turns: each gets a few calls in every round, and every round has another order. If the machine gets slower
during the measurement, it gets slower for all of them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import cpu_flags, cpu_name, usable_cores
from ..errors import InputError, VerificationError
from .bundle import Bundle
from .integrity import require_listed
from .isolation import Host, RemoteRunner, host
from .locate import find_bundle
from .manifest import read_bundle
from .runner import Runner, RuntimeMissingError, one_line, times
from .samples import Samples, read_samples

BATCH = 32
ROUNDS = 5
LOADS = 3
#: Seconds between two that are timed. ONNX Runtime's threads keep a core busy for some 0.07 s after a call.
PAUSE = 0.1
#: A peer whose probabilities differ by more than this computes something else.
FAR = 0.01

OURS, KERAS = "cnnref", "Keras"

#: The instruction sets that decide how fast a CPU multiplies, by the names that Linux has for them.
FEATURES = (
    *(
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512_vnni",
        "avx_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "amx_bf16",
        "amx_int8",
    ),
    *("neon", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
)


@dataclass(frozen=True)
class Contestant:
    """What is timed: an artifact of the bundle, or something else that computes the same.

    `open` loads it and may raise VerificationError; it is None where there is nothing to load, and `note` says why.
    `bytes` is its size on the disk, 0 if it has none. `by` says who made it.
    """

    label: str
    format: str
    precision: str
    open: Callable[[], Runner] | None
    bytes: int
    by: str = OURS
    note: str = ""


@dataclass(frozen=True)
class Timing:
    """One contestant's times: milliseconds to load and for one picture, pictures a second at batch 32.

    The times are None where it could not be timed, and `note` says why. `threads` is what the runtime computed
    with, `runs` how many single pictures were timed. `by` is "cnnref" for the files of the bundle. `of_keras` is
    the p50 as a multiple of Keras' own in the same run, None if Keras was not timed.
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
    by: str = OURS
    of_keras: float | None = None

    @property
    def peer(self) -> bool:
        """Whether the timing is of something else than a file of the bundle."""
        return self.by != OURS


@dataclass
class _Entry:
    """A contestant while it is being measured; the times are in seconds."""

    who: Contestant
    runner: Runner | None = None
    note: str = ""
    loads: list[float] = field(default_factory=list)
    singles: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)


def benchmark(
    folder: str | Path | Bundle,
    *,
    runs: int = 50,
    threads: int | None = None,
    others: Sequence[Contestant] = (),
    isolated: bool = True,
) -> list[Timing]:
    """Time each artifact that a runtime can run, in the order of bundle.json, then the others.

    Loading is the median of 3 loads from a warm disk cache, without the import of the runtime. The pictures are
    those of samples.npz, float32 or, for a file that takes whole numbers, uint8; what the runner does to them (a
    transposition, say) is part of the time.

    Args:
        folder: a bundle, its folder, or the name of one that comes with the package.
        runs: timed calls at batch 1; batch 32 gets a quarter of them.
        threads: for each runtime, by default one for each usable core. TensorFlow keeps the number it started with.
        others: timed beside the bundle; one that fails or computes something else gets a note instead of times.
        isolated: run the files of the bundle in a child process, and time them there; see `verify`.

    Raises:
        InputError: there is no such bundle, or `runs` or `threads` is below 1.
        VerificationError: a file of the bundle cannot be loaded or run.
    """
    if runs < 1:
        raise InputError(f"runs is {runs}; give 1 or more.")
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give 1 or more.")
    bundle = read_bundle(find_bundle(folder))
    samples = read_samples(bundle)
    with host(isolated=isolated) as where:
        entries = [_load(one) for one in _own(where, bundle, threads)] + [_load_other(one, samples) for one in others]
        single = len(bundle.outputs) == 1
        rounds = min(ROUNDS, runs)
        for turn in range(rounds):
            calls = runs // rounds + (turn < runs % rounds)
            # The order changes each round, so that no contestant always runs after the same other one.
            for entry in random.Random(turn).sample(entries, len(entries)):
                if entry.runner is not None:
                    images = _pictures(entry.runner, samples)
                    time.sleep(PAUSE)
                    entry.singles += _times(entry.runner, images[:1], calls, single=single)
                    entry.batches += _times(entry.runner, images, -(-calls // 4), single=single)
    cpu = cpu_name()
    timings = [_timing(entry, threads or usable_cores(), cpu) for entry in entries]
    keras = next((timing.p50_ms for timing in timings if (timing.by, timing.format) == (KERAS, "keras")), None)
    return [replace(timing, of_keras=timing.p50_ms / keras if keras and timing.p50_ms else None) for timing in timings]


def cpu_features(facts: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Which of FEATURES the processor has; empty where the operating system does not say."""
    flags = cpu_flags(facts)
    return [name for name in FEATURES if name in flags]


def _own(where: Host, bundle: Bundle, threads: int | None) -> list[Contestant]:
    timed = [artifact for artifact in bundle.must_run() if artifact.format != "micro"]
    if not timed:
        raise InputError(
            f"{bundle.folder} has files for a microcontroller alone, and what those take on this machine says nothing; "
            "export it in other formats to time them."
        )
    for artifact in timed:
        require_listed(bundle, artifact.name)
    return [
        Contestant(
            artifact.name,
            artifact.format,
            artifact.precision,
            partial(where.open, bundle, artifact.name, threads),
            sum(part.bytes for part in bundle.parts(artifact.name).values()),
        )
        for artifact in timed
    ]


def _load(who: Contestant) -> _Entry:
    entry = _Entry(who, note=who.note)
    if who.open is None:
        return entry
    try:
        _close(who.open())  # imports the runtime
        for _ in range(LOADS):
            _close(entry.runner)
            start = time.perf_counter()
            entry.runner = who.open()
            taken = time.perf_counter() - start
            entry.loads.append(entry.runner.seconds if isinstance(entry.runner, RemoteRunner) else taken)
    except RuntimeMissingError as missing:
        entry.note = missing.note.replace("not checked", "not timed")
    return entry


def _close(runner: Runner | None) -> None:
    if isinstance(runner, RemoteRunner):
        runner.close()


def _load_other(who: Contestant, samples: Samples) -> _Entry:
    """Load it, and check that it runs at both batches and computes what the network computes."""
    try:
        entry = _load(who)
        if entry.runner is None:
            return entry
        if len(samples.outputs) > 1:
            return _Entry(who, note="not timed: others are compared by one output, and the network has several")
        images = _pictures(entry.runner, samples)
        entry.runner.run(images[:1])
        found, wanted = entry.runner.run(images), _repeated(next(iter(samples.outputs.values())))
        if found.shape != wanted.shape:
            raise VerificationError(f"it gives {list(found.shape)}, not {list(wanted.shape)}")
        difference = float(np.abs(found - wanted).max())
        if who.precision == "float32" and not difference <= FAR:
            raise VerificationError(f"it computes something else, {difference:.2g} off")
    except Exception as error:  # a peer may raise anything, and the rest is still timed
        return _Entry(who, note=f"not timed: {one_line(error, 160)}")
    return entry


def _pictures(runner: Runner, samples: Samples) -> NDArray[Any]:
    """A batch of pictures in the type that this file takes."""
    (wanted,) = runner.inputs().values()
    images = samples.images if "int" in wanted.dtype else samples.images.astype(np.float32)
    return _repeated(images)


def _repeated(rows: NDArray[Any]) -> NDArray[Any]:
    return np.resize(rows, (BATCH, *rows.shape[1:]))


def _times(runner: Runner, images: NDArray[Any], calls: int, *, single: bool) -> list[float]:
    """Seconds for each call, taken where the file is loaded."""
    if isinstance(runner, RemoteRunner):
        return runner.times(images, calls, single=single)
    return times(runner.run if single else runner.answer, images, calls)


def _timing(entry: _Entry, threads: int, cpu: str) -> Timing:
    who = entry.who
    facts = (who.label, who.format, who.precision, who.bytes)
    if entry.runner is None:
        return Timing(*facts, None, None, None, None, runs=0, threads=threads, cpu=cpu, note=entry.note, by=who.by)
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
        by=who.by,
    )
