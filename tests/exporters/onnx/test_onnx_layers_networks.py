"""What the architectures are made of computes the same in Keras, in ONNX (three opsets) and in TFLite."""

from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from cnnref.environment import keras, layers, ops
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model
from cnnref.exporters.tensorflow.graph import serving_function, serving_module
from cnnref.exporters.tensorflow.tflite import tflite_model

SHAPE = (9, 8, 3)
CHANNELS = 8


def conv(x: Any, *arguments: Any, **options: Any) -> Any:
    return layers.Conv2D(*arguments, **options)(x)


def depthwise(x: Any, *arguments: Any, **options: Any) -> Any:
    return layers.DepthwiseConv2D(*arguments, **options)(x)


def norm(x: Any, **options: Any) -> Any:
    return layers.BatchNormalization(**options)(x)


def relu(x: Any, limit: Any = None) -> Any:
    return layers.ReLU(limit)(x)


def add(*tensors: Any) -> Any:
    return layers.Add()(tensors)


def join(*tensors: Any) -> Any:
    return layers.Concatenate()(tensors)


def flat(x: Any) -> Any:
    return layers.Flatten()(x)


def mean(x: Any, **options: Any) -> Any:
    return layers.GlobalAveragePooling2D(**options)(x)


def max_pool(x: Any, size: Any = 3, stride: Any = 2, **options: Any) -> Any:
    return layers.MaxPooling2D(size, stride, **options)(x)


def zeros(x: Any, margin: Any = 1) -> Any:
    return layers.ZeroPadding2D(margin)(x)


def mirrored(x: Any) -> Any:
    return ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="symmetric")


def twice(x: Any, both: Any) -> Any:
    return both(x)


def local_response_norm(x: Any) -> Any:
    squares = ops.pad(ops.square(x), [(0, 0), (0, 0), (0, 0), (2, 2)])
    total = squares[..., :CHANNELS]
    for shift in range(1, 5):
        total = total + squares[..., shift : shift + CHANNELS]
    return x / (2.0 + 0.3 * total) ** 0.75


def shuffle(x: Any, groups: Any = 2) -> Any:
    _, height, width, channels = x.shape
    x = ops.transpose(ops.reshape(x, (-1, height, width, groups, channels // groups)), (0, 1, 2, 4, 3))
    return ops.reshape(x, (-1, height, width, channels))


def squeeze_excite(x: Any, squeezed: Any) -> Any:
    return layers.Multiply()([x, conv(conv(squeezed, 2, 1, activation="relu"), CHANNELS, 1, activation="hard_sigmoid")])


def conv_next_block(x: Any) -> Any:
    y = layers.LayerNormalization(epsilon=1e-6)(depthwise(x, 7, padding="same"))
    y = conv(layers.Activation("gelu")(conv(y, 16, 1)), CHANNELS, 1)
    return add(x, depthwise(y, 1, use_bias=False))


def nothing(x: Any) -> Any:
    x = layers.SpatialDropout2D(0.1)(layers.Dropout(0.5, noise_shape=(None, 1, 1, 1))(x))
    return layers.GaussianDropout(0.1)(layers.GaussianNoise(0.1)(x))


LAYER_NORM = "ReduceMean Sub Mul ReduceMean Add Sqrt Div"
LRN = "Mul Pad Slice Slice Add Slice Add Slice Add Slice Add Mul Add Pow Div"
MIXED = "Flatten Flatten Gemm Reshape Transpose Flatten Add GlobalAveragePool Flatten Concat"

#: Small networks on maps with negative values, and the ONNX nodes that they become with opset 21.
NETWORKS = {
    "conv, batch norm": (lambda x: norm(conv(x, 6, 3, use_bias=False)), "Conv"),
    "conv with bias, batch norm, relu": (lambda x: relu(norm(conv(x, 6, 3))), "Conv Relu"),
    "grouped conv, batch norm": (lambda x: norm(conv(x, 6, 3, groups=2), epsilon=0.1), "Conv"),
    "depthwise, batch norm": (lambda x: norm(depthwise(x, 3, 2, depth_multiplier=2)), "Conv"),
    "separable, batch norm": (lambda x: norm(layers.SeparableConv2D(6, 3, 2, "same")(x)), "Conv Conv"),
    "batch norm without scale": (lambda x: norm(conv(x, 6, 1), scale=False), "Conv"),
    "batch norm without center": (lambda x: norm(conv(x, 6, 1), center=False), "Conv"),
    "dropout between does not hinder": (lambda x: norm(layers.Dropout(0.5)(conv(x, 6, 1))), "Conv"),
    "activation before batch norm": (lambda x: norm(conv(x, 6, 1, activation="relu")), "Conv Relu BatchNormalization"),
    "pre-activation": (lambda x: conv(relu(norm(relu(x))), 4, 3), "Relu BatchNormalization Relu Conv"),
    "conv read twice": (lambda x: twice(conv(x, 4, 3), lambda y: add(y, norm(y))), "Conv BatchNormalization Add"),
    "dropped conv read twice": (
        lambda x: twice(conv(x, 4, 3), lambda y: add(y, norm(layers.Dropout(0.1)(y)))),
        "Conv BatchNormalization Add",
    ),
    "dense, batch norm": (lambda x: norm(layers.Dense(5)(flat(x))), "Flatten Gemm"),
    "batch norm of flattened maps": (lambda x: norm(flat(x)), "Flatten BatchNormalization"),
    "dense on maps, batch norm": (lambda x: norm(layers.Dense(5)(x)), "Conv"),
    "layer norm": (lambda x: layers.LayerNormalization()(x), f"{LAYER_NORM} Mul Add"),
    "bare layer norm": (lambda x: layers.LayerNormalization(scale=False, center=False)(x), LAYER_NORM),
    "layer norm of a vector": (
        lambda x: layers.LayerNormalization(epsilon=1e-6)(mean(x)),
        "GlobalAveragePool Flatten LayerNormalization",
    ),
    "layer norm of flattened maps": (lambda x: layers.LayerNormalization()(flat(x)), "Flatten LayerNormalization"),
    "residual block": (lambda x: relu(add(x, norm(conv(x, CHANNELS, 3, padding="same")))), "Conv Add Relu"),
    "three addends": (lambda x: add(x, relu(x), relu(x, 6)), "Relu Clip Add Add"),
    "strided shortcut, more channels": (
        lambda x: ops.pad(x[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (2, 2)]),
        "Slice Pad",
    ),
    "slices of channels": (lambda x: ops.multiply(x[..., 2:5], x[:, :, :, 5:]), "Slice Slice Mul"),
    "slice of a vector": (lambda x: layers.Dense(6)(mean(x))[:, 1:-1], "GlobalAveragePool Flatten Gemm Slice"),
    "the whole slice is nothing": (lambda x: relu(x[:, :, :, :CHANNELS]), "Relu"),
    "concatenate": (lambda x: join(x, relu(x), x[..., :3]), "Relu Slice Concat"),
    "concatenate rows": (lambda x: ops.concatenate([x, relu(x)], axis=1), "Relu Concat"),
    "squeeze and excite": (
        lambda x: squeeze_excite(x, mean(x, keepdims=True)),
        "GlobalAveragePool Conv Relu Conv HardSigmoid Mul",
    ),
    "squeeze and excite, reshaped": (
        lambda x: squeeze_excite(x, layers.Reshape((1, 1, CHANNELS))(mean(x))),
        "GlobalAveragePool Flatten Reshape Conv Relu Conv HardSigmoid Mul",
    ),
    "global max pooling": (lambda x: layers.GlobalMaxPooling2D()(x), "GlobalMaxPool Flatten"),
    "global max pooling, maps": (lambda x: layers.GlobalMaxPooling2D(keepdims=True)(x), "GlobalMaxPool"),
    "channel shuffle": (shuffle, "Reshape Transpose Reshape"),
    "shuffle unit": (
        lambda x: shuffle(join(x[..., :4], conv(x[..., 4:], 4, 1)), groups=4),
        "Slice Slice Conv Concat Reshape Transpose Reshape",
    ),
    "local response normalization": (local_response_norm, LRN),
    "ConvNeXt block": (conv_next_block, f"Conv {LAYER_NORM} Mul Add Conv Gelu Conv Conv Add"),
    "numbers on the left": (lambda x: 1.5 - 2 * x / (3 + ops.square(x)), "Mul Mul Add Div Sub"),
    "cropping": (lambda x: layers.Cropping2D(((1, 2), (0, 3)))(x), "Slice"),
    "zeros, conv": (lambda x: conv(zeros(x, ((0, 1), (2, 1))), 4, 3, 2), "Conv"),
    "zeros, depthwise, batch norm": (lambda x: norm(depthwise(zeros(x), 3, 2)), "Conv"),
    "zeros read twice": (
        lambda x: twice(zeros(x), lambda y: add(y[..., :2], conv(y, 2, 3, padding="same"))),
        "Pad Slice Conv Add",
    ),
    "other numbers, conv": (
        lambda x: conv(ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=1.5), 2, 3),
        "Pad Conv",
    ),
    "zeros, max pooling": (lambda x: max_pool(zeros(x)), "Pad MaxPool"),
    "relu, zeros, max pooling": (lambda x: max_pool(zeros(relu(x, 6))), "Clip MaxPool"),
    "relus joined, zeros, max pooling": (
        lambda x: max_pool(zeros(join(relu(x), relu(-1 * x)), ((0, 1), (0, 2)))),
        "Relu Mul Relu Concat MaxPool",
    ),
    "relu joined with more, zeros, max pooling": (
        lambda x: max_pool(zeros(join(relu(x), x))),
        "Relu Concat Pad MaxPool",
    ),
    "zeros as wide as the window": (lambda x: max_pool(zeros(relu(x), 2), 2), "Relu Pad MaxPool"),
    "zeros, average pooling": (lambda x: layers.AveragePooling2D(3, 2)(zeros(x)), "Pad AveragePool"),
    "mirrored row, max pooling": (lambda x: max_pool(mirrored(x)), "MaxPool"),
    "mirrored row, same max pooling": (lambda x: max_pool(mirrored(x), 4, padding="same"), "MaxPool"),
    "mirrored row, conv": (lambda x: conv(mirrored(x), 2, 3), "Pad Conv"),
    "reflected rows": (lambda x: ops.pad(x, [(0, 0), (2, 1), (0, 3), (0, 0)], mode="reflect"), "Pad"),
    "nothing in inference": (nothing, ""),
    "upsampling": (lambda x: layers.UpSampling2D((2, 3))(x), "Resize"),
    "permute": (lambda x: conv(layers.Permute((3, 1, 2))(x), 2, 3), "Transpose Conv"),
    "vectors in different order": (lambda x: join(add(flat(x), layers.Dense(576)(flat(x))), mean(x)), MIXED),
    "flattened twice and back": (lambda x: layers.Reshape((9, 8, 8))(flat(flat(x))), "Flatten Reshape"),
    "conv with relu6": (lambda x: conv(x, 4, 3, activation="relu6"), "Conv Clip"),
    "conv with silu": (lambda x: conv(x, 4, 3, activation="silu"), "Conv Sigmoid Mul"),
    "conv with hard_silu": (lambda x: conv(x, 4, 3, activation="hard_silu"), "Conv HardSwish"),
    "conv with hard_sigmoid": (lambda x: conv(x, 4, 3, activation="hard_sigmoid"), "Conv HardSigmoid"),
    "conv with gelu": (lambda x: conv(x, 4, 3, activation="gelu"), "Conv Gelu"),
    "conv with sigmoid": (lambda x: conv(x, 4, 3, activation="sigmoid"), "Conv Sigmoid"),
}


def randomize(model: Any, random: Any) -> None:
    for weight in model.weights:
        fan_in = max(1, np.prod(weight.shape[:-1]))
        if weight.name == "moving_variance":
            value = random.uniform(0.5, 2, weight.shape)
        elif weight.name == "gamma":
            value = random.uniform(-2, 2, weight.shape)
        else:
            value = random.normal(size=weight.shape) / (np.sqrt(fan_in) if "kernel" in weight.name else 2)
        weight.assign(value.astype(np.float32))


def ended(x: Any) -> Any:
    return layers.Dense(4)(x if len(x.shape) == 2 else layers.Flatten()(x))


class Bench:
    """All the networks behind one convolution, side by side in one model."""

    def __init__(self) -> None:
        self.image = keras.Input(SHAPE, name="image")
        x = layers.Conv2D(CHANNELS, 3, padding="same", name="stem")(self.image)
        self.outputs = {name: ended(body(x)) for name, (body, _) in NETWORKS.items()}
        self.model = keras.Model(self.image, layers.Concatenate()(list(self.outputs.values())))
        random = np.random.default_rng(0)
        randomize(self.model, random)
        self.x = random.uniform(-2, 2, (3, *SHAPE)).astype(np.float32)
        joined = np.asarray(self.model(self.x, training=False))
        self.expected = dict(zip(NETWORKS, np.split(joined, len(NETWORKS), axis=1), strict=True))

    def written(self, name: Any, opset: Any = 21, **options: Any) -> Any:
        model = keras.Model(self.image, self.outputs[name])
        return onnx_model(model, contract_of(model, "net"), opset=opset, **options)


@pytest.fixture(scope="module")
def bench() -> Any:
    return Bench()


def converted(model: Any, x: Any) -> Any:
    """Operators and outputs of a model written as TFLite."""
    contract = contract_of(model, "networks")
    interpreter = Interpreter(model_content=tflite_model(serving_function(serving_module(model, contract)), contract))
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, x)
    interpreter.invoke()
    return {operation["op_name"] for operation in interpreter._get_ops_details()}, interpreter.get_tensor(result)


@pytest.fixture(scope="module")
def lite(bench: Any) -> Any:
    """Operators and outputs of the same networks in one TFLite file."""
    model = keras.Model(bench.image, layers.Concatenate()(list(bench.outputs.values())))
    kinds, joined = converted(model, bench.x)
    return kinds, dict(zip(bench.outputs, np.split(joined, len(bench.outputs), axis=1), strict=True))


def run(written: Any, x: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(written.SerializeToString(), options).run(None, {"image": x})[0]


def assert_close(found: Any, expected: Any) -> None:
    scale = np.abs(expected).max()
    assert scale > 1e-2, "a network that gives nothing proves nothing"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_computes_what_keras_computes(bench: Any, name: str) -> None:
    for opset in (13, 18, 21):
        assert_close(run(bench.written(name, opset), bench.x), bench.expected[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_tflite_computes_what_keras_computes(bench: Any, lite: Any, name: str) -> None:
    assert_close(lite[1][name], bench.expected[name])


def test_tflite_needs_no_tensorflow_operator(lite: Any) -> None:
    assert not [kind for kind in lite[0] if "flex" in kind.lower() or "custom" in kind.lower()]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_node_is_written_that_is_not_needed(bench: Any, name: str) -> None:
    found = [node.op_type for node in bench.written(name).graph.node]
    assert found[:2] == ["Transpose", "Conv"]
    assert found[-1] == "Gemm"
    found = found[2:-1]
    if found[-1:] == ["Flatten"]:
        assert found.pop() == "Flatten"
    expected = NETWORKS[name][1].split()
    if expected[-1:] == ["Flatten"]:
        expected.pop()
    assert Counter(found) == Counter(expected)


def test_every_weight_that_is_written_is_read(bench: Any) -> None:
    for name in NETWORKS:
        graph = bench.written(name).graph
        read = {given for node in graph.node for given in node.input}
        assert {weight.name for weight in graph.initializer} == read & {weight.name for weight in graph.initializer}


def test_channels_first_input_leaves_no_transpose(bench: Any) -> None:
    kinds = [node.op_type for node in bench.written("ConvNeXt block", layout="nchw").graph.node]
    assert "Transpose" not in kinds
