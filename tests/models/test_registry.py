"""Every model that is listed: its size, its output, its files, and what it says to a wrong request."""

import inspect

import numpy as np
import pytest

import cnnref
from cnnref import arithmetic, models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models import registry
from cnnref.models.saving import load_model, save_model, weights_sha256

NAMES = models.list_models()
every_model = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def built():
    """Every model with fresh weights, built once; tests only look at them."""
    return {name: models.build(name) for name in NAMES}


def some_images(shape, count=2):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [("lenet5", 61_706, 416_520), ("tinyvgg", 19_920, 5_608_780), ("basic_cnn", 421_642, 4_241_152)],
)
def test_the_sizes_are_those_of_the_literature(built, name, params, macs):
    assert built[name].count_params() == params
    assert arithmetic.macs(built[name]) == macs


@every_model
def test_a_model_has_the_size_that_its_spec_states(built, name):
    facts, model = models.spec(name), built[name]
    assert facts.name == name
    assert model.count_params() == arithmetic.parameters(model) == facts.params
    assert arithmetic.trainable_parameters(model) == facts.trainable_params
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == facts.trainable_params
    assert arithmetic.macs(model) == facts.macs


@every_model
def test_a_model_has_its_name_input_and_output(built, name):
    facts, model = models.spec(name), built[name]
    assert model.name == name
    assert model.input_shape == (None, *facts.input_shape)
    assert model.output_shape == (None, facts.classes)
    assert model.input_names == ["image"] if hasattr(model, "input_names") else model.inputs[0].name == "image"


@every_model
def test_fresh_weights_give_probabilities(built, name):
    shape = models.spec(name).input_shape
    for images in (np.zeros((1, *shape), np.float32), some_images(shape)):
        scores = built[name].predict_on_batch(images)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


@every_model
def test_a_gradient_reaches_every_trainable_weight(built, name):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow's tape")
    import tensorflow as tf

    model = built[name]
    with tf.GradientTape() as tape:
        # One class alone: the sum of all probabilities is constant and has no gradient.
        loss = tf.reduce_sum(tf.math.log(model(some_images(models.spec(name).input_shape, 8))[:, 0]))
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert np.abs(gradient).max() > 0, weight.path


@every_model
def test_a_saved_model_comes_back_and_is_the_same_bytes_each_time(built, name, tmp_path):
    model = built[name]
    save_model(model, tmp_path / "one.keras")
    save_model(model, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    loaded = load_model(tmp_path / "one.keras")
    images = some_images(models.spec(name).input_shape)
    np.testing.assert_array_equal(loaded.predict_on_batch(images), model.predict_on_batch(images))
    assert weights_sha256(loaded) == weights_sha256(model)


@every_model
def test_layer_names_are_unique_and_fit_every_format(built, name):
    names = [layer.name for layer in built[name].layers]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "." in name or "/" in name]


@every_model
def test_other_classes_and_shapes_work(name):
    model = models.build(name, input_shape=(32, 40, 3), classes=7)
    assert model.output_shape == (None, 7)
    assert model.predict_on_batch(some_images((32, 40, 3))).shape == (2, 7)


@every_model
def test_without_its_top_a_model_gives_feature_maps(name):
    model = models.build(name, include_top=False)
    assert len(model.output_shape) == 4
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_the_sizes_of_the_feature_maps_are_those_in_the_papers():
    assert models.build("lenet5", include_top=False).output_shape == (None, 5, 5, 16)
    assert models.build("tinyvgg", include_top=False).output_shape == (None, 13, 13, 10)


def test_each_classifier_activation_is_its_function_of_the_logits():
    images = some_images((28, 28, 1))
    logits = models.build("lenet5", classifier_activation=None)
    raw = logits.predict_on_batch(images)
    assert raw.min() < 0
    functions = {"softmax": arithmetic.softmax, "sigmoid": arithmetic.sigmoid, "linear": lambda x: x}
    for activation, function in functions.items():
        model = models.build("lenet5", classifier_activation=activation)
        model.set_weights(logits.get_weights())
        np.testing.assert_allclose(model.predict_on_batch(images), function(raw), atol=1e-6)


def test_one_class_with_sigmoid_answers_yes_or_no():
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
        ({"normalization": ([0.1], [0.0])}, "the deviations above 0"),
        ({"padding": "same"}, "lenet5 has no option 'padding'; it takes input_shape, classes"),
    ],
)
def test_a_request_that_makes_no_classifier_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        models.build("lenet5", **arguments)


@every_model
def test_the_smallest_input_that_is_named_works_and_one_less_does_not(name):
    channels = models.spec(name).input_shape[2]
    with pytest.raises(InputError, match=rf"1x1 is too small for {name}: \w+ has a .* window") as refusal:
        models.build(name, input_shape=(1, 1, channels))
    smallest = int(str(refusal.value).rstrip(".").split("x")[-1])
    assert models.build(name, input_shape=(smallest, smallest, channels)).output_shape == (None, 10)
    with pytest.raises(InputError, match=f"{smallest - 1}x{smallest - 1} is too small"):
        models.build(name, input_shape=(smallest - 1, smallest - 1, channels))


def test_a_narrow_input_is_refused_by_the_layer_it_vanishes_in():
    with pytest.raises(InputError, match=r"conv2 has a 5x5 window and gets 20x4; the smallest square .* 12x12"):
        models.build("lenet5", input_shape=(40, 8, 1))


def test_an_unknown_name_is_answered_with_the_nearest():
    for ask in (models.build, models.spec, models.builder):
        with pytest.raises(InputError, match="no model 'lenet6'; did you mean 'lenet5'"):
            ask("lenet6")


def test_models_are_listed_by_pattern_in_order():
    assert models.list_models("lenet*") == ["lenet5", "lenet5_relu"]
    assert models.list_models("nothing*") == []
    assert NAMES == sorted(NAMES) == cnnref.list_models()


@every_model
def test_every_model_is_a_function_of_the_package_with_the_common_arguments(name):
    function = getattr(models, name)
    assert function is models.builder(name)
    assert function.__name__ == name
    assert name in dir(models)
    assert list(inspect.signature(function).parameters)[: len(registry.COMMON)] == list(registry.COMMON)
    assert "->" in function.__doc__
    assert function(classes=3).output_shape == (None, 3)


def test_options_that_a_variant_fixes_cannot_be_given():
    assert {"activation", "pooling"} <= inspect.signature(models.basic_cnn).parameters.keys()
    assert "activation" not in inspect.signature(models.lenet5).parameters
    with pytest.raises(InputError, match="lenet5 has no option 'activation'"):
        models.build("lenet5", activation="relu")


def test_a_name_that_is_no_model_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'alexnet5'"):
        models.alexnet5  # noqa: B018


def test_a_second_model_of_the_same_name_is_refused():
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
def test_activation_and_pooling_reach_the_layers_of_the_basic_cnn(activation, pooling, layer):
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
def test_an_unknown_activation_or_pooling_is_refused(option, value):
    with pytest.raises(InputError, match=f"{option} is '{value}'; choose"):
        models.build("basic_cnn", **{option: value})


def test_normalization_inside_equals_normalized_pixels_outside():
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    raw = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    inside = models.build("tinyvgg", (32, 32, 3), normalization=(mean, std))
    outside = models.build("tinyvgg", (32, 32, 3))
    inside.set_weights(outside.get_weights())
    assert inside.count_params() == outside.count_params()
    scaled = ((raw / 255 - np.array(mean)) / np.array(std)).astype(np.float32)
    np.testing.assert_allclose(inside.predict_on_batch(raw), outside.predict_on_batch(scaled), atol=1e-6)


def test_weights_that_differ_in_one_value_have_another_identity(built):
    model = models.build("lenet5")
    model.set_weights(built["lenet5"].get_weights())
    assert weights_sha256(model) == weights_sha256(built["lenet5"])
    values = model.get_weights()
    values[-1][3] += 1e-3
    model.set_weights(values)
    assert weights_sha256(model) != weights_sha256(built["lenet5"])


@pytest.mark.parametrize("content", [None, b"", b"no zip file", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.keras cannot be loaded as a Keras model"):
        load_model(path)


def test_code_in_a_model_file_is_not_run(tmp_path):
    image = keras.Input((4, 4, 1), name="image")
    harmful = keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image))
    save_model(harmful, tmp_path / "code.keras")
    with pytest.raises(InputError, match=r"code\.keras cannot be loaded"):
        load_model(tmp_path / "code.keras")
