"""The child process in which files run that nobody vouches for: it answers its parent, one message after the other.

Started by `isolation.py`. It says what it is asked to and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, VerificationError
from .artifacts import load_artifact
from .bundle import Bundle
from .manifest import read_bundle
from .messages import receive, send
from .micro import ComparedRunner
from .runner import Runner, RuntimeMissingError, Tensor, one_line, times

#: Of Linux: a signal for this process when its parent ends.
_PARENT_DEATH_SIGNAL = 1

Arrays = dict[str, NDArray[Any]]


class Child:
    """The files that are loaded here, by the numbers that the parent knows them by."""

    def __init__(self) -> None:
        self.bundles: dict[str, Bundle] = {}
        self.runners: dict[int, Runner] = {}

    def do(self, asked: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        """Do one thing by its name."""
        found: tuple[dict[str, Any], Arrays] = getattr(self, f"do_{asked['do']}")(asked, arrays)
        return found

    def bundle(self, folder: str) -> Bundle:
        if folder not in self.bundles:
            self.bundles[folder] = read_bundle(folder)
        return self.bundles[folder]

    def do_open(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        bundle = self.bundle(asked["folder"])
        self.runners.pop(asked["number"], None)
        start = time.perf_counter()
        runner = load_artifact(bundle, asked["name"], asked["threads"], compare=asked["compare"])
        seconds = time.perf_counter() - start
        self.runners[asked["number"]] = runner
        ends = {"inputs": _described(runner.inputs()), "outputs": _described(runner.outputs())}
        return {**ends, "threads": runner.threads, "seconds": seconds}, {}

    def do_close(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        self.runners.pop(asked["number"], None)
        return {}, {}

    def do_run(self, asked: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        return {}, {"result": self.runners[asked["number"]].run(arrays["images"])}

    def do_answer(self, asked: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        return {}, self.runners[asked["number"]].answer(arrays["images"])

    def do_embedded(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        return {"embedded": self.runners[asked["number"]].embedded()}, {}

    def do_counts(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        runner = self.runners[asked["number"]]
        assert isinstance(runner, ComparedRunner), "the parent asked for one"
        return {"counts": runner.counts()}, {}

    def do_times(self, asked: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        runner = self.runners[asked["number"]]
        run = runner.run if asked["single"] else runner.answer
        return {}, {"seconds": np.array(times(run, arrays["images"], asked["calls"]))}

    def do_structure(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        from .inspection import structure

        whole = Path(asked["whole"]) if asked["whole"] else None
        found = structure(Path(asked["path"]), asked["format"], asked["float_layers"], whole)
        return {"structure": asdict(found) if found else None}, {}

    def do_noise(self, asked: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        from .layer_noise import noise_of_layers

        found = noise_of_layers(asked["folder"], isolated=False)
        return {"noise": {file: [asdict(layer) for layer in layers] for file, layers in found.items()}}, {}


def serve(asking: IO[bytes], answering: IO[bytes]) -> None:
    """Answer until the parent has no more to ask."""
    child = Child()
    while (message := receive(asking)) is not None:
        try:
            content, arrays = child.do(*message)
        except RuntimeMissingError as missing:
            content, arrays = {"missing": [missing.package, missing.problem]}, {}
        except InputError as error:
            content, arrays = {"input_error": str(error)}, {}
        except VerificationError as error:
            content, arrays = {"error": str(error)}, {}
        except MemoryError:
            content, arrays = {"error": "it asks for more memory than there is"}, {}
        except Exception as error:  # what a runtime raises over a damaged file may be anything
            content, arrays = {"error": one_line(error)}, {}
        send(answering, content, arrays)


def main() -> None:
    """Keep what runtimes print away from the answers, and end with the parent."""
    answering = os.fdopen(os.dup(1), "wb")
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected, and its memory of no use
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    serve(sys.stdin.buffer, answering)


def _described(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name: [list(tensor.shape), tensor.dtype] for name, tensor in tensors.items()}


if __name__ == "__main__":
    main()
