"""The smallest model of every family in every other file: float16, SavedModel, integers.

With CNNREF_WHOLE_ZOO=1 it is every model that is listed, which takes half an hour.
"""

import os

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from architectures import run, subject_of
from small_models import forget

from cnnref import models
from cnnref.exporters.calibration import Calibration
from cnnref.exporters.onnx.float16 import float16_model
from cnnref.exporters.onnx.int8 import int8_model
from cnnref.exporters.onnx.model import onnx_model
from cnnref.exporters.tensorflow.saved_model import write_saved_model
from cnnref.exporters.tensorflow.tflite import tflite_model


def names():
    """A name a family, or all."""
    if os.environ.get("CNNREF_WHOLE_ZOO"):
        return models.list_models()
    smallest = {}
    for spec in sorted(map(models.spec, models.list_models()), key=lambda spec: spec.params):
        smallest.setdefault(spec.family, spec.name)
    return sorted(smallest.values())


@pytest.fixture(scope="module", params=names())
def subject(request):
    yield subject_of(request.param)
    forget()


def test_half_the_bytes_agree(subject):
    model, contract, images, expected = subject.model, subject.contract, subject.images, subject.expected
    onnx_file = float16_model(onnx_model(model, contract)).SerializeToString()
    for found in (
        onnxruntime.InferenceSession(onnx_file).run(None, {"image": images})[0],
        run(tflite_model(subject.function, contract, precision="fp16"), images),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
        sure = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 0.02
        assert (found.argmax(axis=1) == expected.argmax(axis=1))[sure].all()


def test_a_saved_model_computes_the_same(subject, tmp_path):
    write_saved_model(subject.module, tmp_path / "saved_model")
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    found = served(image=tf.constant(subject.images))["probabilities"]
    np.testing.assert_allclose(found, subject.expected, rtol=0, atol=1e-5)


def test_integers_load_run_and_are_probabilities(subject):
    model, contract, images = subject.model, subject.contract, subject.images
    pixels = np.clip(64 * images + 128, 0, 255).astype(np.uint8)
    calibration = Calibration(np.repeat(pixels, 4, axis=0), "patches", 0)
    onnx_file = int8_model(onnx_model(model, contract), calibration, layout="nhwc").SerializeToString()
    session = onnxruntime.InferenceSession(onnx_file)
    feed = pixels.astype(np.float32)
    content = tflite_model(subject.function, contract, precision="int8", calibration=calibration)
    for found in (session.run(None, {"image": feed})[0], run(content, feed)):
        assert found.shape == (len(images), 7)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=0.05)
        assert np.isfinite(found).all()
