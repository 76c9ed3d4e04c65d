"""The arithmetic of a CNN: its operations in plain NumPy, and the geometry of a Keras model."""

from .geometry import LayerRow, layer_table, macs, parameters, trainable_parameters
from .kernels import KERNELS
from .ops import average_pool2d, conv2d, dense, flatten, leaky_relu, max_pool2d, relu, sigmoid, softmax, tanh
from .sizes import output_size, same_padding

__all__ = [
    "KERNELS",
    "LayerRow",
    "average_pool2d",
    "conv2d",
    "dense",
    "flatten",
    "layer_table",
    "leaky_relu",
    "macs",
    "max_pool2d",
    "output_size",
    "parameters",
    "relu",
    "same_padding",
    "sigmoid",
    "softmax",
    "tanh",
    "trainable_parameters",
]
