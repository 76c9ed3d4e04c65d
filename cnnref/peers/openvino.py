"""An .onnx file in OpenVINO, which `cnnref bench` times where OpenVINO is installed."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import quiet_stderr, usable_cores
from ..runtimes.bench import Contestant
from ..runtimes.bundle import IMAGE, PROBABILITIES, Bundle
from ..runtimes.runner import Tensor, as_input, failure, import_runtime, one_line

#: Where OpenVINO's names for element types differ from NumPy's.
DTYPES = {"f32": "float32", "f16": "float16", "u8": "uint8", "i8": "int8", "i32": "int32", "i64": "int64"}
#: Otherwise OpenVINO computes in bfloat16 on a CPU that can, which rounds to about three digits.
EXACT = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


class OpenVINORunner:
    """A loaded .onnx file; see `Runner`.

    Raises:
        RuntimeMissingError: openvino is not installed.
        VerificationError: OpenVINO cannot load the file.
    """

    def __init__(self, path: Path, *, layout: str = "nhwc", threads: int | None = None) -> None:
        runtime = import_runtime("openvino", "openvino")
        self.path = path
        self.threads = threads or usable_cores()
        self._layout = layout
        settings = {**EXACT, "INFERENCE_NUM_THREADS": self.threads}
        try:
            with quiet_stderr():  # each of OpenVINO's readers complains of what it cannot read
                self._model = runtime.Core().compile_model(str(path), "CPU", settings)
        except Exception as error:
            raise failure(path, f"OpenVINO cannot load it: {one_line(error)}") from None
        self._inputs = {port.any_name: _tensor(port) for port in self._model.inputs}
        self._outputs = {name: port for port in self._model.outputs for name in port.names}
        self._request = self._model.create_infer_request()

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(self.answer(images)[PROBABILITIES], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        expected = self._inputs.get(IMAGE)
        if expected is None or PROBABILITIES not in self._outputs:
            raise failure(self.path, f"it does not lead from {IMAGE!r} to {PROBABILITIES!r}")
        feed = as_input(images, expected, self._layout)
        try:
            # The images stay where they are during the call, so they need not be copied.
            results = self._request.infer({IMAGE: feed}, share_inputs=True)
        except Exception as error:
            raise failure(self.path, f"OpenVINO cannot run it on {len(images)} images: {one_line(error)}") from None
        return {name: np.array(results[port]) for name, port in self._outputs.items()}

    def inputs(self) -> dict[str, Tensor]:
        return dict(self._inputs)

    def outputs(self) -> dict[str, Tensor]:
        return {name: _tensor(port) for name, port in self._outputs.items()}

    def embedded(self) -> dict[str, Any] | None:
        return None


def in_openvino(bundle: Bundle, threads: int | None = None) -> list[Contestant]:
    """The .onnx files of a bundle, to be timed in OpenVINO; none where it is not installed."""
    if importlib.util.find_spec("openvino") is None:
        return []
    return [
        Contestant(
            f"{artifact.name} in OpenVINO",
            artifact.format,
            artifact.precision,
            partial(OpenVINORunner, bundle.folder / artifact.name, layout=artifact.layout, threads=threads),
            bundle.files[artifact.name].bytes,
        )
        for artifact in bundle.runnable()
        if artifact.format == "onnx"
    ]


def _tensor(port: Any) -> Tensor:
    sizes = (None if size.is_dynamic else size.get_length() for size in port.partial_shape)
    element = port.element_type.get_type_name()
    return Tensor(tuple(sizes), DTYPES.get(element, element))
