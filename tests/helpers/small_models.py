"""Networks for tests: small inputs, and weights that no layer can hide behind."""

import gc
import re
from functools import cache
from typing import Any

import numpy as np

from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError


@cache
def smallest_square(name: Any, channels: Any) -> Any:
    """What the refusal of a 1x1 input names as the smallest size that works."""
    try:
        models.outline(name, (1, 1, channels))
    except InputError as refusal:
        return int(re.search(r"input that works is (\d+)x", str(refusal)).group(1))
    raise AssertionError(f"{name} takes a 1x1 input")


def small_shape(name: Any) -> Any:
    """32x32 or the smallest input, a little wider than high: height and width cannot be mistaken for each other."""
    channels = models.spec(name).input_shape[2]
    size = max(32, smallest_square(name, channels))
    return (size, size + 8, channels)


def randomise(model: Any, seed: Any = 0, images: Any = None) -> Any:
    """Draw every kernel, bias and statistic anew, so that no term is 0 or 1 by chance.

    Statistics are those of `images`, by default of `some_images`.
    """
    random = np.random.default_rng(seed)
    for weight in model.weights:
        kind, shape = weight.path.rsplit("/", 1)[-1], tuple(weight.shape)
        if kind == "depthwise_kernel":
            value = random.normal(0, np.sqrt(1.5 / (shape[0] * shape[1])), shape)
        elif kind == "kernel":
            value = random.normal(0, np.sqrt(1.5 / np.prod(shape[:-1])), shape)
        elif kind in ("gamma", "moving_variance"):
            value = random.uniform(0.7, 1.3, shape)
        elif kind == "beta":
            # Half the values cut off in each layer would make a deep network chaotic, and rounding would grow.
            value = random.normal(1.0, 0.2, shape)
        else:
            value = random.normal(0, 0.1, shape)
        weight.assign(value.astype(np.float32))
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if norms:
        # Statistics that fit the weights: with others, deep networks forget which image they see.
        for layer in norms:
            layer.momentum, layer.usual = 0.0, layer.momentum
        model(some_images(model.input_shape[1:], 8) if images is None else images, training=True)
        for layer in norms:
            layer.momentum = layer.usual
            # A channel that hardly varies would be magnified, and its rounding with it.
            variance = np.asarray(layer.moving_variance)
            layer.moving_variance.assign((variance + variance.mean()) / 2)
    return model


def answers(model: Any, images: Any) -> Any:
    """What the model gives, without a compiled function that would stay in memory."""
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))


def forget() -> None:
    """Give the memory of networks back that nobody holds any more: a suite builds gigabytes of them."""
    keras.backend.clear_session()
    gc.collect()


def spread(model: Any, images: Any, deviation: Any = 1.0) -> Any:
    """Scale the last weights until the logits differ: probabilities that are all alike would hide differences."""
    logits = answers(keras.Model(model.input, model.get_layer("logits").output), images)
    names = [layer.name for layer in model.layers]
    last = model.get_layer("class_maps" if "class_maps" in names else "logits")
    last.set_weights([weight * (deviation / logits.std()) for weight in last.get_weights()])
    return model


def some_images(shape: Any, count: Any = 2) -> Any:
    """Patches and noise: of noise alone, a mean over many pixels would leave nothing."""
    random = np.random.default_rng(0)
    height, width, channels = shape
    patches = random.normal(0, 1, (count, 3, 3, channels))
    rows, columns = np.arange(height) * 3 // height, np.arange(width) * 3 // width
    return (patches[:, rows][:, :, columns] + random.normal(0, 0.3, (count, *shape))).astype(np.float32)


def some_pixels(shape: Any, count: Any = 2) -> Any:
    """The same patches as whole pixel values 0..255, float32."""
    return np.round(np.clip(64 * some_images(shape, count) + 128, 0, 255)).astype(np.float32)


def signal_to_noise(found: Any, expected: Any) -> float:
    """How far the scores of a file are from Keras', in decibels; both are probabilities [images, classes].

    Logits are compared, since softmax hides or magnifies what is lost. It leaves a number open that is the same for
    all classes, which is taken off; 0.001 is below what eight bits tell from 0.
    """
    ours, theirs = (np.log(one + 1e-3) for one in (found, expected))
    ours, theirs = (one - one.mean(axis=1, keepdims=True) for one in (ours, theirs))
    return float(10 * np.log10(np.square(theirs).sum() / np.square(ours - theirs).sum()))
