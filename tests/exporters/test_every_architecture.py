"""Every model that is listed, with random weights and statistics: ONNX and TFLite compute what Keras computes."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest
from architectures import run, subject_of
from small_models import forget

from cnnref import models
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model
from cnnref.exporters.tensorflow.tflite import tflite_model
from cnnref.runtimes.inspection import structure


@pytest.fixture(scope="module", params=models.list_models())
def subject(request):
    yield subject_of(request.param)
    forget()


def test_onnx_computes_the_same_with_one_transpose_and_nothing_left_to_fold(subject):
    model, images, expected = subject.model, subject.images, subject.expected
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


def test_tflite_computes_the_same_in_one_xnnpack_partition(subject, tmp_path):
    content = tflite_model(subject.function, subject.contract)
    np.testing.assert_allclose(run(content, subject.images), subject.expected, rtol=0, atol=1e-5)
    (tmp_path / "model.tflite").write_bytes(content)
    found = structure(tmp_path / "model.tflite", "tflite")
    assert (found.partitions, found.outside) == (1, 0), "each operator is XNNPACK's, and nothing comes between them"
    assert not [kind for kind in found.operators if kind.startswith("Flex") or kind == "SHAPE"]
