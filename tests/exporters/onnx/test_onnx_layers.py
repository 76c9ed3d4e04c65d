"""Every layer that the emitter writes computes in ONNX Runtime what it computes in Keras."""

from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.environment import keras, layers, ops
from cnnref.errors import NoFormError
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import OPSETS, onnx_model


def session(written: Any) -> Any:
    return onnxruntime.InferenceSession(written.SerializeToString())


def both(body: Any, shape: Any = (9, 7, 3), opset: Any = 21, layout: Any = "nhwc") -> Any:
    """Outputs of Keras and of ONNX Runtime for a network of `body` and a dense layer, with random weights."""
    image = keras.Input(shape, name="image")
    model = keras.Model(image, layers.Dense(4, name="last")(layers.Flatten(name="flat")(body(image))))
    random = np.random.default_rng(0)
    for weight in model.weights:
        value = random.normal(size=weight.shape).astype(np.float32) / max(1, np.sqrt(np.prod(weight.shape[:-1])))
        weight.assign(0.5 + np.abs(value) if weight.name == "moving_variance" else value)
    x = random.uniform(-1, 1, (3, *shape)).astype(np.float32)
    written = onnx_model(model, contract_of(model, "net"), opset=opset, layout=layout)
    fed = x.transpose(0, 3, 1, 2) if layout == "nchw" else x
    return model.predict_on_batch(x), session(written).run(["probabilities"], {"image": fed})[0], written


def assert_same(body: Any, **options: Any) -> None:
    expected, found, _ = both(body, **options)
    assert np.abs(expected).max() > 1e-3, "a network that gives nothing proves nothing"
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["valid", "same"]),
    groups=st.sampled_from([1, 3]),
    bias=st.booleans(),
)
def test_convolution(kernel: Any, stride: Any, dilation: Any, padding: Any, groups: Any, bias: Any) -> None:
    if stride > 1:
        dilation = 1  # Keras allows only one of the two
    options = {"padding": padding, "dilation_rate": dilation, "groups": groups, "use_bias": bias}
    assert_same(lambda x: layers.Conv2D(6, kernel, stride, **options)(x))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["plain", "grouped", "depthwise", "separable"]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    margin=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
    padding=st.sampled_from(["valid", "same"]),
    bias=st.booleans(),
    norm=st.fixed_dictionaries(
        {"center": st.booleans(), "scale": st.booleans(), "epsilon": st.sampled_from([1e-5, 1e-3, 0.5])}
    ),
)
def test_a_convolution_takes_in_padding_and_batch_norm(
    kind: Any, kernel: Any, stride: Any, dilation: Any, margin: Any, padding: Any, bias: Any, norm: Any
) -> None:
    window = {
        "kernel_size": kernel,
        "strides": stride,
        "padding": padding,
        "dilation_rate": dilation if stride == 1 else 1,
        "use_bias": bias,
    }
    make = {
        "plain": lambda: layers.Conv2D(6, **window),
        "grouped": lambda: layers.Conv2D(6, groups=3, **window),
        "depthwise": lambda: layers.DepthwiseConv2D(depth_multiplier=2, **window),
        "separable": lambda: layers.SeparableConv2D(5, depth_multiplier=2, **window),
    }[kind]

    def body(x: Any) -> Any:
        return layers.BatchNormalization(**norm)(make()(layers.ZeroPadding2D(margin)(x)))

    expected, found, written = both(body)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    kinds = Counter(node.op_type for node in written.graph.node)
    assert kinds == Counter(Transpose=1, Conv=1 + (kind == "separable"), Flatten=1, Gemm=1)


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["MaxPooling2D", "AveragePooling2D"]),
    size=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
def test_pooling(kind: Any, size: Any, stride: Any, padding: Any) -> None:
    assert_same(lambda x: getattr(layers, kind)(size, stride, padding=padding)(x))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid", "tanh", "elu", "softplus", "linear"])
def test_activation_inside_a_layer_and_as_a_layer(name: str) -> None:
    assert_same(lambda x: layers.Conv2D(5, 3, activation=name)(x))
    assert_same(lambda x: layers.Activation(name)(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.ReLU(),
        lambda: layers.ReLU(max_value=0.5),
        lambda: layers.LeakyReLU(0.1),
        lambda: layers.Dropout(0.5),
        lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
        lambda: layers.Rescaling(2.0, -0.5),
        lambda: layers.Rescaling([0.5, 2.0, 3.0], [-1.0, 0.0, 1.0]),
    ],
)
def test_layer(make: Any) -> None:
    assert_same(lambda x: make()(x))


def test_softmax_layer_at_the_end() -> None:
    image = keras.Input((4, 4, 1), name="image")
    model = keras.Model(image, layers.Softmax()(layers.Dense(5)(layers.Flatten()(image))))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 1)).astype(np.float32)
    written = onnx_model(model, contract_of(model, "net"))
    np.testing.assert_allclose(session(written).run(None, {"image": x})[0], model.predict_on_batch(x), atol=1e-6)


def test_flattened_maps_as_the_output_keep_keras_order() -> None:
    image = keras.Input((3, 4, 3), name="image")
    model = keras.Model(image, layers.Flatten()(layers.Conv2D(2, 1)(image)))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4, 3)).astype(np.float32)
    written = onnx_model(model, contract_of(model, "net"))
    np.testing.assert_allclose(session(written).run(None, {"image": x})[0], model.predict_on_batch(x), atol=1e-6)


def test_a_dense_layer_after_another_is_not_reordered() -> None:
    image = keras.Input((3, 2, 3), name="image")
    hidden = layers.Dense(6, activation="tanh")(layers.Dropout(0.1)(layers.Flatten()(image)))
    model = keras.Model(image, layers.Dense(4)(hidden))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 2, 3)).astype(np.float32)
    written = onnx_model(model, contract_of(model, "net"))
    np.testing.assert_allclose(session(written).run(None, {"image": x})[0], model.predict_on_batch(x), atol=1e-6)


def test_nested_and_sequential_models() -> None:
    inner = keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(4, 3), layers.ReLU()], name="inner")
    assert_same(lambda x: inner(x))
    outer = keras.Sequential([keras.Input((9, 7, 3)), inner, layers.Flatten(), layers.Dense(2)])
    assert len(onnx_model(outer, contract_of(outer, "net")).graph.node) == 5


@pytest.mark.parametrize("opset", [OPSETS[0], 17, OPSETS[-1]])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_opsets_and_layouts(opset: Any, layout: Any) -> None:
    def body(x: Any) -> Any:
        return layers.AveragePooling2D(2, padding="same")(layers.Conv2D(4, 3, padding="same", activation="tanh")(x))

    expected, found, written = both(body, opset=opset, layout=layout)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert written.opset_import[0].version == opset
    kinds = [node.op_type for node in written.graph.node]
    assert kinds.count("Transpose") == (1 if layout == "nhwc" else 0)


def refused(layer: Any) -> Any:
    image = keras.Input((6, 6, 3), name="image")
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(layer(image))))
    with pytest.raises(NoFormError) as error:
        onnx_model(model, contract_of(model, "net"))
    return str(error.value)


class WithTensorFlow(layers.Layer):
    """Computes with another library than Keras."""

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.nn.relu(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def test_a_layer_that_is_not_computed_with_keras_is_named() -> None:
    message = refused(WithTensorFlow(name="odd_one"))
    assert "odd_one" in message
    assert "WithTensorFlow" in message
    assert len(message.splitlines()) == 1


def test_an_operation_without_a_form_is_named_with_its_layer() -> None:
    message = refused(layers.TimeDistributed(layers.Activation(ops.erfinv), name="odd_one"))
    assert "odd_one" in message
    assert "Erfinv" in message


def test_an_activation_of_ones_own_is_taken_apart() -> None:
    assert_same(lambda x: layers.Conv2D(2, 3, activation=lambda y: y * ops.tanh(y))(x))


def test_a_subclass_is_not_taken_for_its_base() -> None:
    class Conv2D(layers.Conv2D):
        def call(self, x: Any) -> Any:
            return super().call(x) * 2

    assert_same(lambda x: Conv2D(2, 3)(x))


@pytest.mark.parametrize(
    "body",
    [
        lambda x: ops.pad(x, [(0, 0), (2, 2), (0, 0), (0, 0)], mode="symmetric"),
        lambda x: layers.Reshape((8, 9, 3))(x),
        lambda x: layers.Reshape((3, 3, 3))(layers.Dense(27)(layers.Flatten()(x))),
        lambda x: ops.transpose(ops.reshape(x, (-1, 9, 8, 3, 1)), (0, 2, 1, 3, 4)),
        lambda x: layers.ReLU()(ops.reshape(x, (-1, 9, 8, 3, 1))),
        lambda x: ops.multiply(x, np.array([1, 2, 3], np.float32)),
        lambda x: ops.multiply(x, layers.Dense(3)(ops.max(x, (1, 2)))[:, None, None]),
        lambda x: layers.Dense(216)(layers.Flatten()(x)) * layers.Flatten()(x),
        lambda x: ops.add(x, layers.Reshape((8, 3))(x[:, :1])[:, None]),
        lambda x: x[:, ::-1],
        lambda x: x[..., 0],
        lambda x: layers.Flatten()(x)[:, :5],
        lambda x: layers.BatchNormalization(axis=1)(x),
        lambda x: layers.LayerNormalization(axis=(1, 2, 3))(x),
        lambda x: layers.UpSampling2D(interpolation="bilinear")(x),
        lambda x: layers.ReLU(negative_slope=0.1)(x),
        lambda x: ops.roll(x, 1, axis=1),
    ],
)
def test_what_has_no_node_of_its_own_is_written_with_several(body: Any) -> None:
    assert_same(body, shape=(9, 8, 3))
