"""A network in TensorFlow Lite for Microcontrollers (TFLM), as the PyPI package tflite-micro runs it on a computer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VerificationError
from .bundle import IMAGE, PROBABILITIES
from .runner import Tensor, as_input, failure, import_runtime, one_line

PACKAGE = "tflite-micro"
#: The network in the folder of an artifact.
MODEL = "model.int8.tflite"
MODULE = "tflite_micro.python.tflite_micro.runtime"
#: Room for a first run, in which TFLM counts what it needs: this many times the bytes of all tensors and weights.
GENEROUS = 4


#: The first runs of a file are in a process of their own: what TFLM cannot do is not always an exception, it may end
#: the process. They begin with an arena that is more than enough, since in one that is far too small TFLM crashes, and
#: go on with what it counted there. A small network may need a few bytes more, for it plans where its tensors go.
FIRST_RUNS = """
import os, re, sys, tempfile
from tflite_micro.python.tflite_micro.runtime import Interpreter
content = sys.stdin.buffer.read()
try:
    interpreter = Interpreter.from_bytes(content, arena_size=int(sys.argv[1]))
    interpreter.invoke()
except Exception as error:
    sys.exit(str(error))
with tempfile.TemporaryFile() as heard:
    os.dup2(heard.fileno(), 2)
    interpreter.print_allocations()
    heard.seek(0)
    arena = int(re.search(rb"Arena allocation total (\\d+) bytes", heard.read())[1])
    while True:
        try:
            Interpreter.from_bytes(content, arena_size=arena).invoke()
            break
        except RuntimeError:
            arena += 16
print(arena)
"""


def require_tflm() -> None:
    """Raise RuntimeMissingError where tflite-micro is not installed."""
    import_runtime(MODULE, PACKAGE)


def arena_of(content: bytes) -> int:
    """The bytes of RAM that a .tflite file needs for its tensors, a multiple of 16: in these TFLM has run it.

    Raises:
        RefusedError: TFLM cannot load or run the file.
        RuntimeMissingError: tflite-micro is not installed.
    """
    require_tflm()
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    tensors = sum(int(np.prod(tensor.shape)) * 4 for graph in model.subgraphs for tensor in graph.tensors)
    room = GENEROUS * (tensors + len(content)) + 2**20
    done = subprocess.run(
        [sys.executable, "-P", "-c", FIRST_RUNS, str(room)], input=content, capture_output=True, check=False
    )
    heard = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        raise RefusedError(f"it ends the process with signal {-done.returncode} ({_one_line(heard) or 'no words'})")
    if done.returncode > 0:
        raise RefusedError(_one_line(heard))
    return int(done.stdout)


class TFLMRunner:
    """A .tflite file of batch 1 with integers at both ends, in an arena of exactly so many bytes; see `Runner`.

    Raises:
        RuntimeMissingError: tflite-micro is not installed.
        VerificationError: TFLM cannot load the file, or not in this arena.
    """

    threads = 1

    def __init__(self, path: Path, *, arena: int) -> None:
        runtime = import_runtime(MODULE, PACKAGE)
        self.path = path
        content = path.read_bytes()
        try:
            needed = arena_of(content)
        except RefusedError as refused:
            raise failure(path, f"TFLM cannot run it: {refused}") from None
        if needed > arena:
            raise failure(path, f"it needs an arena of {needed:,} bytes in TFLM, and {arena:,} are promised")
        self._interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
        self._input = self._interpreter.get_input_details(0)
        self._output = self._interpreter.get_output_details(0)

    def integers(self, images: NDArray[Any]) -> NDArray[np.int8]:
        """The scores as the file gives them, int8 [n, classes], of images as `run` takes them, one after the other."""
        feeds = as_input(images, Tensor((None, *self.inputs()[IMAGE].shape[1:]), "int8"))
        return np.stack([self._one(feed) for feed in feeds])

    def _one(self, feed: NDArray[Any]) -> NDArray[np.int8]:
        try:
            self._interpreter.set_input(feed[None], 0)
            self._interpreter.invoke()
        except Exception as error:
            raise failure(self.path, f"TFLM cannot run it: {one_line(error)}") from None
        return np.array(self._interpreter.get_output(0)).ravel()

    def probabilities(self, integers: NDArray[np.int8]) -> NDArray[np.float32]:
        """What the scores of the file stand for."""
        quantization = self._output["quantization_parameters"]
        scale, zero_point = quantization["scales"][0], quantization["zero_points"][0]
        return np.asarray((integers.astype(np.float32) - zero_point) * scale, np.float32)

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return self.probabilities(self.integers(images))

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {PROBABILITIES: self.run(images)}

    def inputs(self) -> dict[str, Tensor]:
        return {IMAGE: _tensor(self._input)}

    def outputs(self) -> dict[str, Tensor]:
        return {PROBABILITIES: _tensor(self._output)}

    def embedded(self) -> dict[str, Any] | None:
        return None


def _tensor(details: dict[str, Any]) -> Tensor:
    return Tensor(tuple(int(size) for size in details["shape"]), np.dtype(details["dtype"]).name)


class RefusedError(VerificationError):
    """TFLM does not take a file; the message is TFLM's own."""


def _one_line(heard: str) -> str:
    return one_line(RuntimeError(heard)) if heard.strip() else ""
