"""Data augmentation: flips, shifts, crops, small distortions, colours, rectangles erased or exchanged, pictures mixed.

`draw` makes small arrays of random numbers with NumPy, and `apply` is a pure function of pictures and those arrays, for
NumPy or for jax.numpy inside a compiled loop. A run is therefore reproducible on every backend.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
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
#: Largest ratio of the sides of an erased rectangle, either way.
ERASED_ASPECT = 3.3
#: From red, green and blue to gray and the two colours of YIQ (FCC, 1953); rows are Y, I and Q.
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
#: What the settings of colour, crop, erasing and mixing may be.
RANGES = {
    "crop": (0, 1),
    "crop_aspect": (1, 10),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "saturation": (0, 1),
    "hue": (0, 0.5),
    "erase": (0, 1),
    "mixup": (0, 100),
    "cutmix": (0, 100),
}


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
        crop: random resized crop: the least share of the picture's area that is cut out and enlarged to its size; the
            share is uniform from here to all of it, 0 cuts nothing
            (Szegedy et al.: Going Deeper with Convolutions, CVPR 2015, section 6, take 0.08).
        crop_aspect: the largest ratio of the sides of what is cut out, relative to the picture's, either way; a side
            that would be longer than the picture's is as long as it.
        brightness, contrast, saturation: largest relative change, about black, about the picture's mean gray, and about
            each pixel's gray (0.4: from 0.6 to 1.4), drawn for each picture.
        hue: largest turn of the hue, as a share of the whole circle (up to 0.5), in the plane of I and Q of YIQ.
        erase: a rectangle of each picture is filled with its mean colour; the rectangle's share of the area is uniform
            from nothing to this, and its sides are in a ratio of up to 3.3
            (Zhong et al.: Random Erasing, AAAI 2020, arXiv 1708.04896).
        mixup: every picture and its label are mixed with another one of the batch, by a share from the distribution
            Beta(mixup, mixup) (Zhang et al.: mixup, ICLR 2018, arXiv 1710.09412; they take 0.2 for ImageNet).
        cutmix: a rectangle of every picture is that of another one of the batch, and the labels count by the shares of
            the area; that of the rectangle is from Beta(cutmix, cutmix), less what lies outside of the picture
            (Yun et al.: CutMix, ICCV 2019, arXiv 1905.04899, section 3.1; they take 1).
    """

    flip: bool = False
    alternating: bool = False
    translate: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    border: Literal["zero", "reflect"] = "zero"
    crop: float = 0.0
    crop_aspect: float = 4 / 3
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("translate", "rotate", "scale", "shear", "elastic"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"augmentation.{name} is {getattr(self, name)}; give 0 or more, the range each way.")
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise InputError(f"augmentation.{name} is {getattr(self, name)}; give a number from {least} to {most}.")
        if self.alternating and not self.flip:
            raise InputError("augmentation.alternating says when to flip; set augmentation.flip = true as well.")

        if self.mixup and self.cutmix:
            raise InputError("augmentation.mixup and augmentation.cutmix both mix the labels; set one of them to 0.")

    @property
    def beyond_flips(self) -> list[str]:
        """The settings in use that show more than each picture and its mirror image, by name."""
        harmless = ("flip", "alternating", "border", "crop_aspect")
        return [one.name for one in fields(self) if one.name not in harmless and getattr(self, one.name) != one.default]

    @property
    def mixes(self) -> bool:
        """Whether pictures and their labels are mixed."""
        return bool(self.mixup or self.cutmix)

    @property
    def whole_pixels(self) -> bool:
        """Whether pixels are only moved, so that no values are interpolated."""
        return not (self.rotate or self.scale or self.shear or self.elastic or self.crop)

    @property
    def recolours(self) -> bool:
        """Whether colours are changed."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue)

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
        n = shape[0]
        changes: Changes = {}
        if self.flip:
            changes["mirrored"] = random.random(n) < 0.5 if mirrored is None else mirrored
        if not self.whole_pixels:
            changes |= self._draw_places(shape, random)
        elif pixels := int(self.translate):
            changes["corner"] = random.integers(0, 2 * pixels + 1, (n, 2), dtype=np.int32)
        # What came later is drawn later, so that the numbers of older recipes stay the same.
        if self.recolours:
            changes |= self._draw_colours(shape, random)
        if self.erase:
            changes["erased"] = self._draw_rectangles(shape, random)
        if self.mixup:
            changes["share"] = random.beta(self.mixup, self.mixup, n).astype(np.float32)
        if self.cutmix:
            changes["taken"] = self._draw_taken(shape, random)
            changes["share"] = kept_share(changes["taken"], shape)
        return changes

    def _draw_places(self, shape: tuple[int, ...], random: np.random.Generator) -> Changes:
        """Where the pixels of each picture are read."""
        n, height, width, _ = shape
        changes: Changes = {}

        def uniform(limit: float) -> NDArray[np.float64]:
            return random.uniform(-limit, limit, n)

        angle, slant = np.radians(uniform(self.rotate)), np.tan(np.radians(uniform(self.shear)))
        tall, wide = 1 + uniform(self.scale), 1 + uniform(self.scale)
        matrix = np.empty((n, 2, 2))
        matrix[:, 0] = np.stack([np.cos(angle) / tall, -np.sin(angle) / wide], axis=-1)
        matrix[:, 1] = np.stack([np.sin(angle) / tall + slant, np.cos(angle) / wide], axis=-1)
        offset = np.stack([uniform(self.translate), uniform(self.translate)], axis=-1)
        if self.elastic:
            points = (n, 2, spline(height).shape[1], spline(width).shape[1])
            changes["control"] = np.float32(self.elastic) * random.standard_normal(points, dtype=np.float32)
        if self.crop:
            area, ratio = random.uniform(self.crop, 1, n), self.crop_aspect ** random.uniform(-1, 1, n)
            kept = np.minimum(np.sqrt(np.stack([area / ratio, area * ratio], axis=-1)), 1)
            matrix *= kept[:, None, :]
            # From the first pixel's centre to the last one's, so that nothing outside of the picture is read.
            offset += random.uniform(-0.5, 0.5, (n, 2)) * (1 - kept) * np.array([height - 1, width - 1])
        changes["matrix"] = matrix.astype(np.float32)
        changes["center"] = (offset + np.array([height - 1, width - 1]) / 2).astype(np.float32)
        return changes

    def _draw_colours(self, shape: tuple[int, ...], random: np.random.Generator) -> Changes:
        """What the channels of each picture are multiplied with [n, c, c], and the factor of its contrast [n]."""
        n, channels = shape[0], shape[3]
        brightness, contrast, saturation = (
            1 + random.uniform(-limit, limit, n) for limit in (self.brightness, self.contrast, self.saturation)
        )
        turn = 2 * np.pi * random.uniform(-self.hue, self.hue, n)
        matrix = np.broadcast_to(np.eye(channels), (n, channels, channels))
        if channels == 3:
            matrix = _turned(saturation, turn)
        colours = brightness[:, None, None] * matrix
        return {"colours": colours.astype(np.float32), "contrast": contrast.astype(np.float32)}

    def _draw_rectangles(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.int32]:
        """Top, left, bottom and right of a rectangle in each picture: int32 [n, 4]."""
        n, height, width, _ = shape
        area, ratio = random.uniform(0, self.erase, n), ERASED_ASPECT ** random.uniform(-1, 1, n)
        kept = np.minimum(np.sqrt(np.stack([area / ratio, area * ratio], axis=-1)), 1)
        sizes = np.floor(kept * np.array([height, width])).astype(np.int32)
        start = np.floor(random.random((n, 2)) * (np.array([height, width]) - sizes + 1)).astype(np.int32)
        return np.concatenate([start, start + sizes], axis=1)

    def _draw_taken(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.int32]:
        """Top, left, bottom and right of the rectangle that comes from another picture: int32 [n, 4].

        It has the proportions of the picture, its centre is anywhere in it, and what lies outside is cut off.
        """
        n, height, width, _ = shape
        sides = np.array([height, width])
        size = np.floor(np.sqrt(random.beta(self.cutmix, self.cutmix, n))[:, None] * sides)
        start = np.floor(random.random((n, 2)) * sides) - np.floor(size / 2)
        return np.concatenate([np.maximum(start, 0), np.minimum(start + size, sides)], axis=1).astype(np.int32)

    def apply(self, images: Any, changes: Changes, xp: ModuleType = np) -> Any:
        """Apply the drawn changes to a batch [n, height, width, channels], with NumPy or jax.numpy.

        Returns:
            The augmented batch, in the type of the input, or float32 if values are interpolated, recoloured or mixed.
            The picture that is mixed with picture i is number n - 1 - i.
        """
        if "mirrored" in changes:
            images = flip(images, changes["mirrored"], xp)
        if "corner" in changes:
            images = shift(images, int(self.translate), changes["corner"], self.border, xp)
        if "matrix" in changes:
            images = sample(images.astype(np.float32), coordinates(images.shape, changes, xp), self.border, xp)
        if "colours" in changes:
            images = recolour(images.astype(np.float32), changes["colours"], changes["contrast"], xp)
        if "erased" in changes:
            images = erase(images, changes["erased"], xp)
        if "taken" in changes:
            images = xp.where(inside(images, changes["taken"])[..., None], images[::-1], images)
        elif "share" in changes:
            share = changes["share"][:, None, None, None]
            images = images.astype(np.float32)
            images = share * images + (1 - share) * images[::-1]
        return images


def _turned(saturation: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices [n, 3, 3] that change saturation and hue of RGB in rows: in YIQ, I and Q are scaled and turned."""
    inside = np.zeros((len(turn), 3, 3))
    inside[:, 0, 0] = 1
    inside[:, 1, 1] = inside[:, 2, 2] = saturation * np.cos(turn)
    inside[:, 1, 2], inside[:, 2, 1] = saturation * np.sin(turn), -saturation * np.sin(turn)
    found: NDArray[np.float64] = TO_YIQ.T @ inside @ np.linalg.inv(TO_YIQ.T)
    return found


def recolour(batch: Any, colours: Any, contrast: Any, xp: ModuleType = np) -> Any:
    """Multiply the channels of a float32 batch with matrices [n, c, c], then its contrast by factors [n].

    The result is cut to 0..255. Contrast is about the mean gray of each picture.
    """
    n, height, width, channels = batch.shape
    changed = (batch.reshape(n, height * width, channels) @ colours).reshape(batch.shape)
    gray = TO_YIQ[0] if channels == 3 else np.full(channels, 1 / channels)
    middle = (changed.mean(axis=(1, 2)) * gray.astype(np.float32)).sum(axis=-1)[:, None, None, None]
    return xp.clip(middle + contrast[:, None, None, None] * (changed - middle), 0, 255)


def erase(batch: Any, rectangles: Any, xp: ModuleType = np) -> Any:
    """Fill rectangles [n, 4] (top, left, bottom, right) with the mean colour of each picture."""
    _, height, width, _ = batch.shape
    if batch.dtype == np.uint8:  # whole numbers, so that every backend finds the same
        mean = (batch.sum(axis=(1, 2), keepdims=True, dtype=np.int32) // (height * width)).astype(np.uint8)
    else:
        mean = batch.mean(axis=(1, 2), keepdims=True)
    return xp.where(inside(batch, rectangles)[..., None], mean, batch)


def inside(batch: Any, rectangles: Any) -> Any:
    """Which pixels of each picture are in its rectangle: bool [n, height, width]."""
    _, height, width, _ = batch.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    top, left, bottom, right = (rectangles[:, side, None, None] for side in range(4))
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def kept_share(rectangles: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The share of each picture's area outside of its rectangle: float32 [n]."""
    sizes = rectangles[:, 2:] - rectangles[:, :2]
    kept: NDArray[np.float32] = (1 - sizes.prod(axis=1) / (shape[1] * shape[2])).astype(np.float32)
    return kept


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
