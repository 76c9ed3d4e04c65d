"""Every model that is listed, with random weights and statistics: ONNX and TFLite compute what Keras computes."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from small_models import answers, forget, randomise, small_shape, some_images, spread

from cnnref import models
from cnnref.export.calibration import Calibration
from cnnref.export.contract import contract_of
from cnnref.export.onnx_file import onnx_model
from cnnref.export.onnx_float16 import float16_model
from cnnref.export.onnx_int8 import int8_model
from cnnref.export.saved_model import write_saved_model
from cnnref.export.tensorflow_graph import frozen, serving_module
from cnnref.export.tflite import tflite_model
from cnnref.runtimes.inspection import structure


@pytest.fixture(scope="module", params=models.list_models())
def model(request):
    """Built small, as in the tests of the models."""
    yield randomise(models.build(request.param, small_shape(request.param), classes=7))
    forget()


@pytest.fixture(scope="module")
def images(model):
    images = some_images(model.input_shape[1:])
    spread(model, images)
    return images


@pytest.fixture(scope="module")
def expected(model, images):
    probabilities = answers(model, images)
    assert np.ptp(probabilities) > 0.1, "probabilities that say nothing prove nothing"
    assert np.abs(probabilities[0] - probabilities[1]).max() > 1e-3, "images that look alike prove nothing"
    return probabilities


def test_onnx_computes_the_same_with_one_transpose_and_nothing_left_to_fold(model, images, expected):
    written = onnx_model(model, contract_of(model, model.name))
    session = onnxruntime.InferenceSession(written.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"image": images})[0], expected, rtol=0, atol=1e-5)
    kinds = Counter(node.op_type for node in written.graph.node)
    shuffles = len([operation for operation in model.operations if operation.name.endswith("_shuffle_turned")])
    assert kinds["Transpose"] == 1 + shuffles
    nchw = onnx_model(model, contract_of(model, model.name), layout="nchw")
    assert Counter(node.op_type for node in nchw.graph.node)["Transpose"] == shuffles
    assert not {"Shape", "Gather", "Dropout", "Identity"} & set(kinds)
    producers = {output: node.op_type for node in written.graph.node for output in node.output}
    readers = Counter(name for node in written.graph.node for name in node.input)
    for node in written.graph.node:
        if node.op_type == "BatchNormalization":
            alone = readers[node.input[0]] == 1
            assert not (alone and producers[node.input[0]] in ("Conv", "Gemm")), node.name


@pytest.fixture(scope="module")
def module(model):
    return serving_module(model, contract_of(model, model.name))


@pytest.fixture(scope="module")
def function(module):
    return frozen(module)


def run(content, images):
    interpreter = Interpreter(model_content=content)
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, images)
    interpreter.invoke()
    return interpreter.get_tensor(result)


def test_tflite_computes_the_same_in_one_xnnpack_partition(model, function, images, expected, tmp_path):
    content = tflite_model(function, contract_of(model, model.name))
    np.testing.assert_allclose(run(content, images), expected, rtol=0, atol=1e-5)
    (tmp_path / "model.tflite").write_bytes(content)
    found = structure(tmp_path / "model.tflite", "tflite")
    assert (found.partitions, found.outside) == (1, 0), "each operator is XNNPACK's, and nothing comes between them"
    assert not [kind for kind in found.operators if kind.startswith("Flex") or kind == "SHAPE"]


def test_half_the_bytes_agree(model, function, images, expected):
    contract = contract_of(model, model.name)
    onnx_file = float16_model(onnx_model(model, contract)).SerializeToString()
    for found in (
        onnxruntime.InferenceSession(onnx_file).run(None, {"image": images})[0],
        run(tflite_model(function, contract, precision="fp16"), images),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
        sure = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 0.02
        assert (found.argmax(axis=1) == expected.argmax(axis=1))[sure].all()


def test_a_saved_model_computes_the_same(module, images, expected, tmp_path):
    write_saved_model(module, tmp_path / "saved_model")
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(served(image=tf.constant(images))["probabilities"], expected, rtol=0, atol=1e-5)


def test_integers_load_run_and_are_probabilities(model, function, images):
    contract = contract_of(model, model.name)
    pixels = np.clip(64 * images + 128, 0, 255).astype(np.uint8)
    calibration = Calibration(np.repeat(pixels, 4, axis=0), "patches", 0)
    onnx_file = int8_model(onnx_model(model, contract), calibration, layout="nhwc").SerializeToString()
    session = onnxruntime.InferenceSession(onnx_file)
    feed = pixels.astype(np.float32)
    content = tflite_model(function, contract, precision="int8", calibration=calibration)
    for found in (session.run(None, {"image": feed})[0], run(content, feed)):
        assert found.shape == (len(images), 7)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=0.05)
        assert np.isfinite(found).all()
