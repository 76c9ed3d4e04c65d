"""Data augmentation: flips, shifts, small affine and elastic distortions, which do not change the class of a picture.

`draw` makes small arrays of random numbers with NumPy, and `apply` is a pure function of pictures and those arrays, for
NumPy or for jax.numpy inside a compiled loop. A run is therefore reproducible on every backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Images = NDArray[np.float32]
Changes = dict[str, NDArray[Any]]

#: Distance between the control points of an elastic distortion in pixels (Simard et al., 2003, use sigma 4).
ELASTIC_SPACING = 4.0


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of training pictures. Every range is symmetric about "no change", and zero turns it off.

    Attributes:
        flip: mirror left and right with probability 1/2.
        alternating: flip every picture in every other epoch instead, half of them in the even ones
            (Jordan: 94% on CIFAR-10 in 3.29 Seconds, 2024, arXiv 2404.00498, section 3.6).
        translate: largest shift in pixels, drawn for each axis. Without other distortions it is whole pixels.
        rotate: largest rotation, in degrees.
        scale: largest relative change of size (0.1: from 0.9 to 1.1), drawn for each axis.
        shear: largest shear angle, in degrees.
        elastic: standard deviation of a smooth random displacement, in pixels
            (Simard, Steinkraus, Platt: Best Practices for CNNs, ICDAR 2003).
        border: the values outside of the picture: "zero", or "reflect" for the picture mirrored at its edge.
    """

    flip: bool = False
    alternating: bool = False
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

        if self.alternating and not self.flip:
            raise InputError("augmentation.alternating says when to flip; set augmentation.flip = true as well.")

    @property
    def whole_pixels(self) -> bool:
        """Whether pixels are only moved, so that no values are interpolated."""
        return not (self.rotate or self.scale or self.shear or self.elastic)

    def __call__(self, images: NDArray[np.generic], random: np.random.Generator) -> Images:
        """Augment a batch [n, height, width, channels]; the result is float32 in the range of the input."""
        changed: Images = self.apply(images, self.draw(images.shape, random)).astype(np.float32)
        return changed

    def draw(
        self, shape: tuple[int, ...], random: np.random.Generator, mirrored: NDArray[np.bool_] | None = None
    ) -> Changes:
        """The random numbers for a batch of `shape` [n, height, width, channels]; every array has n rows.

        `mirrored` [n] says which pictures to flip; by default that is random.
        """
        n, height, width, _ = shape
        changes: Changes = {}
        if self.flip:
            changes["mirrored"] = random.random(n) < 0.5 if mirrored is None else mirrored
        if self.whole_pixels:
            if pixels := int(self.translate):
                changes["corner"] = random.integers(0, 2 * pixels + 1, (n, 2), dtype=np.int32)
            return changes

        def uniform(limit: float) -> NDArray[np.float64]:
            return random.uniform(-limit, limit, n)

        angle, slant = np.radians(uniform(self.rotate)), np.tan(np.radians(uniform(self.shear)))
        tall, wide = 1 + uniform(self.scale), 1 + uniform(self.scale)
        matrix = np.empty((n, 2, 2))
        matrix[:, 0] = np.stack([np.cos(angle) / tall, -np.sin(angle) / wide], axis=-1)
        matrix[:, 1] = np.stack([np.sin(angle) / tall + slant, np.cos(angle) / wide], axis=-1)
        changes["matrix"] = matrix.astype(np.float32)
        offset = np.stack([uniform(self.translate), uniform(self.translate)], axis=-1)
        changes["center"] = (offset + np.array([height - 1, width - 1]) / 2).astype(np.float32)
        if self.elastic:
            points = (n, 2, spline(height).shape[1], spline(width).shape[1])
            changes["control"] = np.float32(self.elastic) * random.standard_normal(points, dtype=np.float32)
        return changes

    def apply(self, images: Any, changes: Changes, xp: ModuleType = np) -> Any:
        """Apply the drawn changes to a batch [n, height, width, channels], with NumPy or jax.numpy.

        Returns:
            The augmented batch, in the type of the input, or float32 if values are interpolated.
        """
        if "mirrored" in changes:
            images = flip(images, changes["mirrored"], xp)
        if "corner" in changes:
            return shift(images, int(self.translate), changes["corner"], self.border, xp)
        if "matrix" in changes:
            return sample(images.astype(np.float32), coordinates(images.shape, changes, xp), self.border, xp)
        return images


def coordinates(shape: tuple[int, ...], changes: Changes, xp: ModuleType = np) -> Any:
    """The (row, column) in the input that each output pixel is read at: [2, n, height, width], in pixels."""
    n, height, width, _ = shape
    center = np.array([(height - 1) / 2, (width - 1) / 2], np.float32)
    grid = np.indices((height, width), np.float32).reshape(2, -1) - center[:, None]
    moved = changes["matrix"] @ grid + changes["center"][:, :, None]
    if "control" in changes:
        moved = moved + smooth(changes["control"], height, width).reshape(n, 2, -1)
    return xp.moveaxis(moved, 1, 0).reshape(2, n, height, width)


def flip(batch: Any, mirrored: Any, xp: ModuleType = np) -> Any:
    """Mirror left and right the pictures for which `mirrored` [n] is true."""
    if xp is not np:
        return xp.where(mirrored[:, None, None, None], batch[:, :, ::-1], batch)
    flipped = batch.copy()  # several times faster than np.where
    flipped[mirrored] = batch[mirrored, :, ::-1]
    return flipped


def shift(batch: Any, pixels: int, corner: Any, border: str, xp: ModuleType = np) -> Any:
    """Add a border of `pixels` to every picture and crop it to its size at `corner` [n, 2] (row, column)."""
    n, height, width, _ = batch.shape
    margin = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    padded = xp.pad(batch, margin, mode="constant" if border == "zero" else "reflect")
    if xp is np:  # copying slices is ten times faster than an array of indices
        cut = np.empty_like(batch)
        for index, (top, left) in enumerate(corner.tolist()):
            cut[index] = padded[index, top : top + height, left : left + width]
        return cut
    rows = corner[:, :1] + np.arange(height, dtype=np.int32)
    columns = corner[:, 1:] + np.arange(width, dtype=np.int32)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def sample(batch: Any, coordinates: Any, border: str, xp: ModuleType = np) -> Any:
    """Read a float32 batch at fractional (row, column) positions [2, n, height, width] by bilinear interpolation."""
    n, height, width, channels = batch.shape
    # With a border of one pixel every neighbour of a clipped position exists.
    mode = "constant" if border == "zero" else "edge"
    padded = xp.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
    positions = []
    for axis, size in enumerate((height, width)):
        position = coordinates[axis] if border == "zero" else mirror(coordinates[axis], size, xp)
        positions.append(xp.clip(position + 1, 0, size + 1 - 1e-3))
    (row, row_part), (column, column_part) = ((p.astype(np.int32), p - xp.floor(p)) for p in positions)

    flat = padded.reshape(-1, channels)
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * (height + 2) + row) * (width + 2) + column
    down, right = row_part[..., None], column_part[..., None]
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + width + 2] * (1 - right) + flat[corner + width + 3] * right
    return upper * (1 - down) + lower * down


def mirror(position: Any, size: int, xp: ModuleType = np) -> Any:
    """Map positions outside of 0..size-1 back into it, as if the picture were continued by its mirror image."""
    period = np.float32(2 * (size - 1))
    folded = xp.mod(position, period)
    return xp.minimum(folded, period - folded)


def smooth(control: Any, height: int, width: int) -> Any:
    """Smooth fields [n, 2, height, width] from values at control points [n, 2, rows, columns], with equal deviation."""
    return spline(height) @ control @ spline(width).T


@cache
def spline(size: int) -> NDArray[np.float32]:
    """Gaussian weights of the control points [size, points]; each row is scaled to unit length."""
    points = np.arange(-ELASTIC_SPACING, size + ELASTIC_SPACING, ELASTIC_SPACING)
    distance = (np.arange(size)[:, None] - points) / ELASTIC_SPACING
    weights = np.exp(-0.5 * distance**2)
    scaled: NDArray[np.float32] = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return scaled
