"""Every operation of keras.ops that the emitter writes, and every layer that it takes apart, computes as in Keras.

All expressions are built side by side from one image; each is written as a file of its own at the lowest and at the
newest opset and compared with what Keras gives.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from cnnref.arithmetic.graph import trace
from cnnref.environment import keras, layers, ops
from cnnref.exporters.onnx.graph import BATCH, STORED, GraphBuilder, Value
from cnnref.exporters.onnx.model import OPSETS
from cnnref.exporters.onnx.operations.simpler import SIMPLER
from cnnref.exporters.onnx.writing import OPERATIONS, write_graph

SHAPE = (9, 8, 4)
RANDOM = np.random.default_rng(1)


def numbers(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def positive(x: Any) -> Any:
    return ops.abs(x) + 0.1


def tokens(x: Any) -> Any:
    return ops.reshape(x, (-1, 72, 4))


def apply(name: str, prepare: Callable[[Any], Any] = lambda x: x) -> Callable[[Any], Any]:
    return lambda x: getattr(ops, name)(prepare(x))


UNARY = [
    "abs",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "ceil",
    "negative",
    "relu",
    "relu6",
    "sigmoid",
    "softplus",
    "softsign",
    "silu",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "selu",
    "elu",
    "celu",
    "leaky_relu",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",
    "tanh_shrink",
    "hard_shrink",
    "soft_shrink",
    "sign",
    "square",
    "round",
    "trunc",
    "isnan",
    "isinf",
    "isfinite",
    "isneginf",
    "isposinf",
    "logical_not",
    "deg2rad",
    "rad2deg",
    "cbrt",
    "softmax",
    "log_softmax",
    "sparsemax",
    "zeros_like",
    "ones_like",
    "arctan",
    "arcsinh",
    "nan_to_num",
    "normalize",
    "rms_normalization",
    "layer_normalization",
    "stop_gradient",
    "copy",
    "real",
    "conjugate",
    "ravel",
    "all",
    "any",
    "mean",
    "max",
    "min",
    "sum",
    "std",
    "var",
    "prod",
    "logsumexp",
    "count_nonzero",
    "ptp",
    "glu",
    "fabs",
]
POSITIVE = ["log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"]
PAIRS = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "arctan2",
    "floor_divide",
    "mod",
    "divide_no_nan",
    "isclose",
]
REDUCED = ["mean", "max", "min", "sum", "prod", "std", "var", "logsumexp", "all", "any"]
AXES: list[tuple[Any, bool]] = [((1, 2), False), ((1, 2), True), (-1, True), (-1, False), (1, False)]

EXPRESSIONS: dict[str, Callable[[Any], Any]] = {
    **{name: apply(name) for name in UNARY},
    **{name: apply(name, positive) for name in POSITIVE},
    **{name: apply(name, lambda x: x * 0.5) for name in ("arccos", "arcsin", "arctanh")},
    "arccosh": apply("arccosh", lambda x: positive(x) + 1.1),
    **{f"{name} of tensors": lambda x, name=name: getattr(ops, name)(x, x[:, ::-1]) for name in PAIRS},
    **{
        f"{name} over {axis}, {keep}": lambda x, name=name, axis=axis, keep=keep: getattr(ops, name)(
            x, axis=axis, keepdims=keep
        )
        for name in REDUCED
        for axis, keep in AXES
    },
    "a row of channels": lambda x: x + numbers(4),
    "a row of pixels": lambda x: x * numbers(8, 4),
    "a column": lambda x: ops.maximum(x, numbers(9, 1, 1)),
    "a number on the left": lambda x: 2 - 3 / positive(x),
    "power": lambda x: positive(x) ** 1.7,
    "gate": lambda x: x * ops.expand_dims(ops.expand_dims(ops.mean(x, (1, 2)), 1), 1),
    "gate by reshape": lambda x: x * ops.reshape(ops.mean(x, (1, 2)), (-1, 1, 1, 4)),
    "heaviside": lambda x: ops.heaviside(x, np.float32(0.5)),
    "where": lambda x: ops.where(x > 0.2, x, -1.0),
    "clip": lambda x: ops.clip(x, -0.5, 0.7),
    "cast": lambda x: ops.cast(ops.cast(x * 3, "int32"), "float32"),
    "round to a place": lambda x: ops.round(x, 1),
    "gelu with tanh": lambda x: ops.gelu(x, approximate=True),
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "threshold": lambda x: ops.threshold(x, 0.3, -2.0),
    "moments": lambda x: ops.moments(x, (1, 2)),
    "average": lambda x: ops.average(x, axis=-1, weights=np.array([1, 2, 3, 4], np.float32)),
    "sum of distances": lambda x: ops.norm(x, ord=1, axis=-1),
    "length": lambda x: ops.norm(x, axis=(1, 2)),
    "largest distance": lambda x: ops.norm(x, ord=np.inf, axis=-1, keepdims=True),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmin": lambda x: ops.argmin(x, axis=1, keepdims=True),
    "top k": lambda x: ops.top_k(x, 2),
    "sort": lambda x: ops.sort(x, axis=1),
    "argsort": lambda x: ops.argsort(x, axis=-1),
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "take": lambda x: ops.take(x, [2, 0], axis=-1),
    "take along axis": lambda x: ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1),
    "one hot": lambda x: ops.one_hot(ops.argmax(x, -1), 4),
    "softmax over rows": lambda x: ops.softmax(x, axis=1),
    "pixels in a row": tokens,
    "flatten": lambda x: ops.relu(ops.reshape(x, (-1, 288))),
    "flatten and slice": lambda x: layers.Flatten()(x)[:, 3:100],
    "flatten and weigh": lambda x: layers.Flatten()(x) * numbers(288),
    "windows": lambda x: ops.reshape(
        ops.transpose(ops.reshape(x, (-1, 3, 3, 4, 2, 4)), (0, 1, 3, 2, 4, 5)), (-1, 6, 4)
    ),
    "there and back": lambda x: ops.reshape(tokens(x), (-1, 9, 8, 4)) * 2,
    "reshape across": lambda x: ops.reshape(x, (-1, 8, 9, 4)),
    "shuffle": lambda x: ops.reshape(ops.transpose(ops.reshape(x, (-1, 9, 8, 2, 2)), (0, 1, 2, 4, 3)), (-1, 9, 8, 4)),
    "transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)),
    "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
    "moveaxis": lambda x: ops.moveaxis(x, -1, 1),
    "expand": lambda x: ops.expand_dims(x, 2) * 1.5,
    "squeeze": lambda x: ops.squeeze(x[:, :1], 1),
    "concatenate": lambda x: ops.concatenate([x, ops.mean(x, -1, keepdims=True), ops.max(x, -1, keepdims=True)], -1),
    "append": lambda x: ops.append(x, x, axis=2),
    "hstack": lambda x: ops.hstack([x, x]),
    "stack": lambda x: ops.stack([x, -x], -1),
    "split": lambda x: ops.split(x, [2, 5], axis=1),
    "unstack": lambda x: ops.unstack(x, axis=-1),
    "an index": lambda x: x[..., 0],
    "slices backward": lambda x: x[:, 8:2:-2, 1:5:2],
    "a new axis": lambda x: x[:, :, None, -1],
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (2, 0)), constant_values=1.5),
    "pad reflected": lambda x: ops.pad(x, ((0, 0), (3, 2), (0, 1), (0, 0)), mode="reflect"),
    "pad symmetric": lambda x: ops.pad(x, ((0, 0), (3, 2), (0, 1), (0, 0)), mode="symmetric"),
    "tile": lambda x: ops.tile(x, (1, 2, 1, 3)),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "flip": lambda x: ops.flip(x, 2),
    "roll": lambda x: ops.roll(x, (1, -2), axis=(1, 2)),
    "rot90": lambda x: ops.rot90(x, 1, axes=(1, 2)),
    "diff": lambda x: ops.diff(x, axis=1),
    "tril": lambda x: ops.tril(x),
    "triu": lambda x: ops.triu(x, 1),
    "full like": lambda x: x + ops.full_like(x, 3),
    "depth to space": lambda x: ops.depth_to_space(x, 2),
    "space to depth": lambda x: ops.space_to_depth(x[:, :8], 2),
    "adaptive average": lambda x: ops.adaptive_average_pool(x, (3, 5)),
    "adaptive maximum": lambda x: ops.adaptive_max_pool(x, (4, 3)),
    "matmul": lambda x: ops.matmul(tokens(x), ops.transpose(tokens(x), (0, 2, 1))),
    "einsum": lambda x: ops.einsum("bhwc,bhwd->bcd", x, x),
    "einsum with dots": lambda x: ops.einsum("...c,cd->...d", x, numbers(4, 3)),
    "tensordot": lambda x: ops.tensordot(x, numbers(4, 3), axes=1),
    "dot": lambda x: ops.dot(x, numbers(4, 3)),
    "convolution": lambda x: ops.conv(x, numbers(3, 3, 4, 5), 2, "same"),
    "convolution of a sequence": lambda x: ops.conv(tokens(x), numbers(3, 4, 5), 1, "same"),
    "depthwise": lambda x: ops.depthwise_conv(x, numbers(3, 3, 4, 2), 1, "same"),
    "separable": lambda x: ops.separable_conv(x, numbers(3, 3, 4, 1), numbers(1, 1, 4, 3), 1, "same"),
    "max pooling": lambda x: ops.max_pool(x, 3, 2, "same"),
    "average pooling": lambda x: ops.average_pool(x, 3, 2, "same"),
    "batch norm": lambda x: ops.batch_normalization(x, numbers(4), abs(numbers(4)) + 0.5, -1, numbers(4), numbers(4)),
    "patches": lambda x: ops.image.extract_patches(x, 3),
    "resize larger": lambda x: ops.image.resize(x, (13, 17)),
    "resize smaller": lambda x: ops.image.resize(x, (5, 4)),
    "resize nearest": lambda x: ops.image.resize(x, (13, 3), interpolation="nearest"),
    "resize cubic": lambda x: ops.image.resize(x, (12, 5), interpolation="bicubic"),
    "resize antialiased": lambda x: ops.image.resize(x, (5, 4), antialias=True),
    "gray": lambda x: ops.image.rgb_to_grayscale(x[..., :3]),
    "hsv": lambda x: ops.image.rgb_to_hsv(ops.sigmoid(x[..., :3])),
    "rgb": lambda x: ops.image.hsv_to_rgb(ops.sigmoid(x[..., :3])),
    "blur": lambda x: ops.image.gaussian_blur(x, (3, 5), (1.0, 0.5)),
    "edges": lambda x: ops.image.sobel_edges(x),
    "pad images": lambda x: ops.image.pad_images(x, 1, 2, target_height=12, target_width=12),
    "crop images": lambda x: ops.image.crop_images(x, 1, 2, target_height=5, target_width=4),
    "attention": lambda x: ops.dot_product_attention(*[ops.reshape(x, (-1, 36, 2, 4))] * 3),
}


class Scaled(layers.Layer):
    """Weights on the left of an operator: the variable's own operator is called."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x: Any) -> Any:
        return self.scale * x - 1.0 / (1.0 + ops.exp(x))


class Tokens(layers.Layer):
    """A class token for every image of the batch, as vision transformers have it."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")

    def call(self, x: Any) -> Any:
        batch = ops.shape(x)[0]
        pixels = ops.reshape(x, (batch, x.shape[1] * x.shape[2], x.shape[3]))
        return ops.concatenate([ops.broadcast_to(self.token, (batch, 1, x.shape[-1])), pixels], 1)


class Noisy(layers.Layer):
    """Draws in training and normalizes by a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)
        self.norm = layers.BatchNormalization()

    def build(self, shape: Any) -> None:
        self.norm.build(shape)
        super().build(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            x = x * keras.random.uniform((ops.shape(x)[0], 1, 1, 1), seed=self.seed)
        return self.norm(x, training=training)


def sequence(x: Any) -> Any:
    return layers.Reshape((72, 4))(x)


def rows(x: Any) -> Any:
    return layers.Reshape((9, 32))(x)


def nested(x: Any) -> Any:
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.MaxPooling2D()(layers.Conv2D(5, 3, activation="elu")(image)))(x)


def attend(x: Any) -> Any:
    pixels = layers.Reshape((72, 4))(x)
    return layers.MultiHeadAttention(2, 3, dropout=0.1)(pixels, pixels)


NETWORKS: dict[str, Callable[[Any], Any]] = {
    "weight on the left": lambda x: Scaled()(x),
    "class token": lambda x: Tokens()(x),
    "noise and norm": lambda x: Noisy()(x),
    "nested": nested,
    "flip": lambda x: layers.RandomFlip()(x),
    "rotation": lambda x: layers.RandomRotation(0.1)(x),
    "zoom": lambda x: layers.RandomZoom(0.1)(x),
    "contrast": lambda x: layers.RandomContrast(0.1)(x),
    "random crop": lambda x: layers.RandomCrop(6, 5)(x),
    "normalization": lambda x: layers.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 2, 3, 4])(x),
    "normalization inverted": lambda x: layers.Normalization(mean=1.0, variance=2.0, axis=None, invert=True)(x),
    "resizing": lambda x: layers.Resizing(12, 13)(x),
    "resizing, cropped": lambda x: layers.Resizing(6, 6, crop_to_aspect_ratio=True)(x),
    "resizing, padded": lambda x: layers.Resizing(12, 6, pad_to_aspect_ratio=True)(x),
    "center crop": lambda x: layers.CenterCrop(5, 4)(x),
    "center crop of a small image": lambda x: layers.CenterCrop(12, 4)(x),
    "transposed, same": lambda x: layers.Conv2DTranspose(5, 3, 2, "same", activation="relu")(x),
    "transposed, valid": lambda x: layers.Conv2DTranspose(5, 3, 2, "valid")(x),
    "transposed, gaps": lambda x: layers.Conv2DTranspose(5, 2, 3, "same")(x),
    "transposed, norm": lambda x: layers.BatchNormalization()(layers.Conv2DTranspose(5, 4, 2, "same")(x)),
    "prelu": lambda x: layers.PReLU(shared_axes=[1, 2])(x),
    "prelu of a vector": lambda x: layers.PReLU()(layers.Flatten()(x)),
    "relu with a threshold": lambda x: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)(x),
    "softmax of pixels": lambda x: layers.Softmax(axis=(1, 2))(x),
    "group norm": lambda x: layers.GroupNormalization(2)(x),
    "unit norm": lambda x: layers.UnitNormalization()(x),
    "layer norm of all": lambda x: layers.LayerNormalization(axis=(1, 2, 3))(x),
    "rms norm": lambda x: layers.RMSNormalization()(x),
    "layer norm of tokens": lambda x: layers.LayerNormalization()(sequence(x)),
    "batch norm of rows": lambda x: layers.BatchNormalization(axis=1)(x),
    "spectral norm": lambda x: layers.SpectralNormalization(layers.Conv2D(3, 3))(x),
    "bilinear": lambda x: layers.UpSampling2D((2, 3), interpolation="bilinear")(x),
    "bicubic": lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x),
    "average": lambda x: layers.Average()([x, x * 2, x[:, ::-1]]),
    "minimum": lambda x: layers.Minimum()([x, x * 2]),
    "dot": lambda x: layers.Dot(axes=1, normalize=True)([layers.Flatten()(x), layers.Flatten()(x * x)]),
    "attention": attend,
    "dense of tokens": lambda x: layers.Dense(3, activation="softsign")(sequence(x)),
    "convolution of tokens": lambda x: layers.Conv1D(5, 3, padding="causal")(sequence(x)),
    "lstm": lambda x: layers.Bidirectional(layers.LSTM(5, return_sequences=True))(rows(x)),
    "gru": lambda x: layers.GRU(5)(rows(x)),
    "einsum": lambda x: layers.EinsumDense("bhwc,cd->bhwd", (9, 8, 3), bias_axes="d", activation="selu")(x),
    **{
        f"{name} behind a convolution": lambda x, name=name: layers.Conv2D(4, 3, activation=name)(x)
        for name in ("mish", "celu", "squareplus", "log_softmax", "soft_shrink", "exponential", "softmax", "sparsemax")
    },
    "mish of a vector": lambda x: layers.Dense(6, activation="mish")(layers.Flatten()(x)),
}


class Bench:
    """All bodies side by side in one model, and what Keras gives for three images."""

    def __init__(self, bodies: Mapping[str, Callable[[Any], Any]]) -> None:
        self.image = keras.Input(SHAPE, name="image")
        self.outputs: dict[str, list[Any]] = {}
        for name, body in bodies.items():
            found = body(self.image)
            self.outputs[name] = list(found) if isinstance(found, list | tuple) else [found]
        model = keras.Model(self.image, self.outputs)
        random = np.random.default_rng(0)
        for weight in model.weights:
            if weight.dtype == "float32":
                value = random.normal(size=weight.shape) / max(1, np.sqrt(np.prod(weight.shape[:-1])))
                weight.assign(0.5 + np.abs(value) if "variance" in weight.name else value)
        self.x = random.uniform(-1.5, 1.5, (3, *SHAPE)).astype(np.float32)
        self.expected = model(self.x, training=False)

    def written(self, name: str, opset: int) -> bytes:
        builder = GraphBuilder(opset)
        first = builder.node("Transpose", ["image"], "image_nchw", perm=[0, 3, 1, 2])
        graph = trace(keras.Model(self.image, self.outputs[name]))
        results = write_graph(builder, graph, [Value(first, (BATCH, *SHAPE))])
        ends = []
        for value in results:
            output = builder.node("Identity", [builder.read(value, "output")], "output")
            sizes = [f"n{size}" if size % BATCH == 0 else size for size in value.shape]
            ends.append(helper.make_tensor_value_info(output, STORED[value.kind][1], sizes))
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *SHAPE])
        opsets = [helper.make_opsetid("", opset)]
        version = helper.find_min_ir_version_for(opsets)
        whole = helper.make_graph(builder.nodes, "net", [image], ends, builder.tensors())
        model = helper.make_model(whole, opset_imports=opsets, ir_version=version)
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def compare(self, name: str) -> None:
        for opset in (OPSETS[0], OPSETS[-1]):
            session = onnxruntime.InferenceSession(self.written(name, opset))
            for found, expected in zip(session.run(None, {"image": self.x}), self.expected[name], strict=True):
                wanted = np.asarray(keras.ops.convert_to_numpy(expected)).astype(np.float64)
                scale = max(1.0, float(np.abs(wanted).max()))
                np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=0, atol=1e-5 * scale)


@pytest.fixture(scope="module")
def expressions() -> Bench:
    return Bench(EXPRESSIONS)


@pytest.fixture(scope="module")
def networks() -> Bench:
    return Bench(NETWORKS)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_operation_computes_the_same_at_the_lowest_and_the_newest_opset(expressions: Bench, name: str) -> None:
    expressions.compare(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_layer_computes_the_same_at_the_lowest_and_the_newest_opset(networks: Bench, name: str) -> None:
    networks.compare(name)


def test_the_tables_name_operations_of_keras() -> None:
    known = {kind.__name__ for kind in _subclasses(keras.Operation)}
    assert set(OPERATIONS) | set(SIMPLER) <= known


def _subclasses(kind: type) -> set[type]:
    return {kind}.union(*(_subclasses(below) for below in kind.__subclasses__()))
