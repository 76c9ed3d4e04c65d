"""Normalizations in their variants."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network


def network(*normalizations: Any) -> Any:
    """A convolution, a normalization and an activation, as often as there are normalizations."""
    image = keras.Input((16, 14, 3))
    x = layers.Rescaling(1 / 255)(image)
    for normalization in normalizations:
        x = layers.Activation("relu")(normalization(layers.Conv2D(6, 3, use_bias=False)(x)))
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


@user_network()
def batch_without_scale_or_centre() -> Any:
    return network(
        layers.BatchNormalization(scale=False),
        layers.BatchNormalization(center=False, epsilon=1e-5),
        layers.BatchNormalization(scale=False, center=False, momentum=0.9),
    )


@user_network()
def batch_over_another_axis() -> Any:
    """Channels where there are rows: a mistake that many networks have."""
    return network(layers.BatchNormalization(axis=1))


@user_network()
def batch_before_and_after() -> Any:
    """Normalization of the picture, behind an activation, and behind a dense layer."""
    image = keras.Input((16, 14, 3))
    x = layers.Conv2D(6, 3, activation="relu")(layers.BatchNormalization()(image))
    x = layers.Flatten()(layers.BatchNormalization()(x))
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(8)(x)))
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


@user_network()
def group_normalization() -> Any:
    return network(layers.GroupNormalization(groups=3), layers.GroupNormalization(groups=-1, scale=False))


@user_network()
def group_of_one_channel() -> Any:
    """Instance normalization."""
    return network(layers.GroupNormalization(groups=6, axis=-1, epsilon=1e-5))


@user_network()
def layer_normalization() -> Any:
    return network(layers.LayerNormalization(), layers.LayerNormalization(axis=[1, 2, 3], center=False))


@user_network()
def root_mean_square_normalization() -> Any:
    return network(layers.RMSNormalization())


@user_network()
def unit_normalization() -> Any:
    return network(layers.UnitNormalization(), layers.UnitNormalization(axis=(1, 2)))


@user_network()
def spectral_normalization() -> Any:
    image = keras.Input((16, 14, 3))
    x = layers.SpectralNormalization(layers.Conv2D(6, 3, strides=2))(layers.Rescaling(1 / 255)(image))
    x = layers.Flatten()(layers.LeakyReLU(0.2)(x))
    return keras.Model(image, layers.SpectralNormalization(layers.Dense(1, activation="sigmoid"))(x))
