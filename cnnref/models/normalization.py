"""Mean and standard deviation of pixels, and the scale and offset that a Rescaling layer computes them with.

A network normalizes raw pixels 0..255 as (pixel / 255 - mean) / std, with one mean and one std (of values 0..1)
per channel. Its Rescaling layer computes pixel * scale + offset. Only this file converts between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..environment import keras, layers

#: Means and standard deviations of values 0..1, one of each per channel.
Normalization = tuple[tuple[float, ...], tuple[float, ...]]

#: The name of the layer that normalizes the pixels in every network that `cnnref.build` makes.
LAYER = "normalization"


def scale_and_offset(mean: Sequence[float], std: Sequence[float]) -> tuple[list[float], list[float]]:
    """Scale and offset, one of each per channel, with which pixel * scale + offset is (pixel / 255 - mean) / std."""
    scale = [1 / (255 * deviation) for deviation in std]
    offset = [-average / deviation for average, deviation in zip(mean, std, strict=True)]
    return scale, offset


def mean_and_std(scale: Sequence[float], offset: Sequence[float]) -> Normalization:
    """The mean and std, of values 0..1, with which (pixel / 255 - mean) / std is pixel * scale + offset."""
    std = tuple(1 / (255 * factor) for factor in scale)
    # Adding 0.0 turns -0.0 into 0.0.
    mean = tuple(-shift * deviation + 0.0 for shift, deviation in zip(offset, std, strict=True))
    return mean, std


def per_channel(value: Any, channels: int) -> list[float]:
    """A list of one number per channel, from such a list or from a single number for all channels."""
    if isinstance(value, int | float):
        return [float(value)] * channels
    numbers = [float(number) for number in value]
    return numbers * channels if len(numbers) == 1 else numbers


def normalization_of(model: keras.Model) -> Normalization | None:
    """The mean and std that a network of `cnnref.build` normalizes raw pixels with; None if it does not.

    The result can be passed to `cnnref.build` as `normalization`.
    """
    layer = next((layer for layer in model.layers if layer.name == LAYER), None)
    if not isinstance(layer, layers.Rescaling):
        return None
    channels = model.input_shape[-1]
    return mean_and_std(per_channel(layer.scale, channels), per_channel(layer.offset, channels))
