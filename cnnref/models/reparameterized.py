"""Convolutions with parallel branches in training that become one convolution afterwards, and the folding itself.

Ding et al.: RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, section 3.3; Vasu et al.: MobileOne, CVPR 2023.

A branched convolution is the sum of convolutions with normalization, of a 1x1 convolution with normalization, and of a
normalization of its input, where the shape stays the same; then ReLU. Each branch is linear, so the sum is a single
convolution with a bias, which `fold_branches` computes from the weights:

    model = cnnref.build("repvgg_a0")                       # train it, or convert weights into it
    plain = cnnref.models.fold_branches(model)              # the same function, with one convolution for each block
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras
from ..errors import InputError
from .blocks import HE, Tensor, activate, add, batch_norm, conv, conv_bn, depthwise_bn, depthwise_conv
from .normalization import normalization_of
from .registry import build

Array = NDArray[np.float64]


def branched_conv(
    x: Tensor, filters: int, kernel: int, stride: int, *, copies: int = 1, folded: bool = False, name: str
) -> Tensor:
    """A branched convolution with `copies` branches of the window; `folded` is the single one. ReLU in both cases.

    [n, h, w, c] -> [n, h/stride, w/stride, filters].
    """
    if folded:
        return conv(x, filters, kernel, stride, initializer=HE, activation="relu", name=name)
    branches = [
        conv_bn(x, filters, kernel, stride, activation=None, name=f"{name}_conv{number}")
        for number in range(1, copies + 1)
    ]
    if kernel > 1:
        branches.append(conv_bn(x, filters, 1, stride, activation=None, name=f"{name}_point"))
    if stride == 1 and x.shape[-1] == filters:
        branches.append(batch_norm(x, name=f"{name}_identity"))
    return activate(add(branches, f"{name}_sum"), "relu", name)


def branched_depthwise(
    x: Tensor, kernel: int, stride: int, *, copies: int = 1, folded: bool = False, name: str
) -> Tensor:
    """The same with depthwise convolutions. [n, h, w, c] -> [n, h/stride, w/stride, c]."""
    if folded:
        return activate(depthwise_conv(x, kernel, stride, use_bias=True, name=name), "relu", name)
    branches = [depthwise_bn(x, kernel, stride, name=f"{name}_conv{number}") for number in range(1, copies + 1)]
    branches.append(depthwise_bn(x, 1, stride, name=f"{name}_point"))
    if stride == 1:
        branches.append(batch_norm(x, name=f"{name}_identity"))
    return activate(add(branches, f"{name}_sum"), "relu", name)


def fold_branches(model: keras.Model) -> keras.Model:
    """A network that computes the same with one convolution in place of each branched one.

    Args:
        model: what `cnnref.build` has made of RepVGG or MobileOne, with any weights.

    Returns:
        A new model, as `cnnref.build(NAME, folded=True)` makes it. The given one stays as it is.

    Raises:
        InputError: the model has no branched convolutions.
    """
    layers = {layer.name: layer for layer in model.layers}
    blocks = [name.removesuffix("_sum") for name in layers if name.endswith("_sum")]
    if not blocks:
        raise InputError(f"{model.name} has no branched convolutions that could be folded.")
    probabilities = layers.get("probabilities")
    options: dict[str, Any] = {"include_top": "logits" in layers}
    if "logits" in layers:
        options |= {
            "classes": layers["logits"].units,
            "classifier_activation": probabilities.activation.__name__ if probabilities else None,
        }
    plain = build(model.name, model.input_shape[1:], **options, normalization=normalization_of(model), folded=True)
    for layer in plain.layers:
        if layer.name in blocks:
            layer.set_weights(_folded(layers, layer))
        elif layer.weights:
            layer.set_weights(layers[layer.name].get_weights())
    return plain


def _folded(layers: dict[str, Any], plain: Any) -> list[Array]:
    """Kernel and bias of the sum of all branches of a block."""
    shape = tuple(plain.kernel.shape)
    depthwise = type(plain).__name__ == "DepthwiseConv2D"
    centre = (shape[0] // 2, shape[1] // 2)
    kernel, bias = np.zeros(shape), np.zeros(plain.bias.shape)
    for name, norm in layers.items():
        if not (name.startswith(f"{plain.name}_") and name.endswith("_bn")):
            continue
        gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in norm.get_weights())
        factor = gamma / np.sqrt(variance + norm.epsilon)
        branch = np.zeros(shape)
        if name == f"{plain.name}_identity_bn":
            branch[centre] = np.ones((shape[2], 1)) if depthwise else np.eye(shape[2])
        else:
            (weights,) = layers[name.removesuffix("_bn")].get_weights()
            if weights.shape[:2] == shape[:2]:
                branch += weights
            else:
                branch[centre] = weights[0, 0]
        kernel += branch * (factor[:, None] if depthwise else factor)
        bias += beta - mean * factor
    return [kernel, bias]
