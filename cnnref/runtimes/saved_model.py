"""A SavedModel in plain TensorFlow; the one runtime that takes seconds to import.

A SavedModel is a program, so its operators are checked before it is loaded; see `saved_model_operators`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import prepare, usable_cores
from ..errors import VerificationError
from .bundle import IMAGE, PROBABILITIES, SIGNATURE
from .runner import Tensor, as_input, failure, import_runtime, one_line
from .saved_model_operators import refuse_operators

#: All three runtimes are compared on the CPU, even where there is a GPU.
DEVICE = "/CPU:0"


class SavedModelRunner:
    """A loaded saved_model folder; see `Runner`.

    TensorFlow fixes its threads when it first computes, so `threads` may not be what was asked for.

    Raises:
        RuntimeMissingError: tensorflow is not installed.
        VerificationError: TensorFlow cannot load the folder, or it has no signature `serving_default`.
    """

    def __init__(self, path: Path, *, threads: int | None = None, output: str = PROBABILITIES) -> None:
        prepare()
        self._tf: Any = import_runtime("tensorflow", "tensorflow")
        self.path, self._output = path, output
        self.threads = set_threads(self._tf, threads)
        try:
            refuse_operators(path)
            with self._tf.device(DEVICE):
                # Kept, because the signatures die with the object that owns their variables.
                self._loaded = self._tf.saved_model.load(str(path))
            names = list(self._loaded.signatures)
        except VerificationError:
            raise
        except Exception as error:
            raise failure(path, f"TensorFlow cannot load it: {one_line(error)}") from None
        if SIGNATURE not in names:
            raise failure(path, f"it has no signature {SIGNATURE!r}, but: {', '.join(names) or 'none at all'}")
        self._signature = self._loaded.signatures[SIGNATURE]

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        if self._output not in self.outputs():
            raise failure(self.path, f"its signature does not lead from {IMAGE!r} to {self._output!r}")
        return np.asarray(self.answer(images)[self._output], np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        expected = self.inputs().get(IMAGE)
        if expected is None:
            raise failure(self.path, f"its signature has no input {IMAGE!r}")
        feed = as_input(images, expected)
        try:
            with self._tf.device(DEVICE):
                results = self._signature(**{IMAGE: self._tf.constant(feed)})
        except Exception as error:
            raise failure(self.path, f"TensorFlow cannot run it on {len(images)} images: {one_line(error)}") from None
        return {name: np.array(result) for name, result in results.items()}

    def inputs(self) -> dict[str, Tensor]:
        return {name: _tensor(spec) for name, spec in self._signature.structured_input_signature[1].items()}

    def outputs(self) -> dict[str, Tensor]:
        return {name: _tensor(spec) for name, spec in self._signature.structured_outputs.items()}

    def embedded(self) -> dict[str, Any] | None:
        return None


def set_threads(tf: Any, threads: int | None) -> int:
    """Ask TensorFlow for a number of threads; the number that it has in the end."""
    threading = tf.config.threading
    if threads is not None:
        with contextlib.suppress(RuntimeError):  # it has computed before
            threading.set_intra_op_parallelism_threads(threads)
    return threading.get_intra_op_parallelism_threads() or usable_cores()


def _tensor(spec: Any) -> Tensor:
    shape = spec.shape.as_list() if spec.shape.rank is not None else []
    return Tensor(tuple(shape), spec.dtype.name)
