"""Where the parts of a drawn network go on the page, in inches, and how much room a text takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from ...arithmetic import wording as words
from .folding import Volume

WIDTH = 16.0
MOST_IN_A_ROW, FEWEST_SLOTS = 9, 5
#: INDENT is for the arrow that comes from the row above.
MARGIN, TITLE, LEGEND, ARC, GAP, INDENT = 0.25, 0.95, 0.45, 0.5, 0.4, 0.45
#: For each doubling of a height, of a width (going backwards and up), of the channels; enlarged where there is room.
UP, BACK, DEEP = 0.2, 0.07, 0.07
LARGEST = 1.5
LINE_HEIGHT = 0.19
NAME_SIZE = 10.5
#: A text is made no smaller than this share of its size; then it is cut.
SMALLEST = 0.75


def _wrapped(count: int) -> list[range]:
    """Places 0..count in rows of about the same length, none too long."""
    rows = math.ceil(count / MOST_IN_A_ROW)
    length = math.ceil(count / rows)
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


class Box:
    """The size of a volume on paper, in inches. A vector is a rod, one pixel high and wide."""

    def __init__(self, volume: Volume, scale: float = 1.0) -> None:
        *spatial, channels = volume.output_shape or (1,)
        height, width = (*spatial, 1, 1)[:2]
        self.height = scale * UP * math.log2(1 + height)
        self.back = scale * BACK * math.log2(1 + width)
        self.deep = scale * DEEP * math.log2(1 + channels)
        self.total_height = self.height + self.back
        self.total_width = self.deep + self.back
        #: One sheet a map for a few maps; from eight on, one more for each doubling.
        self.sheets = channels if channels <= 8 else round(8 + math.log2(channels / 8))


class Page:
    """Where everything goes, in inches from the lower left corner: `places` are the middles of the boxes."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self.volumes = volumes
        self.lines = _wrapped(len(volumes))
        indent = INDENT if len(self.lines) > 1 else 0
        self.slot = (WIDTH - 2 * MARGIN - indent) / max(len(self.lines[0]), FEWEST_SLOTS)
        left = MARGIN + indent if indent else (WIDTH - self.slot * len(volumes)) / 2
        widest = max(Box(volume).total_width for volume in volumes)
        self.boxes = [Box(volume, min(LARGEST, 0.56 * self.slot / widest)) for volume in volumes]
        #: Connections that pass over a volume, within a row.
        self.arcs = [
            (source, target)
            for line in self.lines
            for target in line
            for source in volumes[target].inputs
            if source in line and source < target - 1
        ]
        self.names = [self._name(volume.name) for volume in volumes]
        self.facts = [self._facts(index) for index in range(len(volumes))]
        #: Of each row: the upper edge, the lowest edge of a box, and the lines that its names take.
        self.heads: list[float] = []
        self.feet: list[float] = []
        self.name_lines = [max(len(self.names[index]) for index in line) for line in self.lines]
        self.places: list[tuple[float, float]] = []
        down = TITLE
        for line, name_lines in zip(self.lines, self.name_lines, strict=True):
            self.heads.append(-down)
            tallest = max(self.boxes[index].total_height for index in line)
            down += (ARC if any(source in line for source, _ in self.arcs) else 0) + tallest
            self.feet.append(-down)
            self.places += [(left + self.slot * (number + 0.5), tallest / 2 - down) for number in range(len(line))]
            down += 0.12 + LINE_HEIGHT * (name_lines + 0.2 + max(len(self.facts[index]) for index in line)) + GAP
        self.height = down - GAP + 0.1 + LEGEND
        self.heads, self.feet = ([self.height + depth for depth in depths] for depths in (self.heads, self.feet))
        self.places = [(x, self.height + y) for x, y in self.places]

    def line_of(self, index: int) -> int:
        """The row of a volume."""
        return next(number for number, line in enumerate(self.lines) if index in line)

    def _name(self, name: str) -> list[str]:
        """One line, or "block_4 -" and "block_6" if that is too wide."""
        first, dash, last = name.partition(" - ")
        return [name] if not dash or text_width(name, NAME_SIZE, "bold") <= self.room else [f"{first} -", last]

    @property
    def room(self) -> float:
        """The widest that a text below a box may be."""
        return self.slot - 0.1

    def _facts(self, index: int) -> list[str]:
        """What is written below the name."""
        volume = self.volumes[index]
        line = self.lines[self.line_of(index)]
        far = [self.volumes[source].name for source in volume.inputs if source < index - 1 and source not in line]
        facts = [words.format_shape(volume.output_shape)]
        if volume.parameters:
            facts.append(f"{words.format_count(volume.parameters)} parameters")
        if volume.macs != 0:
            facts.append(f"{words.format_count(volume.macs)} MACs")
        if volume.receptive_field and volume.category != words.INPUT:
            # What lies beyond the edges of the image is padding, and nothing to be seen.
            image = next(one.output_shape for one in self.volumes if one.category == words.INPUT)
            seen = tuple(min(pair) for pair in zip(volume.receptive_field, image, strict=False))
            facts.append(f"sees {words.format_shape(seen)}")
        return [*facts, *(f"from {name}" for name in far)]


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a text takes at a size in points."""
    return _width_at_one_point(text, weight) * size


def fit_text(text: str, room: float, size: float, weight: str) -> tuple[str, float]:
    """Text and its size in points such that it is at most `room` inches wide: smaller, or else cut."""
    size *= min(1.0, max(SMALLEST, room / max(text_width(text, size, weight), 1e-6)))
    shown, kept = text, len(text)
    while (width := text_width(shown, size, weight)) > room * 1.001 and kept > 1:
        kept = min(kept - 1, int(kept * room / width))
        shown = f"{text[:kept].rstrip()}..."
    return shown, size


@lru_cache(maxsize=1024)
def _width_at_one_point(text: str, weight: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans", weight=weight)
    plain = text.replace("$", "S")  # two of them would be read as mathematics
    return float(TextPath((0, 0), plain, size=1, prop=font).get_extents().width) / 72
