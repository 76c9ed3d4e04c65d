"""Files that nobody vouches for run in a child process, so that what they do to it is a sentence and no crash.

A runtime is native code that trusts its input: one changed byte of a .tflite file can end the process, and a graph may
ask for any time and memory. The child is watched by its parent: it may take so much memory and so long for each thing
that it is asked to do. One child serves all files of a bundle; after a crash, a new one is started for the next.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, VerificationError, printable
from .artifacts import load_artifact
from .bundle import Artifact, Bundle
from .inspection import Structure, structure
from .integrity import whole_file
from .messages import DamagedMessageError, receive, send
from .micro import ComparedRunner
from .runner import Runner, RuntimeMissingError, Tensor, failure


@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds, for_an_image, to_import: for whatever is asked; besides for each image, and for the import of
            TensorFlow.
        memory, for_a_byte, for_a_pixel: bytes; besides for each byte of a bundle, all of whose files may be loaded, and
            for each pixel of the largest batch of each file that is loaded: two maps of 128 channels in float32.
    """

    seconds: float = 60
    for_an_image: float = 1
    to_import: float = 240
    memory: int = 3 << 29
    for_a_byte: int = 8
    for_a_pixel: int = 2 * 128 * 4

    def bytes_for(self, bundle: Bundle, images: int) -> int:
        """The memory for the files of a bundle and a batch of images."""
        files = [bundle.folder / name for name in bundle.files]
        size = sum(each.stat().st_size for each in files if each.is_file())
        pixels = images * math.prod(bundle.shape[:2])
        return self.memory + self.for_a_byte * size + self.for_a_pixel * pixels


#: How often the memory of the child is looked at, in seconds.
INTERVAL = 0.02

Answer = tuple[dict[str, Any], dict[str, NDArray[Any]]]


class Host(Protocol):
    """Where the files of a bundle are run: in this process, or in a child of it."""

    def open(self, bundle: Bundle, name: str, threads: int | None = None, *, compare: bool = False) -> Runner:
        """Load an artifact whose bytes have been checked; see `load_artifact`."""
        ...

    def structure(self, bundle: Bundle, artifact: Artifact) -> Structure | None:
        """Its operators; see `cnnref.runtimes.inspection.structure`."""
        ...


class Here:
    """Runs files in this process: those that it has just written itself."""

    def open(self, bundle: Bundle, name: str, threads: int | None = None, *, compare: bool = False) -> Runner:
        return load_artifact(bundle, name, threads, compare=compare)

    def structure(self, bundle: Bundle, artifact: Artifact) -> Structure | None:
        whole = whole_file(bundle, artifact)
        return structure(bundle.folder / artifact.name, artifact.format, artifact.float_layers, whole)


@contextlib.contextmanager
def host(*, isolated: bool, limits: Limits = Limits()) -> Iterator[Host]:
    """Where to run files: in a child that ends with the block, or `Here`."""
    if not isolated:
        yield Here()
        return
    apart = Apart(limits)
    try:
        yield apart
    finally:
        apart.end()


class Apart:
    """Runs files in a child process."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Answer | DamagedMessageError | None] = queue.SimpleQueue()
        self._numbers = 0
        self._ended = 0
        #: The images of the largest batch that each file in the child has run; a runtime keeps the memory for it.
        self.batches: dict[int, int] = {}

    def open(self, bundle: Bundle, name: str, threads: int | None = None, *, compare: bool = False) -> Runner:
        self._numbers += 1
        opening = {"number": self._numbers, "name": name, "threads": threads, "compare": compare}
        return RemoteRunner(self, bundle, opening)

    @property
    def generation(self) -> int:
        """Grows with every child that has ended: what was loaded in it must be loaded again."""
        if self._process is not None and self._process.poll() is not None:
            self.end()
        return self._ended

    def structure(self, bundle: Bundle, artifact: Artifact) -> Structure | None:
        path = bundle.folder / artifact.name
        whole = whole_file(bundle, artifact)
        asked = {
            "path": str(path),
            "format": artifact.format,
            "float_layers": list(artifact.float_layers),
            "whole": None if whole is None else str(whole),
        }
        found = self.ask(path, "structure", asked, memory=self.limits.bytes_for(bundle, 1))[0]["structure"]
        return None if found is None else Structure(**found)

    def ask(
        self,
        path: Path,
        what: str,
        asked: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]] | None = None,
        *,
        memory: int,
        seconds: float | None = None,
    ) -> Answer:
        """Let the child do something, and wait for its answer.

        Args:
            path: the file that it is about, for messages.
            what, asked, arrays: see `child.py`.
            memory, seconds: what the child may take; see `Limits`.

        Raises:
            InputError, RuntimeMissingError, VerificationError: as the same would in this process; and a
                VerificationError if the child crashed or took more than it may.
        """
        process = self._started()
        assert process.stdin is not None, "it was started with one"
        with contextlib.suppress(OSError):  # it has ended, and why is found out below
            send(process.stdin, {"do": what, **asked}, arrays or {})
        content, found = self._answer(process, path, memory, seconds or self.limits.seconds)
        if "missing" in content:
            raise RuntimeMissingError(*(printable(str(part)) for part in content["missing"]))
        if "input_error" in content:
            raise InputError(printable(str(content["input_error"]), 2000))
        if "error" in content:
            told = printable(str(content["error"]), 2000)
            raise VerificationError(told) if told.startswith(f"{path.name}: ") else failure(path, told)
        return content, found

    def _answer(self, process: subprocess.Popen[bytes], path: Path, memory: int, seconds: float) -> Answer:
        end = time.monotonic() + seconds
        while True:
            try:
                answer = self._answers.get(timeout=INTERVAL)
            except queue.Empty:
                if (taken := _resident(process.pid)) > memory:
                    self.end()
                    raise failure(
                        path,
                        f"it was stopped, because it took {taken / 1e9:.1f} GB of memory; at most {memory / 1e9:.1f} "
                        "are for such a file",
                    ) from None
                if time.monotonic() > end:
                    self.end()
                    raise failure(path, f"it was stopped, because it had no answer after {seconds:.0f} s") from None
                continue
            if isinstance(answer, tuple):
                return answer
            if answer is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
            status = process.returncode
            self.end()
            if answer is not None:
                raise failure(path, f"the interpreter gives no answer but {printable(str(answer))}")
            if status is not None and status < 0:
                raise failure(path, f"the interpreter crashed (signal {-status})")
            raise failure(path, f"the interpreter ended (status {status})")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.end()
        package = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            # Without the working folder among the places of modules: it may be the folder of the bundle.
            [sys.executable, "-P", "-m", f"{__package__}.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )
        self._process, self._answers = process, queue.SimpleQueue()
        threading.Thread(target=_listen, args=(process, self._answers), daemon=True).start()
        return process

    def end(self) -> None:
        """End the child and whatever it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        self._ended += 1
        self.batches.clear()
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()


class RemoteRunner:
    """A file that is loaded in a child; see `Runner`. After a crash of the child it is loaded again when it is used."""

    def __init__(self, apart: Apart, bundle: Bundle, opening: Mapping[str, Any]) -> None:
        self.path = bundle.folder / opening["name"]
        self._apart, self._bundle = apart, bundle
        self._opening = {"folder": str(bundle.folder), **opening}
        self._generation = -1
        self._facts: dict[str, Any] = {}
        self._open()
        self.threads = int(self._facts["threads"])
        #: How long loading took.
        self.seconds = float(self._facts["seconds"])

    def _open(self) -> None:
        seconds = self._apart.limits.seconds + self._apart.limits.to_import
        self._facts, _ = self._apart.ask(self.path, "open", self._opening, memory=self._memory(1), seconds=seconds)
        self._generation = self._apart.generation

    def _memory(self, images: int) -> int:
        """The most that the child may take while this file runs so many images, with what other files keep."""
        number, batches = self._opening["number"], self._apart.batches
        batches[number] = max(images, batches.get(number, 0))
        return self._apart.limits.bytes_for(self._bundle, sum(batches.values()))

    def _ask(self, what: str, images: NDArray[Any] | None = None, runs: int = 1, **asked: Any) -> Answer:
        if self._generation != self._apart.generation:
            self._open()
        arrays = {} if images is None else {"images": images}
        count = 0 if images is None else len(images)
        limits = self._apart.limits
        return self._apart.ask(
            self.path,
            what,
            {"number": self._opening["number"], **asked},
            arrays,
            memory=self._memory(count),
            seconds=limits.seconds + limits.for_an_image * count * runs,
        )

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(self._ask("run", images)[1]["result"], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return self._ask("answer", images)[1]

    def times(self, images: NDArray[Any], calls: int, *, single: bool) -> list[float]:
        """Seconds for each call; see `cnnref.runtimes.runner.times`."""
        found: list[float] = self._ask("times", images, calls + 2, calls=calls, single=single)[1]["seconds"].tolist()
        return found

    def inputs(self) -> dict[str, Tensor]:
        return _tensors(self._facts["inputs"])

    def outputs(self) -> dict[str, Tensor]:
        return _tensors(self._facts["outputs"])

    def embedded(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask("embedded")[0]["embedded"]
        return found

    def counts(self) -> tuple[int, int]:
        """See `ComparedRunner.counts`."""
        images, different = self._ask("counts")[0]["counts"]
        return int(images), int(different)

    def close(self) -> None:
        """Let the child forget the file."""
        if self._generation == self._apart.generation:
            self._ask("close")
            self._apart.batches.pop(self._opening["number"], None)


def noise_apart(bundle: Bundle) -> dict[str, list[dict[str, Any]]]:
    """What `noise_of_layers` finds, computed in a child: the fields of every layer, by file."""
    apart = Apart()
    limits = apart.limits
    try:
        answer, _ = apart.ask(
            bundle.folder,
            "noise",
            {"folder": str(bundle.folder)},
            memory=limits.bytes_for(bundle, 64),
            seconds=limits.seconds + limits.to_import,
        )
        found: dict[str, list[dict[str, Any]]] = answer["noise"]
        return found
    finally:
        apart.end()


def compared(runner: Runner) -> tuple[int, int] | None:
    """What `ComparedRunner.counts` says, wherever it runs."""
    return runner.counts() if isinstance(runner, ComparedRunner | RemoteRunner) else None


def _listen(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[Answer | DamagedMessageError | None]) -> None:
    assert process.stdout is not None, "it was started with one"
    answer: Answer | DamagedMessageError | None = None
    while True:
        try:
            answer = receive(process.stdout)
        except DamagedMessageError as error:
            answer = error
        except (OSError, ValueError):  # the stream was closed
            answer = None
        answers.put(answer)
        if not isinstance(answer, tuple):
            return


def _resident(process: int) -> int:
    """Bytes of memory that a process takes; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tensors(found: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: Tensor(tuple(shape), str(dtype)) for name, (shape, dtype) in found.items()}
