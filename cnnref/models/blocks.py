"""What the families are made of: small functions from tensor to tensor, and every decision about padding.

Tensors are [batch, height, width, channels]. "same" pads (kernel - 1) / 2 on each side, whatever the stride: the
paper's and PyTorch's convention. (Keras pads less at the start than at the end when the stride is 2.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..environment import layers
from ..errors import InputError

#: A symbolic Keras tensor.
Tensor = Any

#: Slope of leaky ReLU below zero (Maas, Hannun, Ng: Rectifier Nonlinearities, 2013).
LEAKY_SLOPE = 0.01

CLASSIFIER_ACTIVATIONS = ("softmax", "sigmoid", "linear", None)


class TooSmallError(Exception):
    """Feature maps have become smaller than the window of a layer."""


class Head:
    """The classifier that the caller asked for: `top(features, to_vector)` ends a network.

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

    def __call__(self, features: Tensor, to_vector: Callable[[Tensor], Tensor]) -> Tensor:
        """[n, h, w, c] -> [n, classes]; or the features themselves if no classifier was asked for."""
        if not self.include:
            return features
        logits = layers.Dense(self.classes, name="logits")(to_vector(features))
        if self.activation in (None, "linear"):
            return logits
        return layers.Activation(self.activation, name="probabilities")(logits)


def normalize(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Raw pixel values 0..255 to (image / 255 - mean) / std, one mean and std (of values 0..1) a channel."""
    channels = image.shape[-1]
    if len(mean) != channels or len(std) != channels or min(std) <= 0:
        raise InputError(
            f"normalization has {len(mean)} means and {len(std)} standard deviations for {channels} channels; "
            "give one of each a channel, the deviations above 0."
        )
    scale = [1 / (255 * deviation) for deviation in std]
    offset = [-average / deviation for average, deviation in zip(mean, std, strict=True)]
    return layers.Rescaling(scale, offset, name="normalization")(image)


def conv(
    x: Tensor,
    filters: int,
    kernel: int,
    stride: int = 1,
    *,
    padding: str = "same",
    activation: str | None = None,
    name: str,
) -> Tensor:
    """A convolution with bias and its activation. [n, h, w, c] -> [n, h', w', filters]."""
    x, padding = padded(x, kernel, stride, padding, name)
    x = layers.Conv2D(filters, kernel, stride, padding=padding, name=name)(x)
    return activate(x, activation, name)


def padded(x: Tensor, kernel: int, stride: int, padding: str, name: str) -> tuple[Tensor, str]:
    """The tensor to convolve and the `padding` to give Keras; refuses maps smaller than the window."""
    margin = (kernel - 1) // 2 if padding == "same" else 0
    check_fits(x, kernel, margin, name)
    if margin == 0:
        return x, "valid"
    if stride == 1 and kernel % 2 == 1:
        return x, "same"  # the same thing here, and one operation instead of two
    return layers.ZeroPadding2D(margin, name=f"{name}_pad")(x), "valid"


def pool(x: Tensor, kind: str, size: int = 2, stride: int | None = None, *, name: str) -> Tensor:
    """Max or average pooling without padding. [n, h, w, c] -> [n, h', w', c]."""
    kinds = {"max": "MaxPooling2D", "average": "AveragePooling2D"}
    if kind not in kinds:
        raise InputError(f"pooling is {kind!r}; choose 'max' or 'average'.")
    check_fits(x, size, 0, name)
    return getattr(layers, kinds[kind])(size, stride, name=name)(x)


def dense(x: Tensor, units: int, *, activation: str | None = None, name: str) -> Tensor:
    """A fully connected layer and its activation. [n, c] -> [n, units]."""
    return activate(layers.Dense(units, name=name)(x), activation, name)


def activate(x: Tensor, activation: str | None, name: str) -> Tensor:
    """The activation as a layer of its own, `NAME_ACTIVATION`, so that the sum before it can be looked at."""
    if activation is None:
        return x
    if activation == "leaky_relu":
        return layers.LeakyReLU(LEAKY_SLOPE, name=f"{name}_leaky_relu")(x)
    if activation not in ("relu", "tanh", "sigmoid"):
        raise InputError(f"activation is {activation!r}; choose 'relu', 'leaky_relu', 'tanh' or 'sigmoid'.")
    return layers.Activation(activation, name=f"{name}_{activation}")(x)


def flatten(x: Tensor) -> Tensor:
    """[n, h, w, c] -> [n, h * w * c], row by row, the channels of a pixel together."""
    return layers.Flatten(name="flatten")(x)


def check_fits(x: Tensor, window: int, margin: int, name: str) -> None:
    """Refuse feature maps that the window of a layer does not fit into."""
    height, width = x.shape[1:3]
    if min(height, width) + 2 * margin < window:
        raise TooSmallError(f"{name} has a {window}x{window} window and gets {height}x{width}")
