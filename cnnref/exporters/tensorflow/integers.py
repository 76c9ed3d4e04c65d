"""Integers in a .tflite: calibrated once, and written as often as wanted, with other operators in floats each time.

TensorFlow's converter leaves in floats what has no integer form, and quantizes everything around it: of a layer
normalization the negation stays, and squares, variances and their inverse root go through eight bits, which tell hardly
any of them apart. So what belongs to such an operator stays in floats with it, as in the .onnx file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtimes.inspection import FLOAT_AT_THE_ENDS
from ...runtimes.kept_tensors import KeptTensors
from ..calibration import PLAIN, Calibration, IntegerPlan, least_error_range, some_values
from ..contract import Contract
from .biases import Means, channel_means, with_corrected_biases
from .conversion import converted, converter_of
from .tflite_file import packed, with_contract

#: What passes squares, means and roots on, up to the operator where they meet the activations again.
CARRYING = {
    "ADD", "AVERAGE_POOL_2D", "DIV", "EXP", "LOG", "MEAN", "MUL", "NEG", "PAD", "POW", "RSQRT", "SLICE", "SQRT",
    "SQUARE", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM",
}  # fmt: skip


@dataclass(frozen=True)
class Operator:
    """An operator of a .tflite: its kind, the names of the computed tensors that it reads, and of those it writes.

    `floats` says whether one of its tensors is float32.
    """

    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    floats: bool


def operators_of(content: bytes) -> list[Operator]:
    """The operators of the main graph in their order; tensors are called by the first of their names."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    graph, codes = model.subgraphs[0], model.operatorCodes
    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    names = [short(tensor.name.decode()) for tensor in graph.tensors]
    computed: set[int] = set()
    found = []
    for operator in graph.operators:
        code = codes[operator.opcodeIndex]
        reads, writes = ([int(index) for index in ends] for ends in (operator.inputs, operator.outputs))
        in_floats = any(
            graph.tensors[index].type == schema.TensorType.FLOAT32 for index in (*reads, *writes) if index >= 0
        )
        found.append(
            Operator(
                kinds[max(code.builtinCode, code.deprecatedBuiltinCode)],
                tuple(names[index] for index in reads if index in computed),
                tuple(names[index] for index in writes),
                in_floats,
            )
        )
        computed.update(writes)
    return found


def short(name: str) -> str:
    """Of a name like "conv1/BiasAdd;conv1/Conv2D;..." the first part, which tells the place."""
    return name.split(";")[0]


def output_scales(content: bytes) -> dict[str, dict[str, float]]:
    """For each output that is whole numbers, by its name: it stands for (number - zero_point) * scale."""
    from ai_edge_litert.interpreter import Interpreter

    outputs = Interpreter(model_content=content).get_signature_runner().get_output_details()
    found = {name: detail["quantization"] for name, detail in outputs.items() if detail["dtype"] in (np.int8, np.uint8)}
    return {name: {"scale": float(scale), "zero_point": int(zero)} for name, (scale, zero) in sorted(found.items())}


def float_tensors(content: bytes) -> list[str]:
    """What a .tflite computes in floats, by the names of the results; the conversions at its ends aside."""
    return [
        name
        for operator in operators_of(content)
        if operator.floats and operator.kind not in FLOAT_AT_THE_ENDS
        for name in operator.writes
    ]


def layers_of(tensors: Collection[str]) -> tuple[str, ...]:
    """The names without what comes behind the first slash, each once: "ln/mul" and "ln/add" are the layer "ln"."""
    return tuple(dict.fromkeys(name.partition("/")[0] for name in tensors))


def what_belongs_to(tensors: Collection[str], operators: Collection[Operator]) -> list[str]:
    """The tensors, all others of their layers, and what is computed from them up to where activations come in again."""
    within = {name.partition("/")[0] for name in tensors if "/" in name}
    carried: set[str] = set()
    found: list[str] = []
    for operator in operators:
        from_them = carried.intersection(operator.reads)
        passes_on = bool(from_them) and operator.kind in CARRYING
        if passes_on or any(name in tensors or name.partition("/")[0] in within for name in operator.writes):
            found += operator.writes
            if from_them.issuperset(operator.reads) or not from_them:
                carried.update(operator.writes)
    return found


class IntegerWriter:
    """Writes one model in integers, as `tflite_model` says.

    Raises:
        InputError: there are no calibration images.
    """

    def __init__(
        self, function: Any, contract: Contract, calibration: Calibration | None, integer_io: str = "float32"
    ) -> None:
        if calibration is None:
            raise InputError(f"{contract.name} has no calibration images, and int8 needs some; give some.")
        self._function, self._contract, self._calibration = function, contract, calibration
        self._ends = input_dtype_of(contract, integer_io), integer_io

    def write(self, plan: IntegerPlan = PLAIN) -> bytes:
        """The file as the plan says; what has no integer form, and what belongs to that, is in floats in any case."""
        content = self._plain
        without_form = float_tensors(content)
        if without_form or plan.least_error or plan.in_floats:
            within = what_belongs_to(without_form, operators_of(self._calibrated))
            ranges = self._with_least_error if plan.least_error else self._calibrated
            content = self._quantized(ranges, {*within, *plan.in_floats})
        if plan.corrected:
            content = with_corrected_biases(content, self._calibrated, self._means)
        return with_contract(content, self._contract)

    @cached_property
    def _plain(self) -> bytes:
        return self._convert(self._converter.convert)

    @cached_property
    def _calibrated(self) -> bytes:
        """The float32 model with the range of every tensor."""
        converter = self._converter
        converter._experimental_calibrate_only = True
        return self._convert(converter.convert)

    @cached_property
    def _with_least_error(self) -> bytes:
        """The same with the ranges that give the least error."""
        from ai_edge_litert import schema_py_generated as schema

        model: Any = schema.ModelT.InitFromPackedBuf(self._calibrated, 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "calibrated.tflite"
            path.write_bytes(self._calibrated)
            kept = KeptTensors(path)
        values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in kept.written}
        images, batch = self._calibration.images, self._contract.batch or 1
        for number in range(0, len(images), batch):
            kept.run(np.take(images, range(number, number + batch), axis=0, mode="wrap"))
            for name, drawn in values.items():
                drawn.append(some_values(kept.value(name), seed=number))
        for name, index in kept.written.items():
            found = model.subgraphs[0].tensors[index].quantization
            if found is not None and found.min is not None and len(found.min) == 1:
                low, high = min(float(found.min[0]), 0.0), max(float(found.max[0]), 0.0)
                low, high = least_error_range(np.concatenate(values[name]), low, high)
                found.min, found.max = np.array([low], np.float32), np.array([high], np.float32)
        return packed(model)

    @cached_property
    def _means(self) -> Means:
        return channel_means(self._calibrated, self._calibration.images, self._contract.batch or 1)

    @property
    def _converter(self) -> Any:
        import tensorflow as tf

        converter = converter_of(self._function)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _calibration_feeds(self._calibration, self._contract.batch or 1)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type, converter.inference_output_type = map(tf.as_dtype, self._ends)
        return converter

    def _quantized(self, calibrated: bytes, in_floats: Collection[str]) -> bytes:
        import tensorflow as tf
        from tensorflow.lite.python.convert import mlir_quantize
        from tensorflow.lite.python.util import modify_model_io_type

        # The quantizer knows tensors by their whole names.
        names = [name for name in _whole_names(calibrated) if short(name) in in_floats]
        ends = map(tf.as_dtype, self._ends)
        return self._convert(lambda: modify_model_io_type(mlir_quantize(calibrated, denylisted_nodes=names), *ends))

    def _convert(self, convert: Callable[[], Any]) -> bytes:
        return converted(convert, self._contract.name, "int8")


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


def _whole_names(content: bytes) -> Iterator[str]:
    from ai_edge_litert import schema_py_generated as schema

    graph: Any = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    for operator in graph.operators:
        for index in operator.outputs:
            yield graph.tensors[index].name.decode()
