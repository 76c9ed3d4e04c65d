"""TFLite at every precision, on small networks with random weights: types at the ends, integers inside, names."""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from small_models import answers, randomise, some_images, spread

from cnnref import models
from cnnref.environment import keras, layers
from cnnref.errors import InputError
from cnnref.exporters.calibration import Calibration
from cnnref.exporters.contract import contract_of
from cnnref.exporters.tensorflow.graph import for_tensorflow, serving_function, serving_module
from cnnref.exporters.tensorflow.tflite import tflite_model
from cnnref.exporters.tensorflow.tflite_file import packed
from cnnref.runtimes.inspection import structure
from cnnref.runtimes.litert import LiteRTRunner

SHAPE = (32, 40, 3)
NAMES = ["resnet8", "mobilenet_v1_cifar", "mobilenet_v3_small_cifar", "shufflenet_v2_x1_0_cifar", "densenet_bc_100_12"]


def pixels(count: Any) -> Any:
    patches = some_images(SHAPE, count)
    return np.clip(128 + 50 * patches, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=NAMES)
def subject(request: pytest.FixtureRequest) -> Any:
    """The model with its preprocessing, the serving function, pixels and what Keras gives for them."""
    model = models.build(request.param, SHAPE, classes=7, normalization=((0.5,) * 3, (0.2,) * 3))
    randomise(model)
    images = pixels(60)
    spread(model, images[:8].astype(np.float32))
    contract = contract_of(model, model.name)
    function = serving_function(serving_module(model, contract))
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
                serving_function(serving_module(model, contract)),
                contract,
                precision=precision,
                calibration=calibration,
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
    function = serving_function(serving_module(model, takes_floats))
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
        tflite_model(serving_function(serving_module(model, contract)), contract, precision="int8")


def test_the_operators_know_their_layers_by_short_names() -> None:
    model = models.build("resnet8", SHAPE, classes=7)
    contract = contract_of(model, "resnet8")
    content = tflite_model(serving_function(serving_module(model, contract)), contract)
    names = [detail["name"] for detail in Interpreter(model_content=content).get_tensor_details()]
    assert {"image", "probabilities"} <= set(names)
    assert not [name for name in names if ";" in name]


def test_forms_for_tflite_are_in_no_graph_for_tensorflow() -> None:
    image = keras.Input(SHAPE)
    centred = image - keras.ops.mean(image, axis=-1, keepdims=True)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(centred)), name="centred")
    contract = contract_of(model, "centred")
    module = serving_module(model, contract)
    own = for_tensorflow(module, model, contract)
    kinds = [{node.op for node in serving_function(one).graph.as_graph_def().node} for one in (module, own)]
    assert "Conv2D" in kinds[0] - kinds[1]
    assert "Mean" in kinds[1] - kinds[0]
    plain = models.build("tinyvgg", SHAPE, classes=7)
    contract = contract_of(plain, "plain")
    module = serving_module(plain, contract)
    assert for_tensorflow(module, plain, contract) is module, "nothing is traced twice in vain"


def test_what_is_stored_once_is_read_as_if_each_had_its_own() -> None:
    model = models.build("resnet8", SHAPE, classes=7)
    contract, calibration = contract_of(model, "resnet8"), Calibration(pixels(2), "patches", 0)
    function = serving_function(serving_module(model, contract))
    content = tflite_model(function, contract, precision="int8", calibration=calibration)
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    apart = bytes(builder.Output())
    together = packed(schema.ModelT.InitFromPackedBuf(apart, 0))
    assert len(together) < len(apart)
    assert content.startswith(together), "the labels follow"
    assert described(together) == described(apart)


def described(content: bytes) -> dict[str, Any]:
    """Everything that a file holds, with the content of a buffer in place of its number."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    contents = [None if buffer.data is None else bytes(buffer.data) for buffer in model.buffers]

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, list):
            return [plain(one) for one in value]
        if not hasattr(value, "__dict__"):
            return value
        return {name: contents[one] if name == "buffer" else plain(one) for name, one in vars(value).items()}

    found: dict[str, Any] = plain(model)
    return found | {"buffers": None}
