"""How much noise each layer of an integer file adds: its tensors beside those of the float32 file, on the samples.

The measure is the signal to quantization noise ratio of a tensor, 10 log10(sum of x^2 / sum of (x - y)^2) in decibels,
where x is what the float32 file computes and y what the integers stand for (Jacob et al.: Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018, section 2.1, has the scales). The noise of a
layer contains that of the layers before it; what it adds is the difference to the noisiest of its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import usable_cores
from ..errors import InputError
from .isolation import noise_apart
from .kept_tensors import KeptTensors, Operation
from .locate import find_bundle
from .manifest import read_bundle
from .onnx_runtime import QUIET
from .runner import Tensor, as_input, failure, import_runtime, one_line
from .samples import read_samples

#: Images that are computed at once, with all tensors kept.
BATCH = 4

#: Operators that only move or pick numbers, and the conversions at the ends of integers: no layers of their own.
MOVING = {
    "onnx": {"Cast", "DequantizeLinear", "Flatten", "Pad", "QuantizeLinear", "Reshape", "Slice", "Transpose"},
    "tflite": {"DEQUANTIZE", "PAD", "QUANTIZE", "RESHAPE", "SLICE", "SPLIT", "STRIDED_SLICE", "TRANSPOSE"},
}


#: ONNX operators whose second input are weights.
WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


@dataclass(frozen=True)
class LayerNoise:
    """The noise of one tensor.

    Attributes:
        tensor: its name in both files.
        operator: what computes it.
        sqnr: its signal to quantization noise ratio in dB; infinite without noise.
        added: the noise that comes in here, as a share of the signal: noise to signal, less that of the noisiest input.
        in_floats: whether the integer file computes it in floats.
    """

    tensor: str
    operator: str
    sqnr: float
    added: float
    in_floats: bool

    def to_json(self) -> dict[str, Any]:
        """For --json; JSON has no word for infinity, so that no noise is null."""
        return {
            "tensor": self.tensor,
            "operator": self.operator,
            "sqnr_db": round(self.sqnr, 2) if math.isfinite(self.sqnr) else None,
            "added": round(self.added, 6),
            "in_floats": self.in_floats,
        }


def noise_of_layers(folder: str | Path, *, isolated: bool = True) -> dict[str, list[LayerNoise]]:
    """The layers of every integer file of a bundle, in the order in which they are computed, by file.

    Args:
        folder: the folder of a bundle, or the name of one that comes with the package.
        isolated: run the files in a child process; see `verify`.

    Raises:
        InputError: there is no such bundle, or it has no integer file with a float32 file of its format beside it.
        VerificationError: a file or the samples cannot be read or run.
    """
    bundle = read_bundle(find_bundle(folder))
    floats = {artifact.format: artifact for artifact in bundle.runnable() if artifact.precision == "float32"}
    pairs = [
        (floats[artifact.format], artifact)
        for artifact in bundle.runnable()
        if artifact.precision.startswith("int") and artifact.format in floats
    ]
    if not pairs:
        raise InputError(
            f"{bundle.folder} has no integer file with a float32 file of the same format beside it, so there are no "
            "layers to compare; export it in int8 beside float32."
        )
    if isolated:
        return {file: [LayerNoise(**layer) for layer in layers] for file, layers in noise_apart(bundle).items()}
    images = read_samples(bundle).images
    return {
        whole.name: compare_layers(bundle.folder / exact.name, bundle.folder / whole.name, images, layout=whole.layout)
        for exact, whole in pairs
    }


def culprit(layers: Sequence[LayerNoise]) -> LayerNoise | None:
    """The layer that adds the most noise, of those that compute in integers; None where none adds any."""
    worst = max((layer for layer in layers if not layer.in_floats), key=lambda layer: layer.added, default=None)
    return worst if worst is not None and worst.added > 0 else None


def compare_layers(
    floats: Path, integers: Path, images: NDArray[np.uint8], *, layout: str = "nhwc"
) -> list[LayerNoise]:
    """The layers of two files that compute the same network, one in floats and one in integers.

    Args:
        floats, integers: two .onnx files, or two .tflite files, whose tensors have the same names.
        images: [n, height, width, channels], pixel values 0..255.
        layout: "nhwc", or "nchw" for .onnx files that take [batch, channels, height, width].

    Raises:
        VerificationError: a file cannot be loaded or run.
    """
    pair = _OnnxPair(floats, integers, layout) if floats.suffix == ".onnx" else _TflitePair(floats, integers)
    signal = dict.fromkeys(pair.compared, 0.0)
    noise = dict(signal)
    batch = pair.batch or BATCH
    for start in range(0, len(images), batch):
        # Where the batch is fixed, the last one is filled up from the beginning.
        places = range(start, start + batch if pair.batch else min(start + batch, len(images)))
        for name, exact, rounded in pair.values(np.take(images, places, axis=0, mode="wrap")):
            signal[name] += float(np.square(exact, dtype=np.float64).sum())
            noise[name] += float(np.square(np.subtract(exact, rounded, dtype=np.float64)).sum())
    shares = {name: _share(noise[name], signal[name]) for name in pair.compared}
    rows = []
    for name, place in pair.compared.items():
        share, before = shares[name], max((shares[source] for source in place.sources), default=0.0)
        sqnr = -10 * math.log10(share) if share > 0 else math.inf
        rows.append(LayerNoise(name, place.operator, sqnr, max(share - before, 0.0), place.in_floats))
    return rows


def _share(noise: float, signal: float) -> float:
    """Noise as a share of the signal; all of it where there is no signal."""
    if not noise:
        return 0.0
    return noise / signal if signal else 1.0


@dataclass(frozen=True)
class _Place:
    """What computes a tensor that both files have, the nearest such tensors before it, and whether in floats."""

    operator: str
    sources: tuple[str, ...]
    in_floats: bool


def _places(operations: Sequence[Operation], common: Mapping[str, bool], moving: set[str]) -> dict[str, _Place]:
    """The places of the tensors of `common`, where each has whether the integer file computes it in floats."""
    before: dict[str, tuple[str, ...]] = {}
    found = {}
    for operation in operations:
        sources = tuple(dict.fromkeys(source for name in operation.reads for source in before.get(name, ())))
        for name in operation.writes:
            if name in common and operation.kind not in moving:
                found[name] = _Place(operation.kind, sources, common[name])
                before[name] = (name,)
            else:
                before[name] = sources
    return found


class _OnnxPair:
    """Two .onnx files in ONNX Runtime, with the tensors that both have as outputs."""

    def __init__(self, floats: Path, integers: Path, layout: str) -> None:
        onnx: Any = import_runtime("onnx", "onnx")
        self._layout = layout
        exact, rounded = (onnx.load(path, load_external_data=False) for path in (floats, integers))
        operations = [Operation(node.op_type, tuple(node.input), tuple(node.output)) for node in exact.graph.node]
        writers = {name: node for node in rounded.graph.node for name in node.output}
        # A tensor that is sent through integers is read behind its DequantizeLinear.
        both = [
            name for operation in operations for name in operation.writes if name in writers or f"{name}.dq" in writers
        ]
        common = {name: _in_floats(name, writers) for name in both}
        # A clamp in floats before integers has no node of its own: the step to integers ends where it does.
        twins = {
            name: name if name in writers and (in_floats or f"{name}.dq" not in writers) else f"{name}.dq"
            for name, in_floats in common.items()
        }
        self.compared = _places(operations, common, MOVING["onnx"])
        self.batch: int | None = exact.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None
        self._probes = [
            _probe(onnx, exact, floats, list(self.compared)),
            _probe(onnx, rounded, integers, [twins[name] for name in self.compared]),
        ]

    def values(self, images: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        yield from zip(self.compared, *(run(images, self._layout) for run in self._probes), strict=True)


def _in_floats(name: str, writers: Mapping[str, Any]) -> bool:
    """Whether the node that computes a tensor reads one, weights included, that has not come out of integers."""
    node = writers.get(name)
    if node is None:  # it was a clamp, which the quantization of its input does on the side
        node = writers.get(writers[f"{name}.u8"].input[0])
    if node is None:
        return False
    read = node.input[:2] if node.op_type in WEIGHTED else [source for source in node.input if source in writers]
    return any(source not in writers or writers[source].op_type != "DequantizeLinear" for source in read)


def _probe(onnx: Any, model: Any, path: Path, names: list[str]) -> Any:
    """What computes the named tensors of a model from images."""
    runtime = import_runtime("onnxruntime", "onnxruntime")
    name, kind = model.graph.input[0].name, model.graph.input[0].type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    expected = Tensor(tuple(size.dim_value or None for size in kind.shape.dim), dtype)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=output) for output in names)
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = QUIET, usable_cores()
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise failure(path, f"onnxruntime cannot load it with its layers as outputs: {one_line(error)}") from None

    def run(images: NDArray[np.uint8], layout: str) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = session.run(names, {name: as_input(images, expected, layout)})
        return found

    return run


class _TflitePair:
    """Two .tflite files in LiteRT, which keeps every tensor."""

    def __init__(self, floats: Path, integers: Path) -> None:
        self._files = [KeptTensors(path) for path in (floats, integers)]
        exact, rounded = self._files
        common = {name: rounded.in_floats(name) for name in exact.written if name in rounded.written}
        self.compared = _places(exact.operations, common, MOVING["tflite"])
        self.batch = exact.batch

    def values(self, images: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        for file in self._files:
            file.run(images)
        exact, rounded = self._files
        for name in self.compared:
            yield name, exact.value(name), rounded.value(name)
