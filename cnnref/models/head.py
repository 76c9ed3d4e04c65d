"""The end of a network: the classifier that the caller asked for, dense or by feature maps."""

from __future__ import annotations

from collections.abc import Callable

from ..environment import keras, layers
from ..errors import InputError
from .blocks import GLOROT, Tensor, activate, conv

CLASSIFIER_ACTIVATIONS = ("softmax", "sigmoid", "linear", None)


class Head:
    """`top(features, to_vector)` ends a network with a dense layer, `top.by_maps(features)` with one map a class.

    The last layers are called "logits" and "probabilities" either way.

    Raises:
        InputError: the number of classes and the activation do not make a classifier.
    """

    def __init__(self, classes: int, activation: str | None = "softmax", include_top: bool = True) -> None:
        if not isinstance(classes, int) or isinstance(classes, bool) or classes < 1:
            raise InputError(f"classes is {classes!r}; give a whole number of at least 1.")
        if activation not in CLASSIFIER_ACTIVATIONS:
            raise InputError(
                f"classifier_activation is {activation!r}; choose 'softmax', 'sigmoid', 'linear' or None (logits)."
            )
        if activation == "softmax" and classes == 1 and include_top:
            raise InputError("softmax over one class is always 1; use classifier_activation='sigmoid' for a yes or no.")
        self.classes = classes
        self.activation = activation
        self.include = include_top

    def __call__(
        self,
        features: Tensor,
        to_vector: Callable[[Tensor], Tensor],
        initializer: str | keras.initializers.Initializer = GLOROT,
        *,
        use_bias: bool = True,
    ) -> Tensor:
        """[n, h, w, c] -> [n, classes]; or the features themselves if no classifier was asked for."""
        if not self.include:
            return features
        # Made before the layers in front of it: the order of the random draws belongs to what a seed reproduces.
        logits = layers.Dense(self.classes, use_bias=use_bias, kernel_initializer=initializer, name="logits")
        return self._activated(logits(to_vector(features)))

    def by_maps(self, features: Tensor, to_maps: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """A 1x1 convolution to one map a class, ReLU, and the mean of each map. [n, h, w, c] -> [n, classes].

        `to_maps` comes in front of the convolution. The ReLU is left out for "sigmoid" and "linear": they need
        negative logits.
        """
        if not self.include:
            return features
        x = to_maps(features) if to_maps else features
        x = conv(x, self.classes, 1, name="class_maps")
        if self.activation in (None, "softmax"):
            x = activate(x, "relu", "class_maps")
        return self._activated(layers.GlobalAveragePooling2D(name="logits")(x))

    def _activated(self, logits: Tensor) -> Tensor:
        if self.activation in (None, "linear"):
            return logits
        return layers.Activation(self.activation, name="probabilities")(logits)
