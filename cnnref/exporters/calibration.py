"""The pictures whose activations set the ranges of an integer file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

COUNT = 200
#: Ranges that mean nothing need no more.
NOISE = 8
SEED = 0
#: How the ranges follow from the pictures, in both formats; nothing else is done to the weights.
METHOD = "smallest and largest activation"


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


def sample_of(training_images: NDArray[np.uint8], dataset: str, *, count: int = COUNT, seed: int = SEED) -> Calibration:
    """Draw `count` different training images; all of them where there are fewer.

    Raises:
        InputError: there are no images, or `count` is below 1.
    """
    if count < 1 or len(training_images) == 0:
        raise InputError(f"{count} of {len(training_images)} images set no ranges for an integer file; give more.")
    chosen = np.random.default_rng(seed).permutation(len(training_images))[:count]
    return Calibration(training_images[np.sort(chosen)], f"training images of {dataset}", seed)


def noise(shape: tuple[int, int, int], *, count: int = NOISE, seed: int = SEED) -> Calibration:
    """Random pixels, for fresh weights: the file has the size and speed of a real one, and no accuracy to lose."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Calibration(images, "noise, because the weights are fresh", seed)
