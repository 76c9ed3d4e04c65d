"""What the runtimes have in common: the protocol of a runner, the type of its input, and its errors."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..environment import quiet_stderr
from ..errors import InputError, VerificationError, printable
from .bundle import PROBABILITIES

#: The keys of the metadata that an exported file has inside.
EMBEDDED = ("name", "labels", "preprocessing", "color", "picture", "provenance", "weights_sha256", "license")

#: How far outside of 0..1 the numbers that stand for a probability may be: the scale of integers is a little coarse.
BEYOND = 0.01
#: Calls before the timed ones, because a runtime may prepare itself for a new batch size.
WARM_UP = 2


class RuntimeMissingError(VerificationError):
    """The package that runs a file is not installed or cannot be imported, so that the file was not checked."""

    def __init__(self, package: str, problem: str) -> None:
        super().__init__(f"{package} {problem}; install it with: pip install {package}")
        self.package, self.problem = package, problem
        self.note = f"not checked: {package} {problem}"


@dataclass(frozen=True)
class Tensor:
    """An input or output as the file declares it; None stands for a size that is open until run time."""

    shape: tuple[int | None, ...]
    dtype: str


class Runner(Protocol):
    """A loaded artifact, on the CPU.

    `threads` is the number of threads that the runtime computes with. The runners of the formats are made with the name
    of the output that `run` gives, which is `probabilities` by default.
    """

    path: Path
    threads: int

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities [batch, classes] of uint8 or float32 images [batch, height, width, channels], 0..255.

        Of a network that is no classifier it is the one output that it has.

        Raises:
            InputError: the images are not of that kind, or not of the size that the file takes.
            VerificationError: the runtime fails, or there is no such output.
        """
        ...

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Every output by its name: probabilities and, where the file has them, the best classes with their scores.

        The outputs of a network that is no classifier have names of their own.
        """
        ...

    def inputs(self) -> dict[str, Tensor]:
        """The declared inputs by name."""
        ...

    def outputs(self) -> dict[str, Tensor]:
        """The declared outputs by name."""
        ...

    def embedded(self) -> dict[str, Any] | None:
        """The metadata inside the file, by the keys of EMBEDDED; None if the format has no place for it."""
        ...


def import_runtime(module: str, package: str) -> ModuleType:
    """Import a runtime's module, or raise RuntimeMissingError."""
    try:
        with quiet_stderr():  # TensorFlow prints lines that no log level turns off
            return importlib.import_module(module)
    except ModuleNotFoundError:
        raise RuntimeMissingError(package, "is not installed") from None
    except ImportError as error:
        raise RuntimeMissingError(package, f"cannot be imported ({one_line(error)})") from None


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """The message of a runtime or converter, which may have many lines, as one line that is safe to print."""
    return printable(" ".join(str(error).split()), limit) or type(error).__name__


def failure(path: Path, text: str) -> VerificationError:
    """A VerificationError whose message names the file."""
    return VerificationError(f"{path.name}: {text}")


def as_input(images: NDArray[Any], expected: Tensor, layout: str = "nhwc") -> NDArray[Any]:
    """Images [batch, height, width, channels] in the type and layout that a file takes.

    Raises:
        InputError: the images have another type, no batch, or not the size that the file was made for.
    """
    if images.dtype not in (np.uint8, np.float32):
        raise InputError(f"the images are {images.dtype}; give uint8 or float32 pixel values from 0 to 255.")
    if images.ndim != 4 or len(images) == 0:
        raise InputError(f"the images have shape {images.shape}, not [batch, height, width, channels].")
    if layout == "nchw":
        images = images.transpose(0, 3, 1, 2)
    known = zip(images.shape[1:], expected.shape[1:], strict=False)
    if any(size not in (found, None) for found, size in known):
        raise InputError(f"the images have shape {list(images.shape)}, and {list(expected.shape)} is asked for.")
    if expected.dtype in ("uint8", "int8"):
        if images.dtype != np.uint8:
            images = np.clip(np.rint(images), 0, 255)
        if expected.dtype == "int8":
            images = images.astype(np.int16) - 128
    return np.ascontiguousarray(images, dtype=np.dtype(expected.dtype))


def times(run: Callable[[Any], Any], images: Any, calls: int) -> list[float]:
    """Seconds for each call, after some that only warm up."""
    for _ in range(WARM_UP):
        run(images)
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        run(images)
        taken.append(time.perf_counter() - start)
    return taken


class InRange:
    """A runner of a network that ends in softmax or sigmoid: what is no probability is an error, and no answer."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.path, self.threads = runner.path, runner.threads

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(self._checked(self._runner.run(images)), np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        found = self._runner.answer(images)
        if PROBABILITIES in found:
            self._checked(found[PROBABILITIES])
        return found

    def _checked(self, values: NDArray[Any]) -> NDArray[Any]:
        least, most = values.min(initial=0), values.max(initial=0)
        if not (least >= -BEYOND and most <= 1 + BEYOND):  # not a number is neither
            raise failure(self.path, f"it gives values from {least:.3g} to {most:.3g}, which are no probabilities")
        return values

    def inputs(self) -> dict[str, Tensor]:
        return self._runner.inputs()

    def outputs(self) -> dict[str, Tensor]:
        return self._runner.outputs()

    def embedded(self) -> dict[str, Any] | None:
        return self._runner.embedded()


class FixedBatch:
    """A runner of a file that takes just so many images at a time; it runs any number of them, in groups.

    The last group is filled up with its first image.
    """

    def __init__(self, runner: Runner, batch: int) -> None:
        self._runner, self._batch = runner, batch
        self.path, self.threads = runner.path, runner.threads

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.concatenate([self._runner.run(group)[:count] for group, count in self._groups(images)])

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        parts = [(self._runner.answer(group), count) for group, count in self._groups(images)]
        return {name: np.concatenate([part[name][:count] for part, count in parts]) for name in parts[0][0]}

    def _groups(self, images: NDArray[Any]) -> Iterator[tuple[NDArray[Any], int]]:
        """Groups of the right size, and how many images of each were asked for."""
        for start in range(0, max(1, len(images)), self._batch):  # of no images at all, the runner says so
            group = images[start : start + self._batch]
            missing = self._batch - len(group)
            yield np.concatenate([group, np.repeat(group[:1], missing, axis=0)]) if missing else group, len(group)

    def inputs(self) -> dict[str, Tensor]:
        return self._runner.inputs()

    def outputs(self) -> dict[str, Tensor]:
        return self._runner.outputs()

    def embedded(self) -> dict[str, Any] | None:
        return self._runner.embedded()
