"""How far a float32 file may be from Keras where Keras itself is far from exact arithmetic."""

from typing import Any

import numpy as np
import pytest

from cnnref.environment import keras, layers
from cnnref.exporters.proof import allow_for_rounding, lost_in_float32
from cnnref.runtimes import Check, Report

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def cancelling() -> Any:
    """Large sums of which nothing is left but what float32 loses."""
    image = keras.Input((32, 32, 3))
    x = layers.Flatten()(image)
    summed = layers.Dense(8, activation="tanh")
    model = keras.Model(image, summed(layers.Concatenate()([x, x])))
    kernel = np.random.default_rng(0).normal(size=(3072, 8)).astype(np.float32)
    summed.set_weights([0.1 * np.concatenate([kernel, -kernel]), np.zeros(8, np.float32)])
    return model


def report_of(difference: float) -> Report:
    check = Check("model.onnx", format="onnx", precision="float32", largest_difference=difference, allowed=1e-5)
    return Report("cancelling", [check])


def manifest() -> dict[str, Any]:
    entry = {"format": "onnx", "precision": "float32", "tolerance": 1e-5}
    return {"artifacts": {"model.keras": {"format": "keras", "precision": "float32"}, "model.onnx": entry}}


def test_what_float32_loses_is_seen_against_float64() -> None:
    lost = lost_in_float32(cancelling(), IMAGES)
    assert 3e-6 < lost < 0.1
    image = keras.Input((32, 32, 3))
    plain = keras.Model(image, layers.Rescaling(1 / 255)(image))
    assert lost_in_float32(plain, IMAGES) < 1e-6


def test_the_bound_follows_from_the_loss_and_is_stated() -> None:
    model, document = cancelling(), manifest()
    assert allow_for_rounding(report_of(2e-5), model, IMAGES, document)
    lost = document["float32_rounding"]["to_float64"]
    assert document["artifacts"]["model.onnx"]["tolerance"] == pytest.approx(min(1e-5 + 2 * lost, 1e-3), rel=0.01)
    assert "tolerance" not in document["artifacts"]["model.keras"]


@pytest.mark.parametrize("difference", [0.9e-5, 0.1, float("nan")])
def test_a_file_that_holds_and_one_that_is_far_off_keep_the_usual_bound(difference: float) -> None:
    document = manifest()
    assert not allow_for_rounding(report_of(difference), cancelling(), IMAGES, document)
    assert document == manifest()


def test_a_network_that_loses_little_keeps_nearly_the_usual_bound() -> None:
    image = keras.Input((32, 32, 3))
    model, document = keras.Model(image, layers.Rescaling(1 / 255)(image)), manifest()
    allow_for_rounding(report_of(2e-5), model, IMAGES, document)
    assert document["artifacts"]["model.onnx"]["tolerance"] < 1.1e-5
