"""The receptive field of the units of a feature map along one axis: the pixels of the image that they depend on.

Height and width are independent, so a feature map has one `Field` for each. Without upsampling, unit i depends on the
pixels from `first + i * jump` to `last + i * jump`, where `jump` is the distance in pixels between neighbouring units.
After an upsampling, neighbours share pixels and the pattern repeats every few units; a field therefore has the spans of
one pattern and the distance to its next copy. All numbers are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Field:
    """The receptive fields of the units along one axis. Pixels are counted from 0; those outside the image are padding.

    Attributes:
        image: Size of the image along this axis in pixels.
        spans: (first, last) pixel of unit 0, unit 1, ...; then the pattern repeats.
        period: Distance in pixels to the next copy of the pattern; 0 if every unit sees the same pixels.
    """

    image: int
    spans: tuple[tuple[int, int], ...]
    period: int

    @classmethod
    def pixels(cls, image: int) -> Field:
        """The field of the image itself: unit i is pixel i."""
        return cls(image, ((0, 0),), 1)

    @property
    def whole(self) -> Field:
        """The field of units that see the whole image and have no position."""
        return Field(self.image, ((0, self.image - 1),), 0)

    @property
    def is_whole(self) -> bool:
        """Whether every unit sees the whole image."""
        return self.period == 0 and self.spans[0][0] <= 0 and self.spans[0][1] >= self.image - 1

    @property
    def fixed(self) -> Field:
        """The field after the single unit of an axis is broadcast to a longer axis."""
        return Field(self.image, self.spans[:1], 0)

    @property
    def size(self) -> int:
        """The number of pixels that a unit sees, padding included; the largest where units differ."""
        return max(last - first + 1 for first, last in self.spans)

    @property
    def jump(self) -> Fraction:
        """The average distance in pixels from one unit to the next."""
        return Fraction(self.period, len(self.spans))

    def span(self, unit: int) -> tuple[int, int]:
        """(first, last) pixel that a unit sees; units with negative numbers lie in the padding."""
        copy, index = divmod(unit, len(self.spans))
        first, last = self.spans[index]
        return first + copy * self.period, last + copy * self.period

    def read_by(self, reads: Callable[[int], tuple[int, int]], up: int = 1, down: int = 1) -> Field | None:
        """The field of a map whose unit i reads the units `reads(i)` = (first, last) of this one.

        The unit i + `up` must read what unit i reads, shifted by `down` units. Returns None if a unit reads nothing.
        """
        if self.period == 0:
            return self
        pattern = up * len(self.spans) // math.gcd(up * len(self.spans), down)
        ranges = [reads(unit) for unit in range(pattern)]
        if any(first > last for first, last in ranges):
            return None
        spans = tuple((self.span(first)[0], self.span(last)[1]) for first, last in ranges)
        return Field(self.image, spans, self.period * pattern * down // (up * len(self.spans)))

    def slid(self, kernel: int, stride: int, before: int, dilation: int) -> Field | None:
        """After a sliding window of `kernel` cells, with `before` units of padding at the start (negative: removed)."""
        reach = dilation * (kernel - 1)
        return self.read_by(lambda unit: (unit * stride - before, unit * stride - before + reach), down=stride)

    def slid_back(self, kernel: int, stride: int, before: int, dilation: int) -> Field | None:
        """After a transposed convolution that removes `before` units from the start of its full output."""
        reach = dilation * (kernel - 1)
        return self.read_by(lambda unit: (-((reach - unit - before) // stride), (unit + before) // stride), up=stride)

    def repeated(self, factor: int) -> Field | None:
        """After an upsampling that repeats each unit."""
        return self.read_by(lambda unit: (unit // factor, unit // factor), up=factor)

    def interpolated(self, factor: int) -> Field | None:
        """After a linear upsampling: each unit lies between the centers of two units and reads both."""

        def reads(unit: int) -> tuple[int, int]:
            first, rest = divmod(2 * unit + 1 - factor, 2 * factor)
            return first, first + (rest > 0)

        return self.read_by(reads, up=factor)


def union(fields: Sequence[Field | None]) -> Field | None:
    """The field of units that read the same unit of several maps; None if the distances between units differ."""
    known = [field for field in fields if field is not None]
    if not known or len({field.image for field in known}) > 1:
        return None
    if any(field.is_whole for field in known):
        return known[0].whole
    if len(known) < len(fields) or len({field.jump for field in known}) > 1:
        return None
    pattern = math.lcm(*(len(field.spans) for field in known))
    rows = [[field.span(unit) for field in known] for unit in range(pattern)]
    spans = tuple((min(first for first, _ in row), max(last for _, last in row)) for row in rows)
    return Field(known[0].image, spans, int(known[0].jump * pattern))
