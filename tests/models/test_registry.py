"""Builders and the registry: what they accept, and what they say to a wrong request."""

import inspect
import pkgutil
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import some_images

from cnnref import arithmetic, models
from cnnref.environment import keras, seed_everything
from cnnref.errors import InputError
from cnnref.models import registry
from cnnref.models.normalization import normalization_of
from cnnref.models.saving import load_model, save_model, weights_sha256

NAMES = models.list_models()
every_model = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "shufflenet_v2_x1_0_cifar"])
def test_saving_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    model = models.build(name)
    save_model(model, tmp_path / "one.keras")
    save_model(model, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()


def with_shared_objects() -> keras.Model:
    """A network in which two initializers are each used by three layers."""
    normal, zero = keras.initializers.GlorotNormal(seed=1), keras.initializers.Constant(0.5)
    image = x = keras.Input((8, 8, 1), name="image")
    for name in ("conv1", "conv2", "conv3"):
        x = keras.layers.Conv2D(2, 2, kernel_initializer=normal, bias_initializer=zero, name=name)(x)
    return keras.Model(image, x, name="shared")


def test_the_bytes_of_a_file_tell_nothing_of_addresses_in_memory(tmp_path: Path) -> None:
    held = [with_shared_objects() for _ in range(2)]  # both are alive, so that their objects have different addresses
    for index, model in enumerate(held):
        save_model(model, tmp_path / f"{index}.keras")
    assert (tmp_path / "0.keras").read_bytes() == (tmp_path / "1.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "0.keras") as archive:
        marks = re.findall(r'"shared_object_id": (\d+)', archive.read("config.json").decode())
    assert marks
    assert {int(mark) for mark in marks} == set(range(1, len(set(marks)) + 1))  # counted, whatever Keras shares


def test_each_classifier_activation_is_its_function_of_the_logits() -> None:
    images = some_images((28, 28, 1))
    logits = models.build("lenet5", classifier_activation=None)
    raw = logits.predict_on_batch(images)
    assert raw.min() < 0
    functions = {"softmax": arithmetic.softmax, "sigmoid": arithmetic.sigmoid, "linear": lambda x: x}
    for activation, function in functions.items():
        model = models.build("lenet5", classifier_activation=activation)
        model.set_weights(logits.get_weights())
        np.testing.assert_allclose(model.predict_on_batch(images), function(raw), atol=1e-6)


def test_one_class_with_sigmoid_answers_yes_or_no() -> None:
    scores = models.build("lenet5", classes=1, classifier_activation="sigmoid").predict_on_batch(
        some_images((28, 28, 1))
    )
    assert scores.shape == (2, 1)
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "classes is 0"),
        ({"classes": -3}, "classes is -3"),
        ({"classes": 2.0}, "classes is 2.0"),
        ({"classes": True}, "classes is True"),
        ({"classes": 1}, "classifier_activation='sigmoid'"),
        ({"classifier_activation": "relu"}, "'relu'; choose 'softmax', 'sigmoid', 'linear' or None"),
        ({"input_shape": (28, 28)}, r"input_shape is \(28, 28\); give \(height, width, channels\)"),
        ({"input_shape": (28, 0, 1)}, "three positive whole numbers"),
        ({"normalization": ([0.1, 0.2], [0.3, 0.3])}, "2 means and 2 standard deviations for 1 channels"),
        ({"normalization": 0.5}, r"normalization is 0\.5; give a pair of mean and std"),
        ({"normalization": ("a", "b")}, r"normalization is \('a', 'b'\); give a pair"),
        ({"normalization": (0.1, 0.0)}, "give finite numbers and a positive std"),
        ({"padding": "same"}, "lenet5 has no option 'padding'; it takes input_shape, classes"),
    ],
)
def test_a_request_that_makes_no_classifier_is_refused(arguments: Any, message: Any) -> None:
    with pytest.raises(InputError, match=message):
        models.build("lenet5", **arguments)


def test_a_narrow_input_is_refused_by_the_layer_it_vanishes_in() -> None:
    with pytest.raises(InputError, match=r"conv2 has a 5x5 window and gets 20x4; the smallest square .* 12x12"):
        models.build("lenet5", input_shape=(40, 8, 1))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    for ask in (models.build, models.spec, models.builder):
        with pytest.raises(InputError, match="no model 'lenet6'; did you mean 'lenet5'"):
            ask("lenet6")


@every_model
def test_every_model_is_a_function_of_the_package_with_the_common_arguments(name: Any) -> None:
    function = getattr(models, name)
    assert function is models.builder(name)
    assert function.__name__ == name
    assert name in dir(models)
    assert list(inspect.signature(function).parameters)[: len(registry.COMMON)] == list(registry.COMMON)


def test_no_file_of_the_room_has_the_name_of_a_model() -> None:
    files = {module.name for module in pkgutil.iter_modules(models.__path__)}
    assert {"registry", "blocks", "resnet"} <= files
    assert not files & set(NAMES)


def test_options_that_a_variant_fixes_cannot_be_given() -> None:
    assert {"activation", "pooling"} <= inspect.signature(models.basic_cnn).parameters.keys()
    assert "activation" not in inspect.signature(models.lenet5).parameters
    with pytest.raises(InputError, match="lenet5 has no option 'activation'"):
        models.build("lenet5", activation="relu")


def test_a_name_that_is_no_model_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'alexnet5'"):
        models.alexnet5  # noqa: B018


def test_a_second_model_of_the_same_name_is_refused() -> None:
    again = registry.register(
        input_shape=(8, 8, 1),
        classes=2,
        paper="none",
        year=2000,
        variants={"lenet5": registry.Variant(trainable_params=1, macs=1)},
    )
    with pytest.raises(ValueError, match="Two models are called 'lenet5'"):
        again(lambda image, top: top(image, None))
    assert models.spec("lenet5").year == 1998


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("pooling", "layer"), [("max", "MaxPooling2D"), ("average", "AveragePooling2D")])
def test_activation_and_pooling_reach_the_layers_of_the_basic_cnn(activation: Any, pooling: Any, layer: Any) -> None:
    model = models.build("basic_cnn", activation=activation, pooling=pooling)
    assert [type(model.get_layer(f"pool{n}")).__name__ for n in (1, 2)] == [layer, layer]
    sums = keras.Model(
        model.input, [model.get_layer("conv1").output, model.get_layer(f"conv1_{activation}").output]
    ).predict_on_batch(some_images((28, 28, 1)))
    functions = {
        "relu": arithmetic.relu,
        "leaky_relu": lambda x: arithmetic.leaky_relu(x, 0.01),
        "tanh": arithmetic.tanh,
        "sigmoid": arithmetic.sigmoid,
    }
    np.testing.assert_allclose(sums[1], functions[activation](sums[0]), atol=1e-6)


@pytest.mark.parametrize(("option", "value"), [("activation", "swish9"), ("pooling", "median")])
def test_an_unknown_activation_or_pooling_is_refused(option: Any, value: Any) -> None:
    with pytest.raises(InputError, match=f"{option} is '{value}'; choose"):
        models.build("basic_cnn", **{option: value})


def test_normalization_inside_equals_normalized_pixels_outside() -> None:
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    raw = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    inside = models.build("tinyvgg", (32, 32, 3), normalization=(mean, std))
    outside = models.build("tinyvgg", (32, 32, 3))
    inside.set_weights(outside.get_weights())
    assert inside.count_params() == outside.count_params()
    scaled = ((raw / 255 - np.array(mean)) / np.array(std)).astype(np.float32)
    np.testing.assert_allclose(inside.predict_on_batch(raw), outside.predict_on_batch(scaled), atol=1e-6)


def test_weights_that_differ_in_one_value_have_another_identity() -> None:
    model, other = models.build("lenet5"), models.build("lenet5")
    model.set_weights(other.get_weights())
    assert weights_sha256(model) == weights_sha256(other)
    values = model.get_weights()
    values[-1][3] += 1e-3
    model.set_weights(values)
    assert weights_sha256(model) != weights_sha256(other)


@pytest.mark.parametrize("content", [None, b"", b"no zip file", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "broken.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"broken\.keras (is not a file|is not a complete \.keras file|has no config\.json)"
    ):
        load_model(path)


def test_a_single_mean_and_std_count_for_every_channel() -> None:
    one, each = (models.build("tinyvgg", normalization=given) for given in ((0.4, 0.2), ([0.4] * 3, [0.2] * 3)))
    assert normalization_of(one) == normalization_of(each)


def test_a_model_is_named_by_a_text() -> None:
    with pytest.raises(InputError, match="not by an object of int"):
        models.build(3)  # type: ignore[arg-type]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="each backend has random numbers of its own")
def test_a_seed_gives_the_weights_that_published_runs_began_with() -> None:
    seed_everything(0)
    assert weights_sha256(models.build("lenet5")).startswith("623878da34a0")


def test_an_outline_never_gets_values() -> None:
    """Keras would give all that wait their values when it traces a layer the next time: many gigabytes."""
    outline = models.outline("lenet5")
    with keras.StatelessScope():
        keras.layers.Dense(1).build((None, 1))
    assert all(variable._value is None for variable in outline.variables)
    assert outline.count_params() == 61706
