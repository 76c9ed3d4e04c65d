"""Labels of bubbles lie on the page, beside their own bubble, and on nothing else where there is room."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.explain.drawing.labels import GAPS, SPACING, Bubble, place_labels

PAGE = (0.0, 0.0, 10.0, 6.0)

bubbles = st.builds(
    Bubble,
    x=st.floats(1, 9),
    y=st.floats(1, 5),
    radius=st.floats(0.05, 0.35),
    width=st.floats(0.4, 1.8),
    height=st.just(0.3),
)


def box(bubble: Any, label: Any) -> Any:
    x, y = bubble.width / 2, bubble.height / 2
    return (label.x - x, label.y - y, label.x + x, label.y + y)


def overlap(one: Any, other: Any) -> Any:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))


@settings(max_examples=40, deadline=None)
@given(st.lists(bubbles, min_size=1, max_size=7))
def test_no_label_leaves_the_page_or_lies_on_another(given: Any) -> None:
    boxes = [box(bubble, label) for bubble, label in zip(given, place_labels(given, PAGE), strict=True)]
    for left, low, right, high in boxes:
        assert min(left, low) >= -1e-9
        assert right <= PAGE[2] + 1e-9
        assert high <= PAGE[3] + 1e-9
    assert not any(overlap(*pair) for pair in itertools.combinations(boxes, 2))


@settings(max_examples=40, deadline=None)
@given(st.lists(bubbles, min_size=1, max_size=7))
def test_a_label_is_beside_its_bubble_or_has_a_line_that_begins_at_its_edge(given: Any) -> None:
    for bubble, label in zip(given, place_labels(given, PAGE), strict=True):
        left, low, right, high = box(bubble, label)
        nearest = min(max(bubble.x, left), right), min(max(bubble.y, low), high)
        if label.leader is None:
            # Diagonally, the label clears the square around the circle.
            assert math.dist(nearest, (bubble.x, bubble.y)) <= math.sqrt(2) * (bubble.radius + GAPS[0]) + 1e-9
        else:
            assert label.leader == pytest.approx(nearest)


def test_a_lonely_bubble_has_its_label_beside_it() -> None:
    bubble = Bubble(5, 3, 0.3, 1.5, 0.3)
    (label,) = place_labels([bubble], PAGE)
    assert label.leader is None
    assert not overlap(box(bubble, label), (4.7, 2.7, 5.3, 3.3))


def test_labels_keep_off_what_is_taken_and_off_the_bubbles_of_others() -> None:
    crowd = [Bubble(5, 3, 0.3, 1.5, 0.3), Bubble(5.9, 3, 0.3, 1.5, 0.3)]
    wall = (0.0, 3.4, 10.0, 6.0)
    for bubble, label in zip(crowd, place_labels(crowd, PAGE, [wall]), strict=True):
        assert label.y + bubble.height / 2 + SPACING <= wall[1] + 1e-9
        for other in crowd:
            square = (other.x - 0.2, other.y - 0.2, other.x + 0.2, other.y + 0.2)  # well inside the circle
            assert not overlap(box(bubble, label), square)


def test_bubbles_in_the_same_place_have_labels_with_lines_that_do_not_cross() -> None:
    same = [Bubble(5, 3, 0.3, 1.5, 0.3), Bubble(5.02, 3, 0.25, 1.5, 0.3), Bubble(5.04, 3, 0.2, 1.5, 0.3)]
    labels = place_labels(same, PAGE)
    assert sum(label.leader is not None for label in labels) >= 2
    angles = [math.atan2(label.y - 3, label.x - 5.02) for label in labels]
    assert len({round(angle, 1) for angle in angles}) == 3


def test_the_same_bubbles_have_the_same_labels() -> None:
    crowd = [Bubble(3 + 0.3 * number, 3, 0.3, 1.5, 0.3) for number in range(6)]
    assert place_labels(crowd, PAGE) == place_labels(list(crowd), PAGE)
