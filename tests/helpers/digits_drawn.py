"""Digits drawn by hand as lines: sevens in a corner, large, small, slanted; and a four on paper."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

Stroke = list[tuple[float, float]]

#: The digit, its strokes in parts of the side (x, y), the width of the pen in parts of the side, and whether it is on
#: paper. The side of the picture is 140 pixels.
DIGITS: list[tuple[int, list[Stroke], float, bool]] = [
    (7, [[(0.06, 0.08), (0.28, 0.08), (0.14, 0.40)]], 0.03, False),
    (7, [[(0.66, 0.62), (0.94, 0.60), (0.76, 0.96)]], 0.04, False),
    (7, [[(0.62, 0.05), (0.93, 0.06), (0.80, 0.20), (0.74, 0.38)]], 0.035, False),
    (7, [[(0.05, 0.66), (0.24, 0.64), (0.12, 0.95)]], 0.03, False),
    (7, [[(0.10, 0.05), (0.90, 0.05), (0.45, 0.95)]], 0.09, False),
    (7, [[(0.42, 0.44), (0.58, 0.44), (0.48, 0.62)]], 0.02, False),
    (4, [[(0.30, 0.15), (0.22, 0.55), (0.72, 0.55)], [(0.60, 0.30), (0.58, 0.90)]], 0.05, True),
    (4, [[(0.06, 0.04), (0.03, 0.22), (0.24, 0.22)], [(0.19, 0.10), (0.18, 0.38)]], 0.03, False),
]


def drawn() -> list[tuple[int, np.ndarray]]:
    """Each digit with its picture, uint8 [140, 140]: light on black, or black on paper."""
    found = []
    for digit, strokes, width, paper in DIGITS:
        side, fine = 140, 4
        picture = Image.new("L", (side * fine, side * fine), 255 if paper else 0)
        pen = ImageDraw.Draw(picture)
        ink, radius = 0 if paper else 255, width * side * fine / 2
        for stroke in strokes:
            points = [(x * side * fine, y * side * fine) for x, y in stroke]
            pen.line(points, ink, round(2 * radius), joint="curve")
            for x, y in points:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), ink)
        found.append((digit, np.asarray(picture.resize((side, side), Image.Resampling.BOX))))
    return found
