"""Every kind of network with random weights and statistics: each exported file computes what Keras computes.

The quick tests take one network of each kind (`tests/conftest.py` names them), and `bash scripts/test.sh --all` takes
the smallest of each family and each other block. With CNNREF_EVERY_NAME=1 every listed network is taken, which is half
an hour.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from architectures import Subject, architectures, run, subject_of
from small_models import forget, signal_to_noise

from cnnref.arithmetic.graph import trace
from cnnref.exporters.calibration import Calibration
from cnnref.exporters.onnx.float16 import float16_model
from cnnref.exporters.onnx.int8 import int8_model
from cnnref.exporters.onnx.model import onnx_model
from cnnref.exporters.tensorflow.integers import float_tensors, layers_of
from cnnref.exporters.tensorflow.saved_model import write_saved_model
from cnnref.exporters.tensorflow.tflite import tflite_model
from cnnref.runtimes.inspection import structure

#: Of integer files, in decibels: what is lost is a sixteenth of what the scores tell. The lowest of 28 networks has 17.
LEAST_SIGNAL_TO_NOISE = 12.0


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield subject_of(request.param)
    forget()


@pytest.mark.parametrize("subject", architectures(reduced_precision=False), indirect=True)
def test_onnx_computes_the_same_with_one_transpose_and_nothing_left_to_fold(subject: Subject) -> None:
    model, images, expected = subject.model, subject.images, subject.expected
    written = onnx_model(model, subject.contract)
    session = onnxruntime.InferenceSession(written.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"image": images})[0], expected, rtol=0, atol=1e-5)
    kinds = Counter(node.op_type for node in written.graph.node)
    shuffles = len([operation for operation in model.operations if operation.name.endswith("_shuffle_turned")])
    assert kinds["Transpose"] == 1 + shuffles
    nchw = onnx_model(model, subject.contract, layout="nchw")
    assert Counter(node.op_type for node in nchw.graph.node)["Transpose"] == shuffles
    assert not {"Shape", "Gather", "Dropout", "Identity"} & set(kinds)
    producers = {output: node.op_type for node in written.graph.node for output in node.output}
    readers = Counter(name for node in written.graph.node for name in node.input)
    for node in written.graph.node:
        if node.op_type == "BatchNormalization":
            alone = readers[node.input[0]] == 1
            assert not (alone and producers[node.input[0]] in ("Conv", "Gemm")), node.name


@pytest.mark.parametrize("subject", architectures(reduced_precision=False), indirect=True)
def test_tflite_computes_the_same_in_one_xnnpack_partition(subject: Subject, tmp_path: Path) -> None:
    content = tflite_model(subject.function, subject.contract)
    np.testing.assert_allclose(run(content, subject.images), subject.expected, rtol=0, atol=1e-5)
    (tmp_path / "model.tflite").write_bytes(content)
    found = structure(tmp_path / "model.tflite", "tflite")
    assert (found.partitions, found.outside) == (1, 0), "each operator is XNNPACK's, and nothing comes between them"
    assert not [kind for kind in found.operators if kind.startswith("Flex") or kind == "SHAPE"]


@pytest.mark.parametrize("subject", architectures(reduced_precision=True), indirect=True)
def test_half_the_bytes_agree(subject: Subject) -> None:
    model, contract, images, expected = subject.model, subject.contract, subject.images, subject.expected
    onnx_file = float16_model(onnx_model(model, contract)).SerializeToString()
    for found in (
        onnxruntime.InferenceSession(onnx_file).run(None, {"image": images})[0],
        run(tflite_model(subject.function, contract, precision="fp16"), images),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
        sure = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 0.02
        assert (found.argmax(axis=1) == expected.argmax(axis=1))[sure].all()


@pytest.mark.parametrize("subject", architectures(reduced_precision=True), indirect=True)
def test_a_saved_model_computes_the_same(subject: Subject, tmp_path: Path) -> None:
    write_saved_model(subject.module, tmp_path / "saved_model")
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    found = served(image=tf.constant(subject.images))["probabilities"]
    np.testing.assert_allclose(found, subject.expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("subject", architectures(reduced_precision=True), indirect=True)
def test_integers_load_run_and_agree(subject: Subject, tmp_path: Path) -> None:
    model, contract, images, expected = subject.model, subject.contract, subject.images, subject.expected
    calibration = Calibration(np.repeat(images.astype(np.uint8), 4, axis=0), "patches", 0)
    onnx_file = int8_model(onnx_model(model, contract), calibration, layout="nhwc").SerializeToString()
    session = onnxruntime.InferenceSession(onnx_file)
    content = tflite_model(subject.function, contract, precision="int8", calibration=calibration)
    for found in (session.run(None, {"image": images})[0], run(content, images)):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=0.05)
        assert signal_to_noise(found, expected) > LEAST_SIGNAL_TO_NOISE
    (tmp_path / "model.tflite").write_bytes(content)
    known = layers_of(float_tensors(content))
    assert structure(tmp_path / "model.tflite", "tflite", known).float_operators == {}
    normalizes = any(
        call.keras_class == "LayerNormalization" or call.name.startswith("lrn") for call in trace(model).calls
    )
    assert bool(known) == normalizes, "only normalizations stay in floats"
