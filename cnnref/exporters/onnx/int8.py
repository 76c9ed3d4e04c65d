"""The int8 ONNX file: integer weights, and a QuantizeLinear and a DequantizeLinear around what computes in integers.

Runtimes fuse these pairs with the operators between them. Weights are int8, symmetric, with one scale a filter.
Activations are uint8 with one scale a tensor, from the least to the greatest value that the calibration images give:
on x86, ONNX Runtime turns int8 activations into uint8 as it loads, but not those that two nodes read, and a residual
network is then slower than in float32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ...errors import ExportError
from ...runtimes.bundle import IMAGE
from ...runtimes.onnx_runtime import QUIET
from ...runtimes.runner import Tensor, as_input, import_runtime
from ..calibration import PLAIN, Calibration, IntegerPlan, least_error_range, mean_error, some_values
from .node_precisions import LAYERS, computed_in_floats, integer_tensors, is_clamp

#: Images that run through the float32 network at once while the ranges are taken.
BATCH = 4

#: x86 processors without VNNI add two products of an activation and a weight in 16 bits: 255 * 128 fits, 255 * 129 not.
LARGEST_PAIR = 128

Ranges = dict[str, tuple[float, float]]
#: The mean of each channel of a tensor.
Means = dict[str, NDArray[np.float64]]


def int8_model(
    written: onnx.ModelProto, calibration: Calibration, *, layout: str, plan: IntegerPlan = PLAIN
) -> onnx.ModelProto:
    """A float32 model with int8 weights, uint8 activations and float32 ends.

    `layout` is that of the model's input, "nhwc" or "nchw"; the calibration images are [n, height, width, channels].
    `plan` says how the ranges follow from them, and which tensors are computed in float32 all the same.

    Raises:
        InputError: the calibration images do not have the size that the model takes.
        ExportError: they give values that are no finite numbers.
    """
    scales = integer_tensors(written.graph, plan.in_floats)
    in_floats = computed_in_floats(written.graph, plan.in_floats)
    ranges = _ranges(written, dict.fromkeys(scales.values()), calibration, layout, plan.least_error)
    means = _means(written, scales, calibration, layout) if plan.corrected else {}
    model = onnx.ModelProto()
    model.CopyFrom(written)
    _Quantizer(model.graph, scales, ranges, means, in_floats).rewrite()
    onnx.checker.check_model(model, full_check=True)
    return model


def _ranges(
    written: onnx.ModelProto, wanted: Iterable[str], calibration: Calibration, layout: str, least_error: bool
) -> Ranges:
    """The least and the greatest value of each tensor over all calibration images; 0 always lies between.

    With `least_error` the range inside these that gives the least error.
    """
    ranges = {IMAGE: (0.0, 255.0)}
    names = [name for name in wanted if name not in ranges]
    low, high = np.zeros(len(names)), np.zeros(len(names))
    values: list[list[NDArray[np.float32]]] = [[] for _ in names]
    for start, found in _activations(written, names, calibration, layout):
        for place, value in enumerate(found):
            low[place] = np.minimum(low[place], value.min())
            high[place] = np.maximum(high[place], value.max())
            if least_error:
                values[place] += [some_values(one, seed=start + number) for number, one in enumerate(value)]
    for name, least, greatest, drawn in zip(names, low.tolist(), high.tolist(), values, strict=True):
        if not np.isfinite(greatest - least):
            raise ExportError(f"The calibration images give values in {name} that are no finite numbers.")
        ranges[name] = least_error_range(np.concatenate(drawn), least, greatest) if drawn else (least, greatest)
    return ranges


def _means(written: onnx.ModelProto, scales: Collection[str], calibration: Calibration, layout: str) -> Means:
    """The mean of each channel of what the layers with a bias read, over all calibration images."""
    axes = {
        node.input[0]: 1 if node.op_type == "Conv" else -1
        for node in written.graph.node
        if node.op_type in LAYERS and len(node.input) > 2 and node.input[0] in scales and node.input[0] != IMAGE
    }
    sums = {name: np.zeros(()) for name in axes}
    for _, found in _activations(written, list(axes), calibration, layout):
        for name, value in zip(axes, found, strict=True):
            channels = np.moveaxis(value, axes[name], -1).reshape(-1, value.shape[axes[name]])
            sums[name] = sums[name] + len(value) * channels.mean(axis=0, dtype=np.float64)
    return {name: total / len(calibration.images) for name, total in sums.items()}


def _activations(
    written: onnx.ModelProto, names: list[str], calibration: Calibration, layout: str
) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """The named tensors of the calibration images, some images at a time, with the number of the first of these."""
    if not names:
        return
    runtime = import_runtime("onnxruntime", "onnxruntime")
    probe = onnx.ModelProto()
    probe.CopyFrom(written)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = runtime.SessionOptions()
    options.log_severity_level = QUIET
    session = runtime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kind = written.graph.input[0].type.tensor_type
    sizes = tuple(size.dim_value or None for size in kind.shape.dim)
    expected = Tensor(sizes, helper.tensor_dtype_to_np_dtype(kind.elem_type).name)
    for start in range(0, len(calibration.images), BATCH):
        fed = as_input(calibration.images[start : start + BATCH], expected, layout)
        yield start, session.run(names, {IMAGE: fed})


class _Quantizer:
    """Rewrites one graph in place."""

    def __init__(
        self, graph: onnx.GraphProto, scales: dict[str, str], ranges: Ranges, means: Means, in_floats: Collection[str]
    ) -> None:
        self.graph = graph
        self.in_floats = in_floats
        self.scales = scales
        self.ranges = ranges
        self.means = means
        self.given = {tensor.name: tensor for tensor in graph.initializer}
        self.added: dict[str, onnx.TensorProto] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.steps: dict[str, str] = {}
        self.zeros: dict[np.uint8, str] = {}
        self.taken = {*self.given, *(name for node in graph.node for name in (*node.input, *node.output))}

    def rewrite(self) -> None:
        for tensor in self.graph.input:
            self._quantize(tensor.name, tensor.name)
        for node in self.graph.node:
            source = node.input[0]
            node.input[:] = [f"{name}.dq" if name in self.scales else name for name in node.input]
            if is_clamp(node, self.given) and node.output[0] in self.scales:
                # The range of what it gives ends where it clamps.
                self._quantize(node.output[0], node.input[0])
                continue
            if node.op_type in LAYERS and source in self.scales and node.output[0] not in self.in_floats:
                self._layer(node, source)
            self.nodes.append(node)
            for name in node.output:
                self._quantize(name, name)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input}
        kept = [tensor for name, tensor in self.given.items() if name in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend([*kept, *self.added.values()])

    def _step(self, name: str) -> float:
        """The difference of two values whose integers differ by one: the scale of a tensor."""
        low, high = self.ranges[self.scales[name]]
        return float(np.float32((high - low) / 255)) or 1.0

    def _quantize(self, name: str, given: str) -> None:
        """Send the tensor `name`, or `given` in its place, through the integers 0 to 255."""
        if name not in self.scales:
            return
        source, step = self.scales[name], self._step(name)
        if source not in self.steps:
            self.steps[source] = self._constant(self._short_name("step"), np.float32(step))
        zero = np.uint8(np.clip(np.rint(-self.ranges[source][0] / step), 0, 255))
        if zero not in self.zeros:
            self.zeros[zero] = self._constant(self._short_name("zero"), zero)
        parameters = [self.steps[source], self.zeros[zero]]
        self._node("QuantizeLinear", [given, *parameters], f"{name}.u8")
        self._node("DequantizeLinear", [f"{name}.u8", *parameters], f"{name}.dq")

    def _layer(self, node: onnx.NodeProto, source: str) -> None:
        """Replace weights by int8 and bias by int32, in steps of what the products of the integers stand for."""
        step = self._step(source)
        axis, (weights, *biases) = LAYERS[node.op_type], [numpy_helper.to_array(self.given[n]) for n in node.input[1:]]
        filters = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
        scale = filter_scales(filters, biases[0] if biases else np.zeros(len(filters)), step)
        shape = [-1 if place == axis else 1 for place in range(weights.ndim)]
        integers = np.rint(weights / scale.reshape(shape)).astype(np.int8)
        if biases and source in self.means:
            error = np.moveaxis(weights - integers * scale.reshape(shape), axis, 0)
            biases = [biases[0] + mean_error(error, self.means[source])]
        node.input[1] = self._dequantized(self._short_name("weights"), integers, scale, axis)
        if biases:
            products = (step * scale.astype(np.float64)).astype(np.float32)
            rounded = np.rint(biases[0] / products.astype(np.float64)).astype(np.int32)
            node.input[2] = self._dequantized(self._short_name("bias"), rounded, products, 0)

    def _dequantized(self, name: str, integers: NDArray[Any], scale: NDArray[np.float32], axis: int) -> str:
        parameters = [self._constant(name, integers), self._constant(self._short_name("step"), scale)]
        if integers.ndim == 2:
            # Zeros are what is taken where nothing is given, but ONNX Runtime then leaves a Gemm in float32.
            parameters.append(self._constant(self._short_name("zero"), np.zeros(len(scale), np.int8)))
        return self._node("DequantizeLinear", parameters, self._short_name("dq"), axis=axis)

    def _short_name(self, kind: str) -> str:
        """A name that nothing has. What belongs to a layer is named by a number where no one looks for it by name.

        A narrow network with long names, such as a MobileNetV2 of width 0.35 inside another, has a tenth of its int8
        file in names otherwise.
        """
        count = len(self.taken)
        while (name := f"{kind}.{count}") in self.taken:
            count += 1
        self.taken.add(name)
        return name

    def _constant(self, name: str, value: Any) -> str:
        self.added[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: int) -> str:
        # Without a name: those of the tensors are there already, and small networks have more names than weights.
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def filter_scales(filters: NDArray[Any], bias: NDArray[Any], step: float) -> NDArray[np.float32]:
    """One scale for each row of weights [filters, weights], its bias, and an input with steps of `step`.

    The largest weight becomes 127 at most, the two largest of one sign `LARGEST_PAIR` together, and the bias fits
    into 31 bits. A filter of zeros has scale 1.
    """
    two = min(2, filters.shape[1])
    pairs = [np.partition(side, -two, axis=1)[:, -two:].clip(0).sum(axis=1) for side in (filters, -filters)]
    largest = np.abs(filters).max(axis=1) / 127
    scale = np.max([largest, *(pair / LARGEST_PAIR for pair in pairs), np.abs(bias) / (step * 2**30)], axis=0)
    # A little more, because dividing by it in float32 could otherwise round a pair up by one.
    return np.where(scale > 1e-30, scale * (1 + 2**-20), 1).astype(np.float32)
