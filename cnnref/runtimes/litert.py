"""A .tflite file in LiteRT, through its signature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import quiet_stderr, usable_cores
from ..errors import VerificationError
from .bundle import IMAGE, PROBABILITIES, SIGNATURE
from .runner import EMBEDDED, Tensor, as_input, failure, import_runtime, one_line
from .tflite_metadata import metadata_entry

PACKAGE = "ai-edge-litert"
METADATA = "cnnref"


class LiteRTRunner:
    """A loaded .tflite file; see `Runner`.

    Raises:
        RuntimeMissingError: ai-edge-litert is not installed.
        VerificationError: LiteRT cannot load the file, or it has no signature `serving_default`.
    """

    def __init__(self, path: Path, *, threads: int | None = None, output: str = PROBABILITIES) -> None:
        runtime = import_runtime("ai_edge_litert.interpreter", PACKAGE)
        self.path, self._output = path, output
        self.threads = threads or usable_cores()
        try:
            self._content = path.read_bytes()
            if not self._content:
                raise ValueError("it is empty")
            with quiet_stderr():  # LiteRT announces its CPU kernels
                self._interpreter = runtime.Interpreter(model_content=self._content, num_threads=self.threads)
                self._interpreter.allocate_tensors()
            names = list(self._interpreter.get_signature_list())
        except Exception as error:
            raise failure(path, f"LiteRT cannot load it: {one_line(error)}") from None
        if SIGNATURE not in names:
            raise failure(path, f"it has no signature {SIGNATURE!r}, but: {', '.join(names) or 'none at all'}")
        self._signature = self._interpreter.get_signature_runner(SIGNATURE)
        self._inputs = _tensors(self._signature.get_input_details())
        details = self._signature.get_output_details()
        self._outputs = _tensors(details)
        self._scales = {name: detail["quantization"] for name, detail in details.items()}

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        if self._output not in self._outputs:
            raise failure(self.path, f"its signature does not lead from {IMAGE!r} to {self._output!r}")
        return np.asarray(self.answer(images)[self._output], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        expected = self._inputs.get(IMAGE)
        if expected is None:
            raise failure(self.path, f"its signature has no input {IMAGE!r}")
        feed = as_input(images, expected)
        try:
            # The runner resizes by itself, and LiteRT does nothing where the shape is the one it has.
            results = self._signature(**{IMAGE: feed})
        except Exception as error:
            raise failure(self.path, f"LiteRT cannot run it on {len(images)} images: {one_line(error)}") from None
        return {name: self._real(name, np.array(result)) for name, result in results.items()}

    def _real(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Scores of an integer file as the numbers that they stand for; indices stay whole."""
        scale, zero_point = self._scales[name]
        if values.dtype in (np.int8, np.uint8) and scale:
            return np.asarray((values.astype(np.float32) - zero_point) * scale, np.float32)
        return values

    def inputs(self) -> dict[str, Tensor]:
        return dict(self._inputs)

    def outputs(self) -> dict[str, Tensor]:
        return dict(self._outputs)

    def embedded(self) -> dict[str, Any] | None:
        try:
            content = metadata_entry(self._content, METADATA)
        except VerificationError as error:
            raise failure(self.path, str(error)) from None
        try:
            found = json.loads(content) if content is not None else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise failure(self.path, f"its metadata {METADATA!r} is not a JSON object")
        return {key: found[key] for key in EMBEDDED if key in found}


class ReferenceKernels:
    """A .tflite file of batch 1 with integers at both ends, in the kernels that define what LiteRT's operators compute.

    XNNPACK, which `LiteRTRunner` computes with, is faster and may round the last bit of an integer in another way.
    """

    def __init__(self, path: Path) -> None:
        runtime = import_runtime("ai_edge_litert.interpreter", PACKAGE)
        self.path = path
        try:
            self._interpreter = runtime.Interpreter(
                model_content=path.read_bytes(),
                num_threads=1,
                experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF,
            )
            self._interpreter.allocate_tensors()
        except Exception as error:
            raise failure(path, f"LiteRT cannot load it: {one_line(error)}") from None
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()

    def integers(self, images: NDArray[Any]) -> NDArray[np.int8]:
        """The scores as the file gives them, int8 [n, classes], of uint8 or float32 images, one after the other."""
        feeds = as_input(images, Tensor((None, *map(int, self._input["shape"][1:])), "int8"))
        return np.stack([self._one(feed) for feed in feeds])

    def _one(self, feed: NDArray[Any]) -> NDArray[np.int8]:
        self._interpreter.set_tensor(self._input["index"], feed[None])
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output["index"])).ravel()


def _tensors(details: dict[str, dict[str, Any]]) -> dict[str, Tensor]:
    return {name: Tensor(_shape(detail), np.dtype(detail["dtype"]).name) for name, detail in details.items()}


def _shape(detail: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else int(size) for size in detail["shape_signature"])
