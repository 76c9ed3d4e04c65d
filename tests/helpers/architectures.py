"""Listed architectures, built small with random weights, and what the tests of their files ask for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from chosen_names import chosen, every_name
from numpy.typing import NDArray
from small_models import answers, randomise, small_shape, some_pixels, spread

from cnnref import models
from cnnref.exporters.contract import Contract, contract_of
from cnnref.exporters.tensorflow.graph import serving_function, serving_module

#: A network whose blocks a smaller one of the same family has, and MobileOne: with random weights 43 layers without a
#: shortcut forget the image; `tests/models/test_fold_branches.py` has its files.
LEFT_OUT = ("resnet50", "mobileone_s0")

#: Large networks of layers that smaller ones have as well; they are written in float32 only.
ONLY_FLOAT32 = {
    "alexnet_cifar",
    "convnext_v2_atto",
    "inception_resnet_v2",
    "inception_v3",
    "nasnet_mobile",
    "preact_resnet164",
    "repvgg_a0",
    "resnet50_cifar",
    "resnet50_v2_keras",
    "se_resnet50",
    "wrn_16_8",
    "xception",
    "zfnet_cifar",
}


def architectures(*, reduced_precision: bool) -> list[str]:
    """The names that a test is run for; with CNNREF_EVERY_NAME=1 they are all that are listed.

    `tests/conftest.py` says which of them the quick tests take.
    """
    if every_name():
        return models.list_models()
    names = [name for name in chosen() if name not in LEFT_OUT]
    # The same place in both lists, so that pytest runs all tests of a network one after the other.
    names.sort(key=lambda name: name in ONLY_FLOAT32)
    return [name for name in names if name not in ONLY_FLOAT32] if reduced_precision else names


@dataclass
class Subject:
    """`images` are pixel values 0..255, and `expected` is what Keras gives for them. The logits differ by about 1.

    Larger logits would make softmax 0 or 1, and then the smallest rounding moves a whole answer: with logits of 135,
    integer files of allcnn_c named another class, and with logits of 1 they are 26 dB from Keras.
    """

    model: Any
    images: NDArray[np.float32]
    expected: NDArray[np.float32]

    @cached_property
    def contract(self) -> Contract:
        return contract_of(self.model, self.model.name)

    @cached_property
    def module(self) -> Any:
        return serving_module(self.model, self.contract)

    @cached_property
    def function(self) -> Any:
        return serving_function(self.module)


def subject_of(name: str) -> Subject:
    model = models.build(name, small_shape(name), classes=7)
    shape = model.input_shape[1:]
    images = some_pixels(shape)
    randomise(model, images=some_pixels(shape, 8))
    spread(model, images)
    expected = answers(model, images)
    assert np.ptp(expected) > 0.1, "probabilities that say nothing prove nothing"
    assert np.abs(expected[0] - expected[1]).max() > 1e-3, "images that look alike prove nothing"
    return Subject(model, images, expected)


def run(content: bytes, images: NDArray[np.float32]) -> Any:
    """What a .tflite file gives in LiteRT."""
    interpreter = Interpreter(model_content=content)
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, images)
    interpreter.invoke()
    return interpreter.get_tensor(result)
