"""The pictures whose activations set the ranges of an integer file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, printable
from ..pictures import PictureRule, read_picture
from ..stored_pictures import ImageSource

COUNT = 200
#: Endings of the files that a folder is searched for.
PICTURES = (".jpeg", ".jpg", ".png")
#: Ranges that mean nothing need no more.
NOISE = 8
SEED = 0
#: How the ranges follow from the pictures, in both formats, unless a file's remedy says otherwise.
METHOD = "smallest and largest activation"
#: What shorter ranges are chosen by: values of a tensor for each image, and shares of the whole range that are tried.
VALUES_PER_IMAGE = 256
SHARES = tuple(1 - step / 40 for step in range(33))


@dataclass(frozen=True)
class IntegerPlan:
    """How an integer file is made where it is not made in the usual way.

    Attributes:
        corrected: biases that make up for what the rounding of the weights adds on average; see `mean_error`.
        least_error: ranges that give the least squared error, and not the smallest and largest activation.
        in_floats: names of tensors that are computed in floats all the same.
    """

    corrected: bool = False
    least_error: bool = False
    in_floats: tuple[str, ...] = ()


#: The usual way.
PLAIN = IntegerPlan()


@dataclass(frozen=True)
class Calibration:
    """`images` uint8 [n, height, width, channels], `origin` in words, and the seed that drew them."""

    images: NDArray[np.uint8]
    origin: str
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The entry in bundle.json. The hash is over the pixels, image after image."""
        return {
            "images": len(self.images),
            "from": self.origin,
            "seed": self.seed,
            "method": METHOD,
            "sha256": hashlib.sha256(np.ascontiguousarray(self.images).tobytes()).hexdigest(),
        }


def sample_of(training_images: ImageSource, dataset: str, *, count: int = COUNT, seed: int = SEED) -> Calibration:
    """Draw `count` different training images; all of them where there are fewer.

    Raises:
        InputError: there are no images, or `count` is below 1.
    """
    if count < 1 or len(training_images) == 0:
        raise InputError(f"{count} of {len(training_images)} images set no ranges for an integer file; give more.")
    chosen = np.random.default_rng(seed).permutation(len(training_images))[:count]
    return Calibration(training_images[np.sort(chosen)], f"training images of {dataset}", seed)


def of_pictures(folder: Path, shape: tuple[int, int, int], rule: PictureRule, *, count: int = COUNT) -> Calibration:
    """Draw `count` different picture files of a folder and its sub-folders; all of them where there are fewer.

    Raises:
        InputError: there is no such folder, no picture in it, or one that cannot be read.
    """
    chosen = drawn_pictures(folder, count=count)
    images = read_pictures(chosen, shape, rule)
    origin = f"{len(images)} of {len(_files(folder))} pictures of the folder {printable(folder.name)}"
    return Calibration(images, origin, SEED)


def drawn_pictures(folder: Path, *, after: int = 0, count: int = COUNT) -> list[Path]:
    """`count` different picture files of a folder and its sub-folders, behind the first `after` ones that are drawn.

    Raises:
        InputError: there is no such folder, or no picture in it.
    """
    files = _files(folder)
    if not files:
        raise InputError(f"{folder} is no folder with pictures ({', '.join(PICTURES)}) to calibrate int8 with.")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(files))[after : after + count])
    return [files[index] for index in chosen]


def read_pictures(files: Iterable[Path], shape: tuple[int, int, int], rule: PictureRule) -> NDArray[np.uint8]:
    """The pictures of these files, uint8 [n, height, width, channels]; an InputError names one that cannot be read."""
    return np.stack([read_picture(file, *shape, rule) for file in files])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES) if folder.is_dir() else []


def noise(shape: tuple[int, int, int], *, count: int = NOISE, seed: int = SEED) -> Calibration:
    """Random pixels, for fresh weights: the file has the size and speed of a real one, and no accuracy to lose."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Calibration(images, "noise, because the weights are fresh", seed)


def mean_error(error: NDArray[Any], means: NDArray[Any]) -> NDArray[np.float64]:
    """What an error of weights adds to the sums of a layer on average, one number a filter.

    Rounded weights are wrong by the same numbers at every place of every image, so part of the error is a constant, and
    the bias can take it away (Nagel et al.: Data-Free Quantization Through Weight Equalization and Bias Correction,
    ICCV 2019, arXiv 1906.04721, section 4.2). Zeros that are padded around a map are not counted.

    Args:
        error: [filters, channels, ...], exact weights less rounded ones; with groups, the channels of a group.
        means: [all channels], the mean of each channel of the layer's input.
    """
    by_channel = error.astype(np.float64).reshape(*error.shape[:2], -1).sum(axis=2)
    groups = len(means) // by_channel.shape[1]
    parts = by_channel.reshape(groups, -1, by_channel.shape[1]) * means.astype(np.float64).reshape(groups, 1, -1)
    found: NDArray[np.float64] = parts.sum(axis=2).reshape(-1)
    return found


def some_values(tensor: NDArray[Any], *, seed: int) -> NDArray[np.float32]:
    """`VALUES_PER_IMAGE` values of a tensor, drawn with a seed; all where there are fewer."""
    flat = np.asarray(tensor, np.float32).reshape(-1)
    if flat.size <= VALUES_PER_IMAGE:
        return flat.copy()
    chosen: NDArray[np.float32] = flat[np.random.default_rng(seed).integers(0, flat.size, VALUES_PER_IMAGE)]
    return chosen


def least_error_range(values: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    """The range of 256 steps, inside `low` <= 0 <= `high`, that rounds and clips values with the least squared error.

    A few large values then no longer widen the steps of all others (Choukroun et al.: Low-bit Quantization of Neural
    Networks for Efficient Inference, ICCV Workshops 2019, arXiv 1902.06822, section 3). The two ends are searched in
    turns.
    """
    best = low, high
    for _ in range(2):
        best = min(((low * share, best[1]) for share in SHARES), key=lambda ends: _squared_error(values, *ends))
        best = min(((best[0], high * share) for share in SHARES), key=lambda ends: _squared_error(values, *ends))
    return best


def _squared_error(values: NDArray[np.float32], low: float, high: float) -> float:
    step = np.float32((high - low) / 255) or np.float32(1)
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, 255) - zero) * step
    return float(np.square(values - rounded, dtype=np.float64).sum())
