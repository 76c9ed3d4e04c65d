"""Activations, by string, as a layer of their own, and as a function."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network

activations = keras.activations


def network(*between: Any, activation: Any = None) -> Any:
    """A convolution with each layer of `between` behind one copy of it, all joined."""
    image = keras.Input((14, 12, 3))
    x = layers.Conv2D(6, 3, activation=activation)(layers.Rescaling(1 / 64, -2)(image))
    if between:
        parts = [one(layers.Conv2D(4, 3)(x)) for one in between]
        x = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


def by_name(*names: str) -> Any:
    return network(*(layers.Activation(name) for name in names))


@user_network()
def parametric_relu() -> Any:
    """One slope a value, and one a channel."""
    return network(layers.PReLU(), layers.PReLU(shared_axes=[1, 2]))


@user_network()
def elu_selu_celu() -> Any:
    return by_name("elu", "selu", "celu")


@user_network()
def layers_of_their_own() -> Any:
    return network(layers.ELU(alpha=0.5), layers.LeakyReLU(), layers.ReLU(threshold=0.3, negative_slope=0.1))


@user_network()
def mish_and_swish() -> Any:
    return network(layers.Activation("mish"), layers.Activation("swish"), activation="silu")


@user_network()
def gelu_both_ways() -> Any:
    return network(layers.Activation("gelu"), layers.Activation(keras.ops.gelu), activation="gelu")


@user_network()
def soft_ones() -> Any:
    return by_name("softplus", "softsign", "squareplus", "sparse_plus")


@user_network()
def hard_ones() -> Any:
    return by_name("hard_sigmoid", "hard_swish", "hard_tanh", "hard_silu", "relu6")


@user_network()
def sigmoids() -> Any:
    return by_name("sigmoid", "log_sigmoid", "tanh", "sparse_sigmoid")


@user_network()
def shrinks() -> Any:
    return by_name("hard_shrink", "soft_shrink", "tanh_shrink")


@user_network()
def exponentials() -> Any:
    return by_name("exponential", "linear")


@user_network()
def gated_linear_unit() -> Any:
    return network(keras.ops.glu)


@user_network()
def log_softmax_head() -> Any:
    image = keras.Input((14, 12, 3))
    x = layers.Conv2D(6, 3, activation="tanh")(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(4, activation="log_softmax")(layers.Flatten()(x)))


@user_network()
def sparsemax_head() -> Any:
    image = keras.Input((14, 12, 3))
    x = layers.Conv2D(6, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(4, activation="sparsemax")(layers.GlobalAveragePooling2D()(x)))


@user_network()
def softmax_over_channels() -> Any:
    return network(layers.Softmax(), layers.Softmax(axis=1), layers.Activation("softmax"))


@user_network()
def activation_by_function() -> Any:
    return network(layers.Activation(activations.leaky_relu), activation=activations.elu)


@user_network()
def activation_by_layer() -> Any:
    return network(activation=layers.LeakyReLU(negative_slope=0.2))
