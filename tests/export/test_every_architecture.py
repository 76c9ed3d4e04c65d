"""Every model that is listed, with random weights and statistics: ONNX and TFLite compute what Keras computes."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_models import answers, forget, randomise, small_shape, some_images, spread

from cnnref import models
from cnnref.export.contract import contract_of
from cnnref.export.onnx_file import onnx_model
from cnnref.export.saved_model import write_saved_model
from cnnref.export.tensorflow_graph import serving_module
from cnnref.export.tflite import tflite_model


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
    assert not {"Shape", "Gather", "Dropout", "Identity"} & set(kinds)
    producers = {output: node.op_type for node in written.graph.node for output in node.output}
    readers = Counter(name for node in written.graph.node for name in node.input)
    for node in written.graph.node:
        if node.op_type == "BatchNormalization":
            alone = readers[node.input[0]] == 1
            assert not (alone and producers[node.input[0]] in ("Conv", "Gemm")), node.name


def test_tflite_computes_the_same_without_tensorflow_operators(model, images, expected, tmp_path):
    contract = contract_of(model, model.name)
    write_saved_model(serving_module(model, contract), tmp_path / "saved_model")
    interpreter = Interpreter(model_content=tflite_model(tmp_path / "saved_model", contract))
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, images)
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(result), expected, rtol=0, atol=1e-5)
    kinds = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not [kind for kind in kinds if kind.startswith("Flex") or kind == "SHAPE"]
