"""Networks as other people write them: models in models, layers called twice, a softmax wherever it fits.

Run as a program, it prints Grad-CAM of the residual network on the backend that KERAS_BACKEND names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnref.environment import keras
from cnnref.explain import grad_cam

layers = keras.layers


def picture(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def fill(model: Any, deviation: float = 0.1) -> Any:
    """Kernels of any sign, and all else about one half, variances among it."""
    random = np.random.default_rng(3)
    shapes = [weight.shape for weight in model.get_weights()]
    model.set_weights([random.normal(0.5 * (len(shape) == 1), deviation, shape) for shape in shapes])
    return model


def classifier() -> Any:
    image = keras.Input((9, 8, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(5, 3, activation="relu", name="maps")(x)
    x = layers.Dense(4, activation="softmax", name="last")(layers.Flatten()(x))
    return fill(keras.Model(image, x, name="classifier"))


def with_head(end: str) -> Any:
    """Global pooling and a dense layer "scores" of 3 classes behind 7 x 6 "maps"; the softmax is at `end`."""
    image = keras.Input((9, 8, 1))
    maps = layers.Conv2D(5, 3, activation="sigmoid", name="maps")(layers.Rescaling(1 / 255)(image))
    if end == "nested head":
        given = keras.Input((7, 6, 5))
        pooled = layers.GlobalAveragePooling2D()(given)
        found = keras.Model(given, layers.Dense(3, activation="softmax", name="scores")(pooled), name="head")(maps)
    elif end == "convolution, then flatten":
        pooled = layers.GlobalAveragePooling2D(keepdims=True)(maps)
        found = layers.Flatten()(layers.Conv2D(3, 1, activation="softmax", name="scores")(pooled))
    elif end == "maps of one place":
        pooled = layers.GlobalAveragePooling2D(keepdims=True)(maps)
        found = layers.Softmax()(layers.Conv2D(3, 1, name="scores")(pooled))
    else:
        pooled = layers.GlobalAveragePooling2D()(maps)
        found = layers.Dense(3, activation=layers.Softmax() if end == "layer" else None, name="scores")(pooled)
        if end == "operation":
            found = keras.ops.softmax(found)
    return fill(keras.Model(image, found))


def residual() -> Any:
    """Smooth, so that differences tell its slopes; "second" has a skip beside it."""
    image = keras.Input((6, 5, 2))
    x = layers.Rescaling(1 / 255)(image)
    first = layers.Conv2D(3, 3, padding="same", activation="tanh", name="first")(x)
    x = layers.Conv2D(3, 3, padding="same", name="second")(first)
    x = layers.Activation("tanh", name="bent")(layers.BatchNormalization(name="norm")(x))
    x = layers.Conv2D(4, 3, activation="tanh", name="after")(layers.Add(name="joined")([first, x]))
    return fill(keras.Model(image, layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(x))), 0.4)


def twice() -> Any:
    """One convolution, "shared", called twice."""
    image = keras.Input((8, 8, 1))
    shared = layers.Conv2D(1, 3, padding="same", name="shared")
    x = shared(shared(layers.Rescaling(1 / 255)(image)))
    return fill(keras.Model(image, layers.Dense(2, activation="softmax", name="scores")(layers.Flatten()(x))), 0.3)


def two_outputs() -> Any:
    image = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(2, 3)(image))
    return keras.Model(image, [layers.Dense(3, activation="softmax")(x), layers.Dense(2)(x)], name="pair")


def of_maps() -> Any:
    image = keras.Input((6, 6, 1))
    return keras.Model(image, layers.Conv2D(3, 3, activation="softmax")(image), name="segments")


def cams() -> np.ndarray:
    image = picture((6, 5, 2))
    found = [
        grad_cam(residual(), image, index, layer, scaled=False) for index in (0, 1, 2) for layer in (None, "second")
    ]
    return np.concatenate([one.ravel() for one in found])


if __name__ == "__main__":
    print(*cams())
