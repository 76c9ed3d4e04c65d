"""What works across the channels of feature maps: squeeze-and-excitation, normalization, shuffling."""

from __future__ import annotations

from ..environment import layers, ops
from .blocks import Tensor, conv, named


def squeeze_excite(x: Tensor, squeezed: int, *, activation: str = "relu", gate: str = "sigmoid", name: str) -> Tensor:
    """Weigh each channel by what all of them show on average (Hu et al., 2018). [n, h, w, c] -> the same shape."""
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weights = conv(weights, squeezed, 1, activation=activation, name=f"{name}_reduce")
    weights = conv(weights, x.shape[-1], 1, activation=gate, name=f"{name}_expand")
    return layers.Multiply(name=f"{name}_scale")([x, weights])


def local_response_norm(x: Tensor, *, size: int, alpha: float, beta: float, bias: float, name: str) -> Tensor:
    """x / (bias + alpha * sum of the squares of `size` neighbouring channels) ** beta. Same shape.

    Krizhevsky et al., 2012, section 3.3. (Caffe and PyTorch divide their alpha by `size`.)
    """
    channels, half = x.shape[-1], size // 2
    squares = named(ops.square(x), f"{name}_square")
    squares = named(ops.pad(squares, [(0, 0), (0, 0), (0, 0), (half, size - 1 - half)]), f"{name}_pad")
    total = named(squares[..., :channels], f"{name}_channel0")
    for shift in range(1, size):
        neighbour = named(squares[..., shift : shift + channels], f"{name}_channel{shift}")
        total = named(ops.add(total, neighbour), f"{name}_sum{shift}")
    scaled = named(ops.multiply(total, alpha), f"{name}_alpha")
    power = named(ops.power(named(ops.add(scaled, bias), f"{name}_bias"), beta), f"{name}_power")
    return named(ops.divide(x, power), name)


def channel_shuffle(x: Tensor, groups: int, name: str) -> Tensor:
    """Deal the channels of `groups` groups out in turn (Zhang et al.: ShuffleNet, 2018). Same shape."""
    _, height, width, channels = x.shape
    x = named(ops.reshape(x, (-1, height, width, groups, channels // groups)), f"{name}_groups")
    x = named(ops.transpose(x, (0, 1, 2, 4, 3)), f"{name}_turned")
    return named(ops.reshape(x, (-1, height, width, channels)), name)
