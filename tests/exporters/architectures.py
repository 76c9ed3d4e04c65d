"""A listed model, built small, with random weights, and what the tests of its files ask for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from small_models import answers, randomise, small_shape, some_images, spread

from cnnref import models
from cnnref.exporters.contract import contract_of
from cnnref.exporters.tensorflow.graph import frozen, serving_module


@dataclass
class Subject:
    """`expected` is what Keras gives for `images`."""

    model: Any
    images: np.ndarray
    expected: np.ndarray

    @cached_property
    def contract(self):
        return contract_of(self.model, self.model.name)

    @cached_property
    def module(self):
        return serving_module(self.model, self.contract)

    @cached_property
    def function(self):
        return frozen(self.module)


def subject_of(name):
    model = randomise(models.build(name, small_shape(name), classes=7))
    images = some_images(model.input_shape[1:])
    spread(model, images)
    expected = answers(model, images)
    assert np.ptp(expected) > 0.1, "probabilities that say nothing prove nothing"
    assert np.abs(expected[0] - expected[1]).max() > 1e-3, "images that look alike prove nothing"
    return Subject(model, images, expected)


def run(content, images):
    """What a .tflite file gives in LiteRT."""
    interpreter = Interpreter(model_content=content)
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, images)
    interpreter.invoke()
    return interpreter.get_tensor(result)
