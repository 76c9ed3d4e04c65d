"""A .tflite file in LiteRT that keeps every tensor, so that what its layers compute can be looked at."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import quiet_stderr, usable_cores
from .inspection import FLOAT_AT_THE_ENDS
from .runner import Tensor, as_input, failure, import_runtime, one_line


@dataclass(frozen=True)
class Operation:
    """An operator with the tensors that it reads and writes, by name."""

    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


class KeptTensors:
    """A .tflite file in LiteRT's own kernels: those of XNNPACK keep nothing between its ends.

    Tensors of the same name are told apart by how many of it came before: "conv/Relu", "conv/Relu 2".
    """

    def __init__(self, path: Path) -> None:
        runtime = import_runtime("ai_edge_litert.interpreter", "ai-edge-litert")
        self.path = path
        try:
            with quiet_stderr(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the memory that the tensors take
                self._interpreter = runtime.Interpreter(
                    model_content=path.read_bytes(),
                    num_threads=usable_cores(),
                    experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                    experimental_preserve_all_tensors=True,
                )
                operators = self._interpreter._get_ops_details()
        except Exception as error:
            raise failure(path, f"LiteRT cannot load it: {one_line(error)}") from None
        self._details = {detail["index"]: detail for detail in self._interpreter.get_tensor_details()}
        self.written: dict[str, int] = {}
        names: dict[int, str] = {}
        for operator in operators:
            for index in map(int, operator["outputs"]):
                names[index] = self._unused(str(self._details[index]["name"]))
                self.written[names[index]] = index
        self.operations = [
            Operation(operator["op_name"], *(_names(names, operator[end]) for end in ("inputs", "outputs")))
            for operator in operators
        ]

    def _unused(self, name: str) -> str:
        count, candidate = 1, name
        while candidate in self.written:
            count += 1
            candidate = f"{name} {count}"
        return candidate

    def in_floats(self, name: str) -> bool:
        """Whether a tensor is computed in floats, and does not only come out of integers as one of them."""
        kind = next(operation.kind for operation in self.operations if name in operation.writes)
        return self._details[self.written[name]]["dtype"] is np.float32 and kind not in FLOAT_AT_THE_ENDS

    @property
    def batch(self) -> int | None:
        """The size of a batch, where it is fixed."""
        size = int(self._interpreter.get_input_details()[0]["shape_signature"][0])
        return size if size > 0 else None

    def run(self, images: NDArray[np.uint8]) -> None:
        (given,) = self._interpreter.get_input_details()
        shape = tuple(int(size) for size in given["shape_signature"])
        fed = as_input(images, Tensor(tuple(None if size < 0 else size for size in shape), given["dtype"].__name__))
        try:
            with quiet_stderr():
                if tuple(given["shape"]) != fed.shape:
                    self._interpreter.resize_tensor_input(given["index"], fed.shape)
                self._interpreter.allocate_tensors()
                self._interpreter.set_tensor(given["index"], fed)
                self._interpreter.invoke()
        except Exception as error:
            raise failure(self.path, f"LiteRT cannot run it with its layers kept: {one_line(error)}") from None

    def value(self, name: str) -> NDArray[Any]:
        """The real numbers of a tensor."""
        detail = self._details[self.written[name]]
        found: NDArray[Any] = self._interpreter.get_tensor(detail["index"])
        if detail["dtype"] is np.float32:
            return found
        scale, zero_point = detail["quantization"]
        real: NDArray[Any] = (found.astype(np.float32) - zero_point) * np.float32(scale)
        return real


def _names(names: Mapping[int, str], indices: Iterable[Any]) -> tuple[str, ...]:
    return tuple(names[int(index)] for index in indices if int(index) in names)
