"""Models of keras.applications and ours compute the same with the same weights, or the weights are refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from chosen_names import chosen

import cnnref
from cnnref.convert import from_keras_applications
from cnnref.environment import keras
from cnnref.errors import InputError

BOUND = 1e-5
SHAPE = (64, 64, 3)
TENSORFLOW = {"padding": "tensorflow"}

#: Normalization in front of a sum: where a stack of blocks has it, random scales around 1 would drown what comes later.
RESIDUAL_ENDS = ("_3_bn", "_project_bn", "_project_BN")

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: How the name of a Keras model begins -> what its first layers do to an image of 0..255.
PREPARATIONS: dict[str, Any] = {
    "MobileNetV3": lambda image: image / 127.5 - 1,
    "EfficientNetB": lambda image: image / 255,
    "EfficientNetV2B": lambda image: (image / 255 - IMAGENET_MEAN) / IMAGENET_STD,
    "EfficientNetV2": lambda image: image / 128 - 1,
    "ConvNeXt": lambda image: (image / 255 - IMAGENET_MEAN) / IMAGENET_STD,
}


def preparation(which: str) -> Any:
    """What the Keras model of that name does to an image of 0..255; None if nothing."""
    return next((PREPARATIONS[start] for start in PREPARATIONS if which.startswith(start)), None)


def application(which: Any, **options: Any) -> Any:
    options = {"input_shape": SHAPE, "classifier_activation": None, **options}
    return getattr(keras.applications, which)(weights=None, **options)


def layers_with_weights(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from layers_with_weights(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Normalization):
            yield layer


def randomized(model: Any) -> Any:
    """The model with random numbers in every weight and statistic; activations neither vanish nor explode."""
    random = np.random.default_rng(0)
    for layer in layers_with_weights(model):
        for variable in layer.weights:
            shape = tuple(variable.shape)
            if variable.name == "kernel":
                fan_in = np.prod(shape[:2]) if isinstance(layer, keras.layers.DepthwiseConv2D) else np.prod(shape[:-1])
                values = random.standard_normal(shape, np.float32) * np.sqrt(2 / fan_in)
            elif variable.name.startswith("variable"):  # ConvNeXt's factor a channel
                values = random.uniform(0.1, 1, shape)
            elif variable.name in ("gamma", "moving_variance"):
                values = random.uniform(0.5, 1.5, shape)
                if variable.name == "gamma" and layer.name.endswith(RESIDUAL_ENDS):
                    values *= 0.3
            else:
                values = random.normal(0, 0.3, shape)
            variable.assign(values)
    return model


def apart(ours: Any, theirs: Any, prepare: Any = None) -> Any:
    """The largest difference as a part of the largest output; `prepare` is what the Keras model does to pixels."""
    random = np.random.default_rng(1)
    shape = (2, *ours.input_shape[1:])
    given = random.uniform(0, 255, shape) if prepare else random.normal(size=shape)
    prepared = prepare(given) if prepare else given
    found = np.asarray(ours(np.float32(prepared), training=False))
    wanted = np.asarray(theirs(np.float32(given), training=False))
    return np.abs(found - wanted).max() / np.abs(wanted).max()


#: Keras' name, ours, and the options of ours.
PEERS: list[tuple[str, str, dict[str, str]]] = [
    ("VGG16", "vgg16", {}),
    ("VGG19", "vgg19", {}),
    ("ResNet50", "resnet50_v1", {}),
    ("ResNet101", "resnet101_v1", {}),
    ("ResNet152", "resnet152_v1", {}),
    ("ResNet50V2", "resnet50_v2_keras", {}),
    ("ResNet101V2", "resnet101_v2_keras", {}),
    ("ResNet152V2", "resnet152_v2_keras", {}),
    ("InceptionV3", "inception_v3", TENSORFLOW),
    ("InceptionResNetV2", "inception_resnet_v2", {}),
    ("Xception", "xception", {}),
    ("NASNetMobile", "nasnet_mobile", {}),
    ("NASNetLarge", "nasnet_large", {}),
    ("DenseNet121", "densenet121", {}),
    ("DenseNet169", "densenet169", {}),
    ("DenseNet201", "densenet201", {}),
    ("MobileNet", "mobilenet_v1", {}),
    ("MobileNetV2", "mobilenet_v2", TENSORFLOW),
    ("MobileNetV3Large", "mobilenet_v3_large", TENSORFLOW),
    ("MobileNetV3Small", "mobilenet_v3_small", TENSORFLOW),
    *((f"EfficientNetB{number}", f"efficientnet_b{number}", TENSORFLOW) for number in range(8)),
    *((f"EfficientNetV2B{number}", f"efficientnet_v2_b{number}", TENSORFLOW) for number in range(4)),
    *((f"EfficientNetV2{size}", f"efficientnet_v2_{size.lower()}", TENSORFLOW) for size in "SML"),
    *((f"ConvNeXt{size}", f"convnext_{size.lower()}", {}) for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
]
#: Keras refuses images of 64x64 for these.
LARGER = ("InceptionV3", "InceptionResNetV2", "Xception")
WANTED = chosen({ours for _, ours, _ in PEERS})


@pytest.mark.parametrize(("theirs", "ours", "options"), [peer for peer in PEERS if peer[1] in WANTED])
def test_the_weights_of_keras_applications_give_its_logits(theirs: Any, ours: Any, options: Any) -> None:
    shape = (96, 96, 3) if theirs in LARGER else SHAPE
    peer = randomized(application(theirs, input_shape=shape))
    model = cnnref.build(ours, shape, classifier_activation=None, **options)
    assert from_keras_applications(model, peer) is model
    assert apart(model, peer, preparation(theirs)) <= BOUND


@pytest.fixture(scope="module")
def mobilenet_v2() -> Any:
    return randomized(application("MobileNetV2"))


def test_activations_classes_and_normalization_may_be_other_ones() -> None:
    peer = randomized(application("MobileNetV2", classes=7, classifier_activation="softmax", name="mine"))
    normalization = ((0.5,) * 3, (0.5,) * 3)
    model = cnnref.build("mobilenet_v2", SHAPE, classes=7, padding="tensorflow", normalization=normalization)
    from_keras_applications(model, peer)
    raw = np.random.default_rng(1).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    # Probabilities: a float32 rounding of the logits counts for as much as the largest logit.
    np.testing.assert_allclose(model(raw), peer(raw / 127.5 - 1), atol=1e-4)


def test_a_model_without_its_top_takes_one_without_top() -> None:
    peer = randomized(application("MobileNetV2", include_top=False))
    model = cnnref.build("mobilenet_v2", SHAPE, include_top=False, padding="tensorflow")
    from_keras_applications(model, peer)
    assert apart(model, peer) <= BOUND


def refused(model: Any, peer: Any, message: Any) -> None:
    before = model.get_weights()
    with pytest.raises(InputError, match=message):
        from_keras_applications(model, peer)
    for found, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_other_padding_is_refused_and_the_right_one_named(mobilenet_v2: Any) -> None:
    model = cnnref.build("mobilenet_v2", SHAPE)
    refused(model, mobilenet_v2, "not the same network; build mobilenet_v2 with padding='tensorflow'")


def test_the_other_strides_are_refused_and_the_right_model_named() -> None:
    refused(cnnref.build("resnet50", SHAPE), application("ResNet50"), "the strides of resnet50_v1, build that")


@pytest.mark.parametrize("ours", ["resnet50_v2", "resnet50_v1"])
def test_resnet50v2_is_refused_by_name_with_the_reason(ours: Any) -> None:
    peer = application("ResNet50V2")
    refused(cnnref.build(ours, SHAPE), peer, "ResNet50V2 is another network than resnet50_v2")


@pytest.mark.parametrize(
    ("ours", "options", "message"),
    [
        ("lenet5", {}, "no counterpart of lenet5"),
        ("vgg16_bn", {"input_shape": SHAPE}, "no counterpart of vgg16_bn: there is none of stage1_conv1_bn"),
        ("densenet121", {"input_shape": SHAPE}, "no layout that is known for densenet121"),
        ("mobilenet_v2", {"input_shape": (96, 96, 3)}, "of .96, 96, 3. .* of .64, 64, 3.; .* same input_shape"),
        ("mobilenet_v2", {"input_shape": SHAPE, "classes": 7}, "takes .1280, 7.*classes=1000, or with include_top"),
        ("mobilenet_v2", {"input_shape": SHAPE, "include_top": False}, "'predictions.kernel' .* left over"),
    ],
)
def test_what_does_not_fit_is_named(mobilenet_v2: Any, ours: Any, options: Any, message: Any) -> None:
    refused(cnnref.build(ours, **options), mobilenet_v2, message)


def test_what_is_no_model_is_named(mobilenet_v2: Any) -> None:
    with pytest.raises(InputError, match=r"'mobilenetv2_1\.00_64' is no model of this package"):
        from_keras_applications(mobilenet_v2, mobilenet_v2)
    with pytest.raises(InputError, match="A dict is no Keras model"):
        from_keras_applications(cnnref.build("mobilenet_v2", SHAPE), {})
    pooled = application("MobileNetV2", include_top=False, pooling="avg")
    refused(cnnref.build("mobilenet_v2", SHAPE, include_top=False, padding="tensorflow"), pooled, "pooling=None")


def test_every_network_of_keras_applications_is_compared() -> None:
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {name for name, _, _ in PEERS} == theirs
    assert len(theirs) == 40
