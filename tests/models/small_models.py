"""Networks for tests: small inputs, and weights that no layer can hide behind."""

import re
from functools import cache

import numpy as np

from cnnref import models
from cnnref.errors import InputError


@cache
def smallest_square(name, channels):
    """What the refusal of a 1x1 input names as the smallest size that works."""
    try:
        models.outline(name, (1, 1, channels))
    except InputError as refusal:
        return int(re.search(r"input that works is (\d+)x", str(refusal)).group(1))
    raise AssertionError(f"{name} takes a 1x1 input")


def small_shape(name):
    """32x32 or the smallest input, a little wider than high: height and width cannot be mistaken for each other."""
    channels = models.spec(name).input_shape[2]
    size = max(32, smallest_square(name, channels))
    return (size, size + 8, channels)


def randomise(model, seed=0):
    """Draw every kernel, bias and statistic anew, so that no term is 0 or 1 by chance."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        kind, shape = weight.path.rsplit("/", 1)[-1], tuple(weight.shape)
        if kind == "depthwise_kernel":
            value = random.normal(0, np.sqrt(1.5 / (shape[0] * shape[1])), shape)
        elif kind == "kernel":
            value = random.normal(0, np.sqrt(1.5 / np.prod(shape[:-1])), shape)
        elif kind in ("gamma", "moving_variance"):
            value = random.uniform(0.7, 1.3, shape)
        else:
            value = random.normal(0, 0.1, shape)
        weight.assign(value.astype(np.float32))
    return model


def some_images(shape, count=2):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)
