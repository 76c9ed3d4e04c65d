"""Mean and standard deviation of pixels, and the scale and offset that a Rescaling layer computes them with.

A network normalizes raw pixels 0..255 as (pixel / 255 - mean) / std, with one mean and one std (of values 0..1)
per channel. Its Rescaling layer computes pixel * scale + offset. Only this file converts between the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..environment import keras, layers
from ..errors import InputError, printable

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


def checked_normalization(normalization: Any, channels: int) -> Normalization:
    """The mean and std that a caller gives, as one of each per channel.

    Args:
        normalization: a pair of mean and std, of values 0..1: each one number for all channels, or one per channel.
        channels: of the pictures.

    Raises:
        InputError: it is no such pair, or a std is not positive.
    """
    try:
        mean, std = (tuple(per_channel(numbers, channels)) for numbers in normalization)
    except (TypeError, ValueError):
        raise InputError(
            f"normalization is {printable(str(normalization))}; give a pair of mean and std of values 0..1, such as "
            "((0.5,), (0.25,))."
        ) from None
    if not len(mean) == len(std) == channels:
        raise InputError(
            f"normalization has {len(mean)} means and {len(std)} standard deviations for {channels} channels; give one "
            "of each, or one per channel."
        )
    if not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        raise InputError(
            f"normalization has the mean {mean} and the std {std}; give finite numbers and a positive std."
        )
    return mean, std


def normalization_of(model: keras.Model) -> Normalization | None:
    """The mean and std that a network of `cnnref.build` normalizes raw pixels with; None if it does not.

    The result can be passed to `cnnref.build` as `normalization`.
    """
    layer = next((layer for layer in model.layers if layer.name == LAYER), None)
    if not isinstance(layer, layers.Rescaling):
        return None
    channels = model.input_shape[-1]
    return mean_and_std(per_channel(layer.scale, channels), per_channel(layer.offset, channels))
