"""Where the labels of bubbles go, in inches: each beside its own bubble, and on nothing else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Directions and distances that are tried, and how often all labels may move again.
DIRECTIONS = 16
GAPS = (0.05, 0.2, 0.4, 0.7, 1.0, 1.4, 1.9)
SWEEPS = 12
#: Room between two labels.
SPACING = 0.05
#: Beyond this gap a line leads from the label to its bubble.
LEADER_GAP = 0.15
#: Costs, where an inch of distance costs 1. MISTAKEN is the cost of a label that is as close to another bubble, PASSING
#: that of an inch of leader on another bubble.
MISTAKEN, PASSING, CROSSED, COVERED, OVERLAP, OUTSIDE = 1.0, 3.0, 3.0, 6.0, 40.0, 60.0
#: Points of a leader that are looked at.
STEPS = 16

#: Left, low, right, high.
Box: TypeAlias = tuple[float, float, float, float]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Bubble:
    """A bubble on the page, and the size of its label."""

    x: float
    y: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """The middle of a label, and where on its edge its leader begins; None if the label is beside its bubble."""

    x: float
    y: float
    leader: Point | None


def place_labels(bubbles: Sequence[Bubble], page: Box, taken: Sequence[Box] = ()) -> list[Label]:
    """A label for each bubble, within the page and outside of the boxes in `taken`.

    Each takes the place that costs least while the others stay where they are, over and over until none moves.
    """
    choices = [_choices(bubble) for bubble in bubbles]
    fixed = [
        [_own_cost(bubble, option, bubbles, page, taken) for option in options]
        for bubble, options in zip(bubbles, choices, strict=True)
    ]
    chosen = [0] * len(bubbles)
    for _ in range(SWEEPS):
        before = list(chosen)
        for index, options in enumerate(choices):
            others = [(bubbles[i], choices[i][chosen[i]]) for i in range(len(bubbles)) if i != index]
            costs = [
                cost + sum(_pair_cost(bubbles[index], option, *other) for other in others)
                for option, cost in zip(options, fixed[index], strict=True)
            ]
            chosen[index] = costs.index(min(costs))  # the first of the best: the same picture every time
        if chosen == before:
            break
    return [options[number] for options, number in zip(choices, chosen, strict=True)]


def _choices(bubble: Bubble) -> list[Label]:
    found = []
    for gap, number in itertools.product(GAPS, range(DIRECTIONS)):
        angle = 2 * math.pi * number / DIRECTIONS
        across, up = math.cos(angle), math.sin(angle)
        wide, high = bubble.radius + gap + bubble.width / 2, bubble.radius + gap + bubble.height / 2
        reach = min(wide / max(abs(across), 1e-9), high / max(abs(up), 1e-9))
        x, y = bubble.x + across * reach, bubble.y + up * reach
        found.append(Label(x, y, _nearest(bubble, x, y) if gap > LEADER_GAP else None))
    return found


def _nearest(bubble: Bubble, x: float, y: float) -> Point:
    """The point of a label's edge that is nearest to the bubble."""
    left, low, right, high = _box(bubble, x, y)
    return min(max(bubble.x, left), right), min(max(bubble.y, low), high)


def _box(bubble: Bubble, x: float, y: float) -> Box:
    return (x - bubble.width / 2, y - bubble.height / 2, x + bubble.width / 2, y + bubble.height / 2)


def _own_cost(bubble: Bubble, label: Label, bubbles: Sequence[Bubble], page: Box, taken: Sequence[Box]) -> float:
    """What a place costs, wherever the other labels are."""
    left, low, right, high = box = _box(bubble, label.x, label.y)
    out = max(0.0, page[0] - left) + max(0.0, page[1] - low) + max(0.0, right - page[2]) + max(0.0, high - page[3])
    cost = math.hypot(label.x - bubble.x, label.y - bubble.y) + OUTSIDE * ((out > 0) + out)
    cost += OVERLAP * sum(_overlap(box, other) for other in taken)
    own = _distance(box, bubble)
    for other in bubbles:
        away = _distance(box, other)
        if other is not bubble and away < 0:
            cost += COVERED * (1 - away)
        elif other is not bubble and label.leader is None and away < own + SPACING:
            cost += MISTAKEN
        elif math.dist((bubble.x, bubble.y), (other.x, other.y)) > other.radius and label.leader is not None:
            inside = sum(math.dist(point, (other.x, other.y)) < other.radius for point in _points(bubble, label))
            cost += PASSING * math.dist(label.leader, (bubble.x, bubble.y)) * inside / STEPS
    return cost


def _pair_cost(bubble: Bubble, label: Label, other: Bubble, theirs: Label) -> float:
    """What two labels that are in each other's way cost."""
    mine, box = _box(bubble, label.x, label.y), _box(other, theirs.x, theirs.y)
    lines = _points(bubble, label), _points(other, theirs)
    crossings = any(_inside(box, point) for point in lines[0]) + any(_inside(mine, point) for point in lines[1])
    if all(lines):
        crossings += _cross((lines[0][0], lines[0][-1]), (lines[1][0], lines[1][-1]))
    return OVERLAP * _overlap(mine, box) + CROSSED * crossings


def _overlap(one: Box, other: Box) -> float:
    """0, or 1 and the common area, counting the spacing between the two."""
    wide, high = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) + SPACING for i in (0, 1))
    return 1 + wide * high if wide > 0 and high > 0 else 0.0


def _distance(box: Box, bubble: Bubble) -> float:
    """From a box to the edge of a bubble, below 0 where they overlap."""
    across, up = max(box[0] - bubble.x, bubble.x - box[2], 0.0), max(box[1] - bubble.y, bubble.y - box[3], 0.0)
    return math.hypot(across, up) - bubble.radius


def _points(bubble: Bubble, label: Label) -> list[Point]:
    """A leader in steps, from its label to its bubble; nothing if there is none."""
    if label.leader is None:
        return []
    x, y = label.leader
    return [(x + (bubble.x - x) * step / STEPS, y + (bubble.y - y) * step / STEPS) for step in range(STEPS + 1)]


def _inside(box: Box, point: Point) -> bool:
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two straight lines cross: the ends of each lie on both sides of the other."""
    return all(_side(*line, ends[0]) * _side(*line, ends[1]) < 0 for line, ends in ((one, other), (other, one)))


def _side(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
