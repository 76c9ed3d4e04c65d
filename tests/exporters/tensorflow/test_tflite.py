"""TFLite at every precision, on small networks with random weights: types at the ends, integers inside, names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_models import answers, randomise, some_images, spread

from cnnref import models
from cnnref.errors import InputError
from cnnref.exporters.calibration import Calibration
from cnnref.exporters.contract import contract_of
from cnnref.exporters.tensorflow.graph import frozen, serving_module
from cnnref.exporters.tensorflow.tflite import tflite_model
from cnnref.runtimes.inspection import structure
from cnnref.runtimes.litert import LiteRTRunner

SHAPE = (32, 40, 3)
NAMES = ["resnet8", "mobilenet_v1_cifar", "mobilenet_v3_small_cifar", "shufflenet_v2_x1_0_cifar", "densenet_bc_100_12"]


def pixels(count: Any) -> Any:
    patches = some_images(SHAPE, count)
    return np.clip(128 + 50 * patches, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=NAMES)
def subject(request: pytest.FixtureRequest) -> Any:
    """The model with its preprocessing, the frozen function, pixels and what Keras gives for them."""
    model = models.build(request.param, SHAPE, classes=7, normalization=((0.5,) * 3, (0.2,) * 3))
    randomise(model)
    images = pixels(60)
    spread(model, images[:8].astype(np.float32))
    contract = contract_of(model, model.name)
    function = frozen(serving_module(model, contract))
    return contract, function, images, answers(model, images.astype(np.float32))


def runner(content: Any, tmp_path: Path) -> Any:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    return LiteRTRunner(path)


@pytest.mark.parametrize("integer_io", ["float32", "uint8", "int8"])
def test_an_integer_file_computes_in_integers_and_agrees(subject: Any, integer_io: Any, tmp_path: Path) -> None:
    contract, function, images, expected = subject
    calibration = Calibration(images[:50], "patches", 0)
    content = tflite_model(function, contract, precision="int8", calibration=calibration, integer_io=integer_io)
    made = runner(content, tmp_path)
    assert made.inputs()["image"].dtype == integer_io
    assert made.outputs()["probabilities"].dtype == integer_io
    assert structure(tmp_path / "model.tflite", "tflite").float_operators == {}
    found = made.run(images)
    agreement = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
    assert agreement >= 0.8, "random weights have narrow margins; trained ones are measured on their test sets"
    assert np.abs(found - expected).mean() < 0.05
    if integer_io != "float32":
        scale, zero = Interpreter(model_content=content).get_input_details()[0]["quantization"]
        assert (scale, zero) == (1.0, {"uint8": 0, "int8": -128}[integer_io]), "a step of the input is one level"


def test_less_precise_files_are_smaller_and_close(subject: Any, tmp_path: Path) -> None:
    contract, function, images, expected = subject
    contents = {name: tflite_model(function, contract, precision=name) for name in ("float32", "fp16", "dynamic")}
    assert len(contents["float32"]) > len(contents["fp16"]) > len(contents["dynamic"])
    for name, allowed in (("float32", 1e-5), ("fp16", 0.01), ("dynamic", 0.2)):
        found = runner(contents[name], tmp_path).run(images)
        assert np.abs(found - expected).max() < allowed, name


def test_the_same_bytes_twice_from_two_traces_of_the_model() -> None:
    model = models.build("resnet8", SHAPE, classes=7)
    contract = contract_of(model, "resnet8")
    calibration = Calibration(pixels(10), "patches", 0)
    for precision in ("float32", "fp16", "dynamic", "int8"):
        first, second = (
            tflite_model(
                frozen(serving_module(model, contract)), contract, precision=precision, calibration=calibration
            )
            for _ in range(2)
        )
        assert first == second, precision


@pytest.mark.parametrize("precision", ["float32", "fp16", "dynamic", "int8"])
def test_bytes_go_in_and_the_best_classes_come_out(precision: Any, tmp_path: Path) -> None:
    model = randomise(models.build("resnet8", SHAPE, classes=7))
    images = pixels(30)
    spread(model, images[:8].astype(np.float32))
    contract = contract_of(model, "resnet8", input_dtype="uint8", top_k=3)
    calibration = Calibration(images, "patches", 0)
    takes_floats = contract_of(model, "resnet8", top_k=3) if precision == "int8" else contract
    function = frozen(serving_module(model, takes_floats))
    made = runner(tflite_model(function, contract, precision=precision, calibration=calibration), tmp_path)
    assert made.inputs()["image"].dtype == "uint8"
    found = made.answer(images)
    assert found["top_indices"].dtype == np.int32
    best = np.take_along_axis(found["probabilities"], found["top_indices"], axis=1)
    np.testing.assert_array_equal(best, found["top_scores"])
    np.testing.assert_array_equal(best, -np.sort(-found["probabilities"], axis=1)[:, :3])


def test_integers_without_calibration_are_refused() -> None:
    model = models.build("resnet8", SHAPE, classes=7)
    contract = contract_of(model, "resnet8")
    with pytest.raises(InputError, match="resnet8 has no calibration images"):
        tflite_model(frozen(serving_module(model, contract)), contract, precision="int8")


def test_the_operators_know_their_layers_by_short_names() -> None:
    model = models.build("resnet8", SHAPE, classes=7)
    contract = contract_of(model, "resnet8")
    content = tflite_model(frozen(serving_module(model, contract)), contract)
    names = [detail["name"] for detail in Interpreter(model_content=content).get_tensor_details()]
    assert {"image", "probabilities"} <= set(names)
    assert not [name for name in names if ";" in name]
