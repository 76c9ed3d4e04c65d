"""Weights of keras.applications in our models, accepted only if both networks then compute the same features."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import models
from ..environment import keras
from ..errors import InputError
from .keras_layouts import LAYOUTS, Layout
from .matching import best_match, check_shapes, converted_values, family_of, fill, match
from .slots import keras_slots

#: Layers that preprocess the image; they are not converted.
PREPROCESSING = ("Rescaling", "Normalization")

#: Names that Keras makes of the kind of a layer and a number that counts all networks of a process.
AUTOMATIC = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")

#: Largest accepted difference of the features before the classifier, relative to the largest of them.
TOLERANCE = 1e-4

RESNET_V2 = (
    "keras.applications' ResNet50V2 is another network than resnet50_v2 (strides in the last block of a stage, biases "
    "beside normalization); build resnet50_v2_keras for its weights. timm's resnetv2_50 is the same as resnet50_v2."
)


def from_keras_applications(model: keras.Model, keras_model: keras.Model) -> keras.Model:
    """Put the weights of a keras.applications model into one of ours, which then computes what that model does.

        model = cnnref.build("mobilenet_v2", padding="tensorflow")
        cnnref.convert.from_keras_applications(model, keras.applications.MobileNetV2())

    Known are all networks of keras.applications; ResNet50 is resnet50_v1 here, and ResNet50V2 is resnet50_v2_keras.
    Every weight is used once. Biases that Keras has
    before normalization are subtracted from its mean, and a different epsilon changes its variance. Layers of the Keras
    model that rescale or normalize the image are not converted: preprocess images as these layers do. In the end the
    features before the classifier are computed with both networks on a small random batch and compared.

    Args:
        model: what `cnnref.build` makes, with the classes and the input shape of `keras_model`, and
            padding="tensorflow" where the builder has that option. Its weights are replaced.
        keras_model: what keras.applications makes, with or without its top as `model` (then with pooling=None), and
            with any activation.

    Returns:
        The same `model`.

    Raises:
        InputError: the two are not the same network; the message names the weight or the option. The model is then
            unchanged.
    """
    layout = _layout(model, keras_model)
    if keras_model.input_shape[1:] != model.input_shape[1:] and None not in keras_model.input_shape[1:]:
        raise InputError(
            f"{model.name} takes images of {model.input_shape[1:]} and the Keras model of "
            f"{keras_model.input_shape[1:]}; build both with the same input_shape."
        )
    slots = keras_slots(model)
    names = layout.names([layer.name for layer in model.layers])
    if unmatched := next((slot for slot in slots if slot.layer not in names), None):
        raise InputError(f"keras.applications has no counterpart of {model.name}: there is none of {unmatched.layer}.")
    layers = _layers(keras_model)
    tensors = layout.prepare(_tensors(layers))
    found = best_match(model.name, [match("keras.applications", slots, names, tensors)], tensors)
    check_shapes(model, found, tensors)
    values = converted_values(model, found, tensors, lambda layer: layers[names[layer]].epsilon)
    before = model.get_weights()
    done = False
    try:
        fill(model, found, values)
        _compare(model, keras_model, layers.get(names["logits"]) if "logits" in names else None)
        done = True
    finally:
        if not done:
            model.set_weights(before)
    return model


def _layout(model: keras.Model, keras_model: Any) -> Layout:
    family = family_of(model)
    if not hasattr(keras_model, "layers"):
        raise InputError(f"A {type(keras_model).__name__} is no Keras model; give what keras.applications makes.")
    preactivation = any("_preact_" in layer.name for layer in keras_model.layers)
    if family == "preact_resnet" or (preactivation and family != "keras_resnet_v2"):
        raise InputError(RESNET_V2)
    if family not in LAYOUTS:
        raise InputError(
            f"keras.applications has no counterpart of {model.name} that is known here; it has one of a model in the "
            f"families {', '.join(sorted(LAYOUTS))}."
        )
    return LAYOUTS[family]


def _layers(keras_model: keras.Model) -> dict[str, Any]:
    """All layers with weights, also of nested models, by name without the prefix of the model's name."""
    found: dict[str, Any] = {}
    pending = list(keras_model.layers)
    while pending:
        layer = pending.pop()
        if hasattr(layer, "layers"):
            pending += layer.layers
        elif layer.weights and type(layer).__name__ not in PREPROCESSING:
            found[layer.name.removeprefix(f"{keras_model.name}_")] = layer
    return {_counted(name, found): layer for name, layer in found.items()}


def _counted(name: str, among: Mapping[str, Any]) -> str:
    """`conv2d_97`, a name that Keras has made, as `conv2d#3` where it is the fourth of its kind; other names as is."""
    if not (match := AUTOMATIC.fullmatch(name)):
        return name
    kind = match[1]
    numbers = sorted(
        int(other[2] or 0) for layer in among if (other := AUTOMATIC.fullmatch(layer)) and other[1] == kind
    )
    return f"{kind}#{numbers.index(int(match[2] or 0))}"


def _tensors(layers: dict[str, Any]) -> dict[str, np.ndarray]:
    tensors = {}
    for name, layer in layers.items():
        for variable in layer.weights:
            # LayerScale gives its variable no name, so Keras names it variable_N.
            weight = "gamma" if variable.name.startswith("variable") else variable.name
            tensors[f"{name}.{weight}"] = np.asarray(keras.ops.convert_to_numpy(variable))
    return tensors


def _compare(model: keras.Model, keras_model: keras.Model, classifier: Any) -> None:
    """Raise InputError unless both networks compute the same features of a random batch."""
    batch = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    has_top = any(layer.name == "logits" for layer in model.layers)
    ours = _features(model, model.get_layer("logits") if has_top else None, batch)
    theirs = _features(keras_model, classifier if has_top else None, batch)
    if ours.size != theirs.size:
        raise InputError(
            f"The Keras model ends in other features than {model.name}; build it with pooling=None where it has no top."
        )
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if not difference <= TOLERANCE:
        raise InputError(
            f"All weights fit {model.name}, but the features of the two networks differ by {difference:.1g} of the "
            f"largest one, so it is not the same network; {_remedy(model)}."
        )


def _features(model: keras.Model, classifier: Any, batch: np.ndarray) -> np.ndarray:
    """The features [2, n] of a batch that is already preprocessed: the input of the classifier, or the output."""
    start = model.inputs[0]
    for layer in model.layers[1:]:
        if type(layer).__name__ not in PREPROCESSING:
            break
        start = layer.output
    network = keras.Model(start, classifier.input if classifier else model.outputs[0])
    return np.asarray(keras.ops.convert_to_numpy(network(batch, training=False))).reshape(len(batch), -1)


def _remedy(model: keras.Model) -> str:
    if f"{model.name}_v1" in models.list_models():
        return f"keras.applications has the strides of {model.name}_v1, build that"
    if "padding" in inspect.signature(models.builder(model.name)).parameters:
        return f"build {model.name} with padding='tensorflow'"
    return "build the Keras model as keras.applications does, with no other changes"
