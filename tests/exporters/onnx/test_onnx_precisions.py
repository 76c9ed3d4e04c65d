"""ONNX in float16 and int8: what becomes small and what does not, and that the answers stay."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from small_models import answers, randomise, some_images, spread

from cnnref import data, models
from cnnref.environment import keras, layers, ops
from cnnref.errors import ExportError, InputError
from cnnref.exporters.calibration import Calibration, sample_of
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.float16 import float16_model
from cnnref.exporters.onnx.int8 import filter_scales, int8_model
from cnnref.exporters.onnx.model import onnx_model
from cnnref.exporters.onnx.node_precisions import is_clamp
from cnnref.exporters.onnx.tf2onnx import onnx_model_by_tf2onnx
from cnnref.exporters.tensorflow.graph import serving_module
from cnnref.models.saving import load_model

SHAPE = (24, 32, 3)


def pictures(count: Any, shape: Any = SHAPE) -> Any:
    return np.clip(np.rint(128 + 40 * some_images(shape, count)), 0, 255).astype(np.uint8)


def network(name: Any) -> Any:
    """A network of the registry with random weights, which takes pixels."""
    inside = randomise(models.build(name, SHAPE, classes=7))
    spread(inside, some_images(SHAPE, 8), deviation=4.0)
    image = keras.Input(SHAPE, name="image")
    return keras.Model(image, inside(layers.Rescaling(1 / 40, -128 / 40)(image)))


@pytest.fixture(scope="module", params=["lenet5", "resnet8", "mobilenet_v1_cifar"])
def subject(request: pytest.FixtureRequest) -> Any:
    """A model, images to calibrate with, other images, and what the model says of these."""
    if request.param == "lenet5":
        digits = data.load("digits")
        model = load_model(request.getfixturevalue("run").model)
        return model, sample_of(digits.train_images, "digits"), digits.test_images
    images = pictures(120)
    return network(request.param), Calibration(images[:40], "patches", 0), images[40:]


def written(model: Any, *, layout: Any = "nhwc", opset: Any = 21, **options: Any) -> Any:
    return onnx_model(model, contract_of(model, "net", **options), layout=layout, opset=opset)


def run(made: Any, images: Any, outputs: Any = ("probabilities",), batches: Any = (1, 3, 8)) -> Any:
    """What ONNX Runtime gives, in batches of changing size."""
    session = onnxruntime.InferenceSession(made.SerializeToString())
    results, start, turn = [], 0, 0
    while start < len(images):
        size = batches[turn % len(batches)]
        results.append(session.run(list(outputs), {"image": images[start : start + size]}))
        start, turn = start + size, turn + 1
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def writers(made: Any) -> Any:
    return {name: node for node in made.graph.node for name in node.output}


def weights(made: Any) -> Any:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}


def types(made: Any) -> Any:
    """The element type of every tensor."""
    inferred = onnx.shape_inference.infer_shapes(made).graph
    found = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)}
    return found | {tensor.name: tensor.data_type for tensor in inferred.initializer}


def optimized(made: Any, tmp_path: Path) -> Any:
    """How often ONNX Runtime runs each operator."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(made.SerializeToString(), options)
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)


def assert_same_facts(made: Any, original: Any) -> None:
    assert {entry.key: entry.value for entry in made.metadata_props} == contract_texts(original)
    assert made.producer_name == "cnnref"
    assert made.opset_import == original.opset_import
    for ends in ("input", "output"):
        assert list(getattr(made.graph, ends)) == list(getattr(original.graph, ends))
    assert not any(node.doc_string for node in made.graph.node)


def contract_texts(original: Any) -> Any:
    return {entry.key: entry.value for entry in original.metadata_props}


def small(body: Any, shape: Any = (9, 8, 3)) -> Any:
    """A network of `body` and a dense layer, with random weights that no term can hide behind."""
    image = keras.Input(shape, name="image")
    features = layers.Flatten()(body(layers.Rescaling(1 / 40, -128 / 40)(image)))
    model = randomise(keras.Model(image, layers.Softmax()(layers.Dense(4, name="logits")(features))))
    return spread(model, pictures(8, shape).astype(np.float32))


def test_float16_gives_the_same_answers_in_half_the_bytes(subject: Any) -> None:
    model, _, images = subject
    original = written(model)
    made = float16_model(original)
    expected = answers(model, images.astype(np.float32))
    (found,) = run(made, images.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)
    decided = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 0.01
    assert decided.mean() > 0.8
    np.testing.assert_array_equal(found.argmax(axis=1)[decided], expected.argmax(axis=1)[decided])
    assert len(made.SerializeToString()) <= 0.52 * len(original.SerializeToString())
    assert_same_facts(made, original)
    assert made.SerializeToString(deterministic=True) == float16_model(original).SerializeToString(deterministic=True)


def test_float16_is_inside_and_float32_at_the_ends(subject: Any) -> None:
    made = float16_model(written(subject[0]))
    kinds = types(made)
    for node in made.graph.node:
        given = {kinds[name] for name in node.input if name != "image"}
        if node.op_type in ("Conv", "Gemm"):
            assert given == {TensorProto.FLOAT16}, node.name
        if node.op_type in ("Softmax", "GlobalAveragePool"):
            assert given == {TensorProto.FLOAT}, node.name
    preparing = next(node for node in made.graph.node if node.op_type == "Mul")
    assert {kinds[name] for name in (*preparing.input, *preparing.output)} == {TensorProto.FLOAT}
    assert kinds["probabilities"] == TensorProto.FLOAT


def local_response_norm(x: Any) -> Any:
    squares = ops.pad(ops.square(x), [(0, 0), (0, 0), (0, 0), (1, 1)])
    total = squares[..., :4] + squares[..., 1:5] + squares[..., 2:6]
    return x / (2.0 + 1e-4 * total) ** 0.75


@pytest.mark.parametrize(
    ("body", "opset"),
    # Of opset 13 the reference takes a batch normalization to be in training.
    [("local response", 13), ("local response", 21), ("layer", 13), ("layer", 21), ("batch", 21)],
)
def test_numbers_that_float16_cannot_hold_stay_float32(body: Any, opset: Any) -> None:
    def layer(x: Any) -> Any:
        x = layers.Rescaling(6e-4 if body == "batch" else 400.0)(layers.Conv2D(4, 3)(x))
        if body == "local response":
            return local_response_norm(x)
        if body == "layer":
            return layers.LayerNormalization(epsilon=1e-6)(x)
        return layers.ReLU()(layers.BatchNormalization(epsilon=1e-9)(layers.ReLU()(x)))

    shape = (9, 8, 3)
    model, images = small(layer, shape), pictures(12, shape)
    if body == "batch":
        norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
        values = answers(keras.Model(model.input, norm.input), images.astype(np.float32))
        norm.moving_mean.assign(values.mean(axis=(0, 1, 2)))
        norm.moving_variance.assign(values.var(axis=(0, 1, 2)))
        assert values.var(axis=(0, 1, 2)).min() < 5 * np.finfo(np.float16).smallest_subnormal
        spread(model, images.astype(np.float32))
    made = float16_model(written(model, opset=opset))
    kinds = types(made)
    for node in made.graph.node:
        if node.op_type in ("Pow", "ReduceMean", "Sqrt"):
            assert kinds[node.input[0]] == kinds[node.output[0]] == TensorProto.FLOAT, node.name
    # The reference computes float16 as float16, which ONNX Runtime does not on every processor.
    (found,) = ReferenceEvaluator(made).run(None, {"image": images.astype(np.float32)})
    expected = answers(model, images.astype(np.float32))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


def test_a_node_with_a_constant_beyond_float16_stays_float32() -> None:
    model = small(lambda x: layers.ReLU()(layers.Conv2D(4, 3, name="huge")(x) * 1e5) * 1e-5)
    made = float16_model(written(model))
    assert np.isfinite(run(made, pictures(3, (9, 8, 3)).astype(np.float32))[0]).all()
    assert all(np.isfinite(value).all() for value in weights(made).values())


def test_int8_gives_nearly_the_same_answers_in_a_third_of_the_bytes(
    subject: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    model, calibration, images = subject
    original = written(model)
    made = int8_model(original, calibration, layout="nhwc")
    assert capfd.readouterr() == ("", "")
    expected = answers(model, images.astype(np.float32))
    (found,) = run(made, images.astype(np.float32))
    assert np.abs(found - expected).mean() < 0.02
    decided = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 0.1
    assert decided.mean() > 0.3
    assert np.mean(found.argmax(axis=1)[decided] == expected.argmax(axis=1)[decided]) > 0.98
    assert len(made.SerializeToString()) <= 0.32 * len(original.SerializeToString())
    assert_same_facts(made, original)
    again = int8_model(original, calibration, layout="nhwc")
    assert made.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def test_int8_layers_have_integer_operands_and_one_scale_a_filter(subject: Any) -> None:
    model, calibration, _ = subject
    original = written(model)
    made = int8_model(original, calibration, layout="nhwc")
    constants, made_by = weights(made), writers(made)
    found = [node for node in made.graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(found) == sum(node.op_type in ("Conv", "Gemm") for node in original.graph.node)
    for node in found:
        image, kernel, *bias = [made_by[name] for name in node.input]
        assert {image.op_type, kernel.op_type, *(dequantize.op_type for dequantize in bias)} == {"DequantizeLinear"}
        assert made_by[image.input[0]].op_type == "QuantizeLinear"
        assert constants[image.input[1]].shape == ()
        numbers, scales = constants[kernel.input[0]], constants[kernel.input[1]]
        axis = kernel.attribute[0].i
        assert numbers.dtype == np.int8
        assert axis == (0 if node.op_type == "Conv" else 1)
        assert scales.shape == (numbers.shape[axis],)
        assert [constants[dequantize.input[0]].dtype for dequantize in bias] == [np.int32] * len(bias)
    assert {value.dtype for value in constants.values() if value.ndim > 1 and value.size > 3} == {np.dtype(np.int8)}
    assert made_by[made_by["probabilities"].input[0]].op_type in ("Gemm", "Flatten"), "the last sums are not rounded"
    assert not {"Relu", "Clip"} & {node.op_type for node in made.graph.node}
    quantized = [node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"]
    assert "DequantizeLinear" not in [made_by[name].op_type for name in quantized], "nothing is rounded twice"


def test_onnx_runtime_computes_every_layer_of_an_int8_file_in_integers(subject: Any, tmp_path: Path) -> None:
    model, calibration, _ = subject
    original = written(model)
    count = Counter(node.op_type for node in original.graph.node)
    kinds = optimized(int8_model(original, calibration, layout="nhwc"), tmp_path)
    assert kinds["QLinearConv"] == count["Conv"]
    assert kinds["QGemm"] == count["Gemm"]
    assert kinds["QLinearAdd"] == count["Add"] - 1, "all but that of the preprocessing"
    assert not {"Conv", "FusedConv", "Gemm", "FusedGemm"} & set(kinds)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("opset", [13, 24])
def test_every_opset_and_layout_gives_the_same(opset: Any, layout: Any) -> None:
    shape = (9, 8, 3)
    model = small(lambda x: layers.MaxPooling2D()(layers.Conv2D(6, 3, activation="relu")(x)), shape)
    images = pictures(40, shape)
    calibration = Calibration(images[:20], "patches", 0)
    original, usual = written(model, opset=opset, layout=layout), written(model)
    pixels = images.astype(np.float32)
    fed = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) if layout == "nchw" else pixels
    integer = int8_model(original, calibration, layout=layout), int8_model(usual, calibration, layout="nhwc")
    half = float16_model(original), float16_model(usual)
    for made, reference in (integer, half):
        assert made.opset_import[0].version == opset
        np.testing.assert_allclose(run(made, fed)[0], run(reference, pixels)[0], rtol=0, atol=1e-4)


def test_bytes_in_and_best_classes_out(subject: Any) -> None:
    model, calibration, images = subject
    original = written(model, input_dtype="uint8", top_k=2)
    for made in (float16_model(original), int8_model(original, calibration, layout="nhwc")):
        probabilities, indices, scores = run(made, images[:12], ("probabilities", "top_indices", "top_scores"))
        np.testing.assert_array_equal(scores, np.sort(probabilities, axis=1)[:, :-3:-1])
        np.testing.assert_array_equal(np.take_along_axis(probabilities, indices, axis=1), scores)
        assert probabilities.dtype == scores.dtype == np.float32
        assert_same_facts(made, original)


@pytest.mark.parametrize("make", [float16_model, lambda made: int8_model(made, some_noise(), layout="nhwc")])
def test_plain_sums_and_a_single_sigmoid_come_out_as_float32(make: Any) -> None:
    image = keras.Input((6, 5, 3), name="image")
    sums = layers.Dense(1, activation=None, name="logits")(layers.Flatten()(layers.Conv2D(4, 3)(image)))
    for result in (sums, layers.Activation("sigmoid")(sums)):
        model = randomise(keras.Model(image, result))
        expected = answers(model, some_noise().images.astype(np.float32))
        (found,) = run(make(written(model)), some_noise().images.astype(np.float32))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.02 * max(1, np.abs(expected).max()))


def some_noise(count: Any = 16) -> Any:
    return Calibration(pictures(count, (6, 5, 3)), "patches", 0)


def test_an_image_that_no_one_prepares_is_quantized_as_it_is() -> None:
    image = keras.Input((6, 5, 3), name="image")
    model = randomise(keras.Model(image, layers.Dense(3, activation="softmax", name="last")(layers.Flatten()(image))))
    model.get_layer("last").kernel.assign(model.get_layer("last").kernel * 0.05)
    made = int8_model(written(model, layout="nchw"), some_noise(), layout="nchw")
    first = made.graph.node[0]
    assert (first.op_type, first.input[0]) == ("QuantizeLinear", "image")
    assert (weights(made)[first.input[1]], weights(made)[first.input[2]]) == (1, 0), "a step is one level"
    pixels = some_noise().images.astype(np.float32)
    (found,) = run(made, np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(found, answers(model, pixels), atol=0.05)


def test_ranges_are_those_of_the_calibration_images() -> None:
    model = small(lambda x: layers.Conv2D(4, 3, activation="relu")(x))
    images = pictures(20, (9, 8, 3))
    prepared = (images / 40 - 128 / 40).astype(np.float32)
    made = int8_model(written(model), Calibration(images, "patches", 0), layout="nhwc")
    first = next(node for node in made.graph.node if node.op_type == "QuantizeLinear")
    step, zero = (weights(made)[name] for name in first.input[1:])
    np.testing.assert_allclose(step * 255, np.ptp(prepared), rtol=1e-5)
    np.testing.assert_allclose(-step * float(zero), prepared.min(), atol=step / 2)
    darker = int8_model(written(model), Calibration(images // 2, "patches", 0), layout="nhwc")
    assert weights(darker)[first.input[1]] < step


def test_what_only_moves_numbers_keeps_their_scale() -> None:
    def body(x: Any) -> Any:
        x = layers.Conv2D(4, 3, activation="relu")(x)
        return layers.Conv2D(4, 1)(layers.MaxPooling2D()(layers.ZeroPadding2D(1)(x[:, 1:])))

    made = int8_model(written(small(body)), Calibration(pictures(8, (9, 8, 3)), "patches", 0), layout="nhwc")
    made_by = writers(made)
    moved = [node for node in made.graph.node if node.op_type in ("Slice", "Pad", "MaxPool")]
    assert len(moved) == 3
    for node in moved:
        behind = next(other for other in made.graph.node if node.output[0] in other.input)
        assert behind.input[1:] == made_by[node.input[0]].input[1:]


def test_padding_with_a_number_gets_a_scale_of_its_own() -> None:
    def body(x: Any) -> Any:
        padded = ops.pad(layers.Conv2D(4, 3)(x), [(0, 0), (1, 0), (0, 0), (0, 0)], constant_values=20.0)
        return layers.Conv2D(4, 1)(padded)

    model, images = small(body), pictures(30, (9, 8, 3))
    made = int8_model(written(model), Calibration(images[:20], "patches", 0), layout="nhwc")
    (found,) = run(made, images.astype(np.float32))
    np.testing.assert_allclose(found, answers(model, images.astype(np.float32)), rtol=0, atol=0.1)


def test_a_clip_that_begins_above_zero_is_no_end_of_a_range() -> None:
    constants = {str(number): numpy_helper.from_array(np.float32(number), str(number)) for number in (-1, 0, 1, 6)}
    for low, clamps in (("-1", True), ("0", True), ("1", False), ("computed", False), ("", True)):
        assert is_clamp(helper.make_node("Clip", ["x", low, "6"], ["y"]), constants) == clamps
    assert is_clamp(helper.make_node("Relu", ["x"], ["y"]), constants)
    assert not is_clamp(helper.make_node("Tanh", ["x"], ["y"]), constants)


def test_squares_are_not_summed_in_integers() -> None:
    model = small(lambda x: layers.Conv2D(4, 1)(local_response_norm(layers.Conv2D(4, 3)(x))))
    made = int8_model(written(model), Calibration(pictures(8, (9, 8, 3)), "patches", 0), layout="nhwc")
    made_by = writers(made)
    sums = [node for node in made.graph.node if node.op_type == "Add"]
    assert len(sums) == 4, "one of the preprocessing, two of squares, and that of the constant"
    assert "DequantizeLinear" not in [made_by[name].op_type for node in sums for name in node.input if name in made_by]


def test_gates_become_integers_and_swish_does_not() -> None:
    def body(x: Any) -> Any:
        x = layers.Conv2D(4, 3, activation="silu")(x)
        gate = layers.Conv2D(4, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        return layers.Conv2D(4, 1)(layers.Multiply(name="weighed")([x, gate]))

    made = int8_model(written(small(body)), Calibration(pictures(8, (9, 8, 3)), "patches", 0), layout="nhwc")
    made_by = writers(made)
    gate = next(node for node in made.graph.node if node.name == "weighed")
    assert [made_by[name].op_type for name in gate.input] == ["DequantizeLinear"] * 2
    swish = next(node for node in made.graph.node if node.op_type == "Mul" and "silu" in node.name)
    assert "Sigmoid" in [made_by[name].op_type for name in swish.input]


def test_what_tf2onnx_writes_becomes_small_too(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        x = layers.ReLU(6.0)(layers.Conv2D(4, 3)(x))
        return layers.Dense(8, activation="tanh")(layers.Flatten()(layers.ReLU(6.0)(layers.Conv2D(4, 3)(x))))

    model, images = small(body), pictures(60, (9, 8, 3))
    contract = contract_of(model, "net")
    original = onnx_model_by_tf2onnx(serving_module(model, contract), contract, opset=18, layout="nhwc")
    expected = answers(model, images.astype(np.float32))
    integer = int8_model(original, Calibration(images[:30], "patches", 0), layout="nhwc")
    for made, limit in ((float16_model(original), 0.005), (integer, 0.1)):
        np.testing.assert_allclose(run(made, images.astype(np.float32))[0], expected, rtol=0, atol=limit)
    kinds = optimized(integer, tmp_path)
    assert (kinds["QLinearConv"], kinds["QLinearMatMul"]) == (2, 1)
    assert writers(integer)[writers(integer)["probabilities"].input[0]].op_type == "Add", (
        "the last sums are not rounded"
    )


def test_dead_filters_and_constant_maps_give_no_nan() -> None:
    model = small(lambda x: layers.Conv2D(4, 1)(layers.ReLU()(layers.Conv2D(4, 3, name="dead")(x))))
    kernel, bias = model.get_layer("dead").get_weights()
    kernel[..., :2], bias[:] = 0, [3, -3, 0, 0]
    images = pictures(12, (9, 8, 3))
    for factor in (1, 0):
        model.get_layer("dead").set_weights([kernel * factor, bias])
        made = int8_model(written(model), Calibration(images, "patches", 0), layout="nhwc")
        (found,) = run(made, images.astype(np.float32))
        np.testing.assert_allclose(found, answers(model, images.astype(np.float32)), rtol=0, atol=0.05)
    model.get_layer("dead").set_weights([kernel * 0, bias * 0])
    made = int8_model(written(model), Calibration(images, "patches", 0), layout="nhwc")
    assert np.isfinite(run(made, images.astype(np.float32))[0]).all()


@settings(max_examples=60, deadline=None)
@given(
    filters=arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-8, 8, width=32)),
    step=st.floats(1e-4, 10),
    data=st.data(),
)
def test_integer_weights_fit_and_so_do_their_sums(filters: Any, step: Any, data: Any) -> None:
    bias = data.draw(arrays(np.float32, len(filters), elements=st.floats(-100, 100, width=32)))
    scale = filter_scales(filters, bias, step)
    assert (scale > 0).all()
    integers = np.rint(filters / scale[:, None])
    assert np.abs(integers).max() <= 127
    for side in (integers, -integers):
        assert np.sort(side.clip(0), axis=1)[:, -2:].sum(axis=1).max() <= 128
    assert np.abs(bias / (step * scale.astype(np.float64))).max() <= 2**30
    assert np.abs(integers * scale[:, None] - filters).max() <= scale.max() / 2 * (1 + 1e-5)


def test_a_scale_is_no_coarser_than_it_must_be() -> None:
    filters = np.array([[127, 1, -1], [90, 38, -127], [64, 64, 0], [127, 127, 0]], np.float32)
    np.testing.assert_allclose(filter_scales(filters, np.zeros(4), 1.0), [1, 1, 1, 254 / 128], rtol=1e-5)


def test_damaged_weights_are_named() -> None:
    model = small(lambda x: layers.Conv2D(4, 3, name="damaged", activation="relu")(x))
    layer = model.get_layer("damaged")
    layer.set_weights([value + np.inf for value in layer.get_weights()])
    images = pictures(4, (9, 8, 3))
    with pytest.raises(ExportError, match=re.escape("no finite numbers")):
        int8_model(written(model), Calibration(images, "patches", 0), layout="nhwc")


def test_calibration_images_of_another_size_are_refused() -> None:
    model = small(lambda x: layers.Conv2D(4, 3)(x))
    with pytest.raises(InputError, match="9, 8, 3"):
        int8_model(written(model), replace(some_noise()), layout="nhwc")
