"""Layers in front of a network that scale, cut and change pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnref.environment import keras, layers

from .table import user_network


def classifier(image: Any, x: Any) -> Any:
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


@user_network()
def adapted_normalization() -> Any:
    normalization = layers.Normalization(axis=-1)
    normalization.adapt(np.random.default_rng(0).uniform(0, 255, (8, 20, 20, 3)).astype(np.float32))
    image = keras.Input((20, 20, 3))
    return classifier(image, normalization(image))


@user_network()
def given_normalization() -> Any:
    image = keras.Input((20, 20, 3))
    x = layers.Rescaling(1 / 255)(image)
    statistics = {"mean": [0.485, 0.456, 0.406], "variance": [0.229**2, 0.224**2, 0.225**2]}
    return classifier(image, layers.Normalization(**statistics)(x))


@user_network()
def normalization_of_all_axes() -> Any:
    """One mean and one variance for everything, and one a pixel."""
    image = keras.Input((12, 14, 1))
    everything = layers.Normalization(axis=None, mean=33.3, variance=78.6**2)
    pixels = layers.Normalization(axis=(1, 2, 3))
    pixels.adapt(np.random.default_rng(0).uniform(0, 255, (16, 12, 14, 1)).astype(np.float32))
    return classifier(image, layers.Concatenate()([everything(image), pixels(image)]))


@user_network()
def every_augmentation() -> Any:
    augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal_and_vertical"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomBrightness(0.1),
        ],
        name="augmentation",
    )
    image = keras.Input((32, 32, 3))
    return classifier(image, layers.Rescaling(1 / 255)(augmentation(image)))


@user_network()
def augmentation_in_a_sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.RandomFlip(),
            layers.RandomZoom(0.2),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )


@user_network()
def later_augmentation() -> Any:
    """Layers of newer versions of Keras; in inference they do nothing."""
    image = keras.Input((28, 28, 3))
    x = layers.RandomSaturation(0.2)(layers.RandomSharpness(0.5)(image))
    return classifier(image, layers.Rescaling(1 / 255)(x))


def _resized(interpolation: str, **more: Any) -> Any:
    image = keras.Input((30, 26, 3))
    x = layers.Resizing(20, 24, interpolation=interpolation, **more)(image)
    return classifier(image, layers.Rescaling(1 / 255)(x))


@user_network()
def resizing_bilinear() -> Any:
    return _resized("bilinear")


@user_network()
def resizing_nearest() -> Any:
    return _resized("nearest")


@user_network()
def resizing_bicubic() -> Any:
    return _resized("bicubic")


@user_network()
def resizing_antialiased() -> Any:
    return _resized("bilinear", antialias=True)


@user_network()
def resizing_with_crop() -> Any:
    return _resized("bilinear", crop_to_aspect_ratio=True)


@user_network()
def resizing_with_bars() -> Any:
    return _resized("bilinear", pad_to_aspect_ratio=True)


@user_network()
def centre_cropped() -> Any:
    image = keras.Input((30, 27, 3))
    return classifier(image, layers.Rescaling(1 / 255)(layers.CenterCrop(20, 20)(image)))


@user_network()
def padded_and_cropped() -> Any:
    image = keras.Input((20, 20, 3))
    x = layers.ZeroPadding2D(((1, 2), (3, 0)))(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(6, 3, activation="relu")(x)
    return classifier(image, layers.Cropping2D(((2, 1), (0, 3)))(x))


@user_network()
def gray_inside() -> Any:
    image = keras.Input((20, 20, 3))
    return classifier(image, layers.Rescaling(1 / 255)(layers.RandomGrayscale(factor=1.0)(image)))


@user_network()
def divided_by_an_operator() -> Any:
    """`image / 255.0 - 0.5` written with Python's operators."""
    image = keras.Input((20, 20, 3))
    return classifier(image, image / 255.0 - 0.5)
