"""TFLite at every precision: TensorFlow's converter on the frozen function, then the contract's names and metadata."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...environment import quiet_stderr
from ...errors import ExportError, InputError
from ..calibration import Calibration
from ..contract import Contract
from .tflite_file import with_contract


def tflite_model(
    function: Any,
    contract: Contract,
    *,
    precision: str = "float32",
    calibration: Calibration | None = None,
    integer_io: str = "float32",
) -> bytes:
    """Convert a frozen serving function to a .tflite.

    Args:
        function: what `frozen` gives; for "int8" one that takes float32, whatever the contract says, because the
            converter puts whole numbers at its ends by itself.
        precision: "float32"; "fp16", weights in half the bytes; "dynamic", int8 weights with float activations; "int8",
            everything in integers, per channel, ranges by the smallest and largest activation on the calibration set.
        calibration: for "int8".
        integer_io: what "int8" takes and gives: "float32", or "uint8" or "int8" with a scale. With "float32",
            pixels go in as the contract says.

    Raises:
        InputError: "int8" without a calibration set.
        ExportError: TensorFlow's converter refuses the model.
    """
    import tensorflow as tf

    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        if calibration is None:
            raise InputError(f"{contract.name} has no calibration images, and int8 needs some; give some.")
        converter.representative_dataset = lambda: _calibration_feeds(calibration, contract.batch or 1)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.as_dtype(input_dtype_of(contract, integer_io))
        converter.inference_output_type = tf.as_dtype(integer_io)
    try:
        with _quiet():
            converted = converter.convert()
    except Exception as error:  # the converter raises its own and several of TensorFlow's
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(
            f"TensorFlow's converter cannot write {contract.name} as TFLite ({precision}): {reason}"
        ) from error
    return with_contract(converted, contract)


def input_dtype_of(contract: Contract, integer_io: str) -> str:
    """The type of the input of an int8 file."""
    return contract.input_dtype if integer_io == "float32" else integer_io


def _calibration_feeds(calibration: Calibration, batch: int) -> Iterator[list[Any]]:
    """A batch at a time, the last one filled up from the beginning.

    Two pixels of the first picture are 0 and 255, so that the input has one step a pixel level.
    """
    pixels = calibration.images.astype(np.float32)
    pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
    for start in range(0, len(pixels), batch):
        yield [np.take(pixels, range(start, start + batch), axis=0, mode="wrap")]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the messages of the converter, from C++ and from Python; its errors are exceptions all the same."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with quiet_stderr(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
