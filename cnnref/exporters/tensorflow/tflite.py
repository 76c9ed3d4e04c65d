"""TFLite at every precision: TensorFlow's converter on the serving function, then the contract's names and metadata."""

from __future__ import annotations

from typing import Any

from ..calibration import PLAIN, Calibration, IntegerPlan
from ..contract import Contract
from .conversion import converted, converter_of
from .integers import IntegerWriter
from .tflite_file import with_contract


def tflite_model(
    function: Any,
    contract: Contract,
    *,
    precision: str = "float32",
    calibration: Calibration | None = None,
    integer_io: str = "float32",
    plan: IntegerPlan = PLAIN,
) -> bytes:
    """Convert a serving function to a .tflite.

    Args:
        function: what `serving_function` gives; for "int8" one that takes float32, whatever the contract says, because
            the converter puts whole numbers at its ends by itself.
        precision: "float32"; "fp16", weights in half the bytes; "dynamic", int8 weights with float activations; "int8",
            everything that has an integer form in integers, per channel, ranges by the smallest and largest activation
            on the calibration set.
        calibration: for "int8".
        integer_io: what "int8" takes and gives: "float32", or "uint8" or "int8" with a scale. With "float32",
            pixels go in as the contract says.
        plan: for "int8": another way to the ranges, and what is computed in floats all the same.

    Raises:
        InputError: "int8" without a calibration set.
        ExportError: TensorFlow's converter refuses the model.
    """
    if precision == "int8":
        return IntegerWriter(function, contract, calibration, integer_io).write(plan)
    import tensorflow as tf

    converter = converter_of(function)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    return with_contract(converted(converter.convert, contract.name, precision), contract)
