"""Keras itself as a runner, to be timed beside the exported files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras, prepare
from ..errors import VerificationError
from ..models.saving import load_model
from ..runtimes.bundle import IMAGE, PROBABILITIES
from ..runtimes.runner import Tensor, as_input, failure, import_runtime, one_line
from ..runtimes.saved_model import DEVICE, set_threads


class KerasRunner:
    """A .keras file as one compiled TensorFlow function for any batch; see `Runner`.

    That is the fastest that Keras does without XLA: `predict_on_batch` runs the same function and adds up to a
    millisecond a call, and calling the model runs layer after layer, ten times slower.

    Raises:
        InputError: Keras cannot load the file.
        VerificationError: Keras does not run on TensorFlow.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        prepare()
        self._tf: Any = import_runtime("tensorflow", "tensorflow")
        self.path = path
        self.threads = set_threads(self._tf, threads)
        if keras.backend.backend() != "tensorflow":
            raise VerificationError(f"Keras runs on {keras.backend.backend()} here, and is timed on tensorflow")
        with self._tf.device(DEVICE):
            model = load_model(path)
            (shape,), (result,) = ([tensor.shape[1:] for tensor in ends] for ends in (model.inputs, model.outputs))
            pictures = self._tf.TensorSpec([None, *shape], self._tf.float32)
            function = self._tf.function(lambda image: model(image, training=False), input_signature=[pictures])
            self._function = function.get_concrete_function()
        self._model = model  # the function does not own the weights
        self._ends = Tensor((None, *shape), "float32"), Tensor((None, *result), "float32")

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        feed = as_input(images, self._ends[0])
        try:
            with self._tf.device(DEVICE):
                result = self._function(self._tf.constant(feed))
        except Exception as error:
            raise failure(self.path, f"Keras cannot run it on {len(images)} images: {one_line(error)}") from None
        return np.array(result, np.float32)

    def answer(self, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {PROBABILITIES: self.run(images)}

    def inputs(self) -> dict[str, Tensor]:
        return {IMAGE: self._ends[0]}

    def outputs(self) -> dict[str, Tensor]:
        return {PROBABILITIES: self._ends[1]}

    def embedded(self) -> dict[str, Any] | None:
        return None
