"""The weights of one of our models as slots for tensors: the name and the memory layout of each in another library.

    convolution             Keras [height, width, in / groups, out]    PyTorch [out, in / groups, height, width]
    depthwise convolution   Keras [height, width, c, 1]                PyTorch [c, 1, height, width]
    dense                   Keras [in, out]                            PyTorch [out, in]

A dense layer behind flattening reads height, width, channels in Keras and channels, height, width in PyTorch.
ConvNeXt's scale per channel is a depthwise 1x1 convolution here, and a vector in other libraries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arithmetic.graph import trace
from ..environment import keras

Shape = tuple[int, ...]

#: PyTorch's names for the weights of a layer.
PYTORCH = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

#: Layers between flattening and the next dense layer that keep the order of a vector.
ELEMENTWISE = ("Activation", "Dropout", "LeakyReLU", "ReLU")

#: From [out, in, height, width] to [height, width, in, out], and from [c, 1, height, width] to [height, width, c, 1].
KERNEL_AXES, DEPTHWISE_AXES = (2, 3, 1, 0), (2, 3, 0, 1)


@dataclass(frozen=True, eq=False)
class Slot:
    """One weight of one of our layers.

    Attributes:
        layer: The layer's name.
        weight: "kernel", "bias", "gamma", "beta", "moving_mean" or "moving_variance".
        variable: The Keras variable to assign to.
        key: The suffix after the name of the other library's module.
        shapes: Accepted shapes of the tensor in the other library, the usual one first.
        unfolded: The shape in the other library with all axes.
        axes: The transposition of these axes to Keras' order; () for none.
    """

    layer: str
    weight: str
    variable: Any
    key: str
    shapes: tuple[Shape, ...]
    unfolded: Shape
    axes: Shape = ()

    def __str__(self) -> str:
        return f"{self.layer}/{self.weight}"

    def convert(self, tensor: np.ndarray) -> np.ndarray:
        """A tensor of any of `shapes`, in the shape of the variable."""
        tensor = tensor.reshape(self.unfolded)
        return (tensor.transpose(self.axes) if self.axes else tensor).reshape(self.variable.shape)


def pytorch_slots(model: keras.Model) -> list[Slot]:
    """Every weight of the model, to be filled with PyTorch's tensors."""
    flattened = _sizes_before_flattening(model)
    slots = []
    for layer, weight, variable in _weights(model):
        shape = tuple(variable.shape)
        key, kind = f".{PYTORCH[weight]}", type(layer).__name__
        shapes: tuple[Shape, ...] = (shape,)
        unfolded: Shape = shape
        axes: Shape = ()
        if is_channel_scale(layer):
            key, shapes = "", ((shape[2],), (shape[2], 1, 1))
        elif weight == "kernel" and kind == "Conv2D":
            height, width, inputs, filters = shape
            unfolded, axes = (filters, inputs, height, width), KERNEL_AXES
            shapes = (unfolded, (filters, inputs)) if height == width == 1 else (unfolded,)
        elif weight == "kernel" and kind == "DepthwiseConv2D":
            height, width, channels, multiplier = shape
            unfolded, axes = (channels, multiplier, height, width), DEPTHWISE_AXES
            shapes = ((channels * multiplier, 1, height, width),)
            if height == width == 1:
                shapes = (*shapes, (channels,))  # ConvNeXt V2's factors, which have an offset beside them
        elif weight == "kernel" and kind == "Dense":
            height, width, channels = flattened.get(layer.name, (1, 1, shape[0]))
            unfolded, axes = (shape[1], channels, height, width), KERNEL_AXES
            shapes = (shape[::-1], unfolded)
        slots.append(Slot(layer.name, weight, variable, key, shapes, unfolded, axes))
    return slots


def keras_slots(model: keras.Model) -> list[Slot]:
    """Every weight of the model, to be filled with those of a Keras model: only axes of size 1 may differ."""
    slots = []
    for layer, weight, variable in _weights(model):
        shape = tuple(variable.shape)
        key, kind = f".{weight}", type(layer).__name__
        shapes: tuple[Shape, ...] = (shape,)
        if is_channel_scale(layer):
            key, shapes = ".gamma", ((shape[2],),)
        elif weight == "kernel" and kind == "DepthwiseConv2D":
            shapes = (shape, (*shape[:2], 1, shape[2]))  # a convolution with as many groups as channels
        elif weight == "kernel" and kind == "Conv2D" and shape[:2] == (1, 1):
            shapes = (shape, shape[2:])
        elif weight == "kernel" and kind == "Dense":
            shapes = (shape, (1, 1, *shape))
        slots.append(Slot(layer.name, weight, variable, key, shapes, shape))
    return slots


def is_channel_scale(layer: Any) -> bool:
    """Whether the layer is ConvNeXt's factor for each channel, which is `NAME_scale` in our networks."""
    return type(layer).__name__ == "DepthwiseConv2D" and layer.name.endswith("_scale")


def _weights(model: keras.Model) -> list[tuple[Any, str, Any]]:
    """Layer, name and variable of every weight."""
    return [(layer, variable.name, variable) for layer in model.layers for variable in layer.weights]


def _sizes_before_flattening(model: keras.Model) -> dict[str, Shape]:
    """For each dense layer after flattening: height, width and channels of the flattened feature maps."""
    maps: dict[int, Shape] = {}
    found = {}
    for call in trace(model).calls:
        for tensor in call.inputs:
            shape = maps.get(id(tensor))
            if call.keras_class == "Flatten" and len(tensor.shape) == 4:
                shape = tensor.shape[1:]
            if shape and call.keras_class == "Dense":
                found[call.operation.name] = shape
            elif shape and call.keras_class in (*ELEMENTWISE, "Flatten"):
                maps[id(call.outputs[0])] = shape
    return found
