"""An .onnx file in ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import usable_cores
from .bundle import IMAGE, PROBABILITIES
from .runner import EMBEDDED, Tensor, as_input, failure, import_runtime, one_line

#: Where ONNX Runtime's names for element types differ from NumPy's.
DTYPES = {"float": "float32", "double": "float64"}
PREFIX = "cnnref."
#: Errors arrive as exceptions, so they need not be printed on standard error as well.
QUIET = 4


class OnnxRunner:
    """A loaded .onnx file; see `Runner`.

    Raises:
        RuntimeMissingError: onnxruntime is not installed.
        VerificationError: onnxruntime cannot load the file.
    """

    def __init__(
        self, path: Path, *, layout: str = "nhwc", threads: int | None = None, output: str = PROBABILITIES
    ) -> None:
        runtime = import_runtime("onnxruntime", "onnxruntime")
        self.path = path
        self.threads = threads or usable_cores()
        self._layout, self._output = layout, output
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = QUIET
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise failure(path, f"onnxruntime cannot load it: {one_line(error)}") from None
        self._inputs = {node.name: _tensor(node) for node in self._session.get_inputs()}
        self._outputs = {node.name: _tensor(node) for node in self._session.get_outputs()}

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        if self._output not in self._outputs:
            raise failure(self.path, f"it has no output {self._output!r}")
        return np.asarray(self.answer(images)[self._output], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        expected = self._inputs.get(IMAGE)
        if expected is None:
            raise failure(self.path, f"it has no input {IMAGE!r}")
        names = list(self._outputs)
        feed = as_input(images, expected, self._layout)
        try:
            results = self._session.run(names, {IMAGE: feed})
        except Exception as error:
            raise failure(self.path, f"onnxruntime cannot run it on {len(images)} images: {one_line(error)}") from None
        return dict(zip(names, results, strict=True))

    def inputs(self) -> dict[str, Tensor]:
        return dict(self._inputs)

    def outputs(self) -> dict[str, Tensor]:
        return dict(self._outputs)

    def embedded(self) -> dict[str, Any] | None:
        found = self._session.get_modelmeta().custom_metadata_map
        entries = {key: found[PREFIX + key] for key in EMBEDDED if PREFIX + key in found}
        for key in ("labels", "preprocessing", "picture", "provenance"):
            if key in entries:
                try:
                    entries[key] = json.loads(entries[key])
                except ValueError:
                    raise failure(self.path, f"the metadata {PREFIX}{key} is not valid JSON") from None
        return entries


def _tensor(node: Any) -> Tensor:
    element = node.type.removeprefix("tensor(").removesuffix(")")
    # An open size has a name, or nothing at all.
    return Tensor(tuple(size if isinstance(size, int) else None for size in node.shape), DTYPES.get(element, element))
