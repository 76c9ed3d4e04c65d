"""Random changes that leave a picture's class alone: flips, shifts, small affine and elastic distortions.

All of it is NumPy on a batch, and a pure function of the batch and a random generator, so that a run can be
repeated and resumed on any backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Images = NDArray[np.float32]

#: Distance between the control points of an elastic distortion, in pixels (Simard et al., 2003, smooth with sigma 4).
ELASTIC_SPACING = 4.0


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training picture. Every range is symmetric about "no change"; zero turns it off.

    Attributes:
        flip: mirror left and right with probability 1/2.
        translate: largest shift, in pixels, each axis by itself. Without other distortions the shift is whole pixels.
        rotate: largest rotation, in degrees.
        scale: largest relative change of size (0.1: from 0.9 to 1.1), each axis by itself.
        shear: largest shear angle, in degrees.
        elastic: standard deviation of a smooth random displacement, in pixels
            (Simard, Steinkraus, Platt: Best Practices for CNNs, ICDAR 2003).
        border: what comes in from outside: "zero", or the picture mirrored at its edge, "reflect".
    """

    flip: bool = False
    translate: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    border: Literal["zero", "reflect"] = "zero"

    def __post_init__(self) -> None:
        for name in ("translate", "rotate", "scale", "shear", "elastic"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"augmentation.{name} is {getattr(self, name)}; give 0 or more, the range each way.")

    def __call__(self, images: NDArray[np.generic], random: np.random.Generator) -> Images:
        """Change a batch [n, height, width, channels]; the result is float32 in the range of the input."""
        batch = images.astype(np.float32)
        if self.flip:
            mirrored = random.random(len(batch)) < 0.5
            batch[mirrored] = batch[mirrored, :, ::-1]
        if self.rotate or self.scale or self.shear or self.elastic:
            return sample(batch, self._coordinates(batch.shape, random), self.border)
        return shift(batch, int(self.translate), random, self.border) if self.translate else batch

    def _coordinates(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
        """Where each output pixel is read: [2, n, height, width], in pixels."""
        n, height, width, _ = shape

        def uniform(limit: float) -> NDArray[np.float64]:
            return random.uniform(-limit, limit, n)

        angle, slant = np.radians(uniform(self.rotate)), np.tan(np.radians(uniform(self.shear)))
        tall, wide = 1 + uniform(self.scale), 1 + uniform(self.scale)
        matrix = np.empty((n, 2, 2))
        matrix[:, 0] = np.stack([np.cos(angle) / tall, -np.sin(angle) / wide], axis=-1)
        matrix[:, 1] = np.stack([np.sin(angle) / tall + slant, np.cos(angle) / wide], axis=-1)
        offset = np.stack([uniform(self.translate), uniform(self.translate)], axis=-1)

        center = np.array([(height - 1) / 2, (width - 1) / 2])
        grid = np.indices((height, width)).reshape(2, -1) - center[:, None]
        moved = matrix @ grid + (center + offset)[:, :, None]
        coordinates = np.moveaxis(moved, 1, 0).reshape(2, n, height, width).astype(np.float32)
        if self.elastic:
            coordinates += np.float32(self.elastic) * smooth_noise(n, height, width, random)
        return coordinates


def shift(batch: Images, pixels: int, random: np.random.Generator, border: str) -> Images:
    """Move every picture by up to `pixels` whole pixels, each axis by itself."""
    n, height, width, _ = batch.shape
    margin = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    padded = np.pad(batch, margin, mode="constant" if border == "zero" else "reflect")
    top, left = random.integers(0, 2 * pixels + 1, size=(2, n))
    rows = top[:, None] + np.arange(height)
    columns = left[:, None] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def sample(batch: Images, coordinates: NDArray[np.float32], border: str) -> Images:
    """Read a batch at fractional (row, column) positions, bilinearly."""
    n, height, width, channels = batch.shape
    # One pixel of border makes every neighbour of a clipped position exist.
    mode = "constant" if border == "zero" else "edge"
    padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)  # type: ignore[call-overload]
    positions = []
    for axis, size in enumerate((height, width)):
        position = coordinates[axis] if border == "zero" else mirror(coordinates[axis], size)
        positions.append(np.clip(position + 1, 0, size + 1 - 1e-3))
    (row, row_part), (column, column_part) = ((p.astype(np.int32), p - np.floor(p)) for p in positions)

    flat = padded.reshape(-1, channels)
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * (height + 2) + row) * (width + 2) + column
    down, right = row_part[..., None], column_part[..., None]
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + width + 2] * (1 - right) + flat[corner + width + 3] * right
    return upper * (1 - down) + lower * down


def mirror(position: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Fold positions outside 0..size-1 back, as if the picture were continued by its mirror image."""
    period = np.float32(2 * (size - 1))
    folded = np.mod(position, period, dtype=np.float32)
    return np.minimum(folded, period - folded)


def smooth_noise(n: int, height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random fields [2, n, height, width] of standard deviation 1."""
    rows, columns = spline(height), spline(width)
    control = random.standard_normal((2, n, rows.shape[1], columns.shape[1]), dtype=np.float32)
    return (rows @ control @ columns.T).astype(np.float32, copy=False)


@cache
def spline(size: int) -> NDArray[np.float32]:
    """Gaussian bumps at the control points, [size, points], each row scaled to unit length."""
    points = np.arange(-ELASTIC_SPACING, size + ELASTIC_SPACING, ELASTIC_SPACING)
    distance = (np.arange(size)[:, None] - points) / ELASTIC_SPACING
    weights = np.exp(-0.5 * distance**2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
