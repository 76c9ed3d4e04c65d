"""Kernels and feature maps as grids: every value is a square of whole pixels on one colour scale around zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import plots
from ..drawing.layout import text_width

#: Kernels and maps of a layer that are drawn; a layer may have thousands. Of a kernel, so many channels.
MOST_TILES, MOST_CHANNELS = 96, 16
#: Tiles side by side, where kernels of several channels are.
ACROSS = 12
#: Blue below zero, white, orange above: the colours of the page.
RAMP = ("#0b5fa5", "#ffffff", "#b3400a")
FRAME = 208
#: Pixels: of a tile, of a tile where there are few, of a tile at most; between tiles, between kernels.
TILE, LARGE, LARGEST = 60, 96, 112
GAP, WIDE_GAP = 6, 18
#: Pixels around the tiles: above for the title, at the right for the scale.
HEAD, LEFT, FOOT, SCALE = 40, 14, 14, 96


def signed() -> Any:
    """The colour map of values around zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", RAMP)


@plots.style()
def kernels(kernel: NDArray[np.float32], name: str) -> bytes:
    """The kernels [height, width, channels, filters] of a convolution, slice by slice."""
    height, width, channels, filters = kernel.shape
    few = min(channels, MOST_CHANNELS)
    most = max(1, MOST_TILES // few)
    shown = kernel[:, :, :few, :most].transpose(3, 2, 0, 1).reshape(-1, height, width)
    title = f"{name}: {filters:,} kernels of {height}x{width}"
    if channels > 1:
        title += f", {channels:,} channels side by side"
    left_out = [f"first {most} kernels"] * (filters > most) + [f"first {few} channels"] * (channels > few)
    if left_out:
        title += f" (shown: {', '.join(left_out)})"
    across = few * max(1, ACROSS // few) if few > 1 else _square(len(shown))
    return _grid(shown, title, across, few)


def depthwise_kernels(kernel: NDArray[np.float32], name: str) -> bytes:
    """The kernels [height, width, channels, multiplier] of a depthwise convolution."""
    height, width, channels, multiplier = kernel.shape
    return kernels(kernel.reshape(height, width, 1, channels * multiplier), name)


@plots.style()
def maps(values: NDArray[np.float32], name: str) -> bytes:
    """The feature maps [height, width, channels] of a layer for one picture."""
    height, width, channels = values.shape
    shown = np.moveaxis(values, -1, 0)[:MOST_TILES]
    title = f"{name}: {channels:,} maps of {height}x{width}"
    if channels > MOST_TILES:
        title += f" (shown: first {MOST_TILES})"
    return _grid(shown, title, _square(len(shown)))


def _square(count: int) -> int:
    return math.ceil(math.sqrt(count))


def _grid(tiles: NDArray[np.float32], title: str, across: int, together: int = 1) -> bytes:
    """Tiles [n, height, width]; `together` tiles are one kernel."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    limit = float(np.abs(tiles).max()) or 1.0
    norm, colors = Normalize(-limit, limit), signed()
    thinned = max(1, math.ceil(max(tiles.shape[1:]) / LARGEST))  # every second value of large maps, and so on
    picture = _mosaic(colors(norm(tiles[:, ::thinned, ::thinned]), bytes=True)[..., :3], across, together)
    height, width = picture.shape[:2]
    dpi = 120
    total = max(LEFT + width + SCALE, LEFT + math.ceil(text_width(title, 10) * dpi) + LEFT)
    figure = plots.new_figure(total / dpi, (HEAD + height + FOOT) / dpi)
    figure.set_layout_engine("none")
    figure.figimage(picture, LEFT, FOOT, origin="upper")
    figure.text(LEFT / total, 1 - 12 / (HEAD + height + FOOT), title, fontsize=10, va="top")
    tall = min(height, 320)
    low = FOOT + (height - tall) / 2
    box = ((LEFT + width + 16) / total, low / (HEAD + height + FOOT), 12 / total, tall / (HEAD + height + FOOT))
    bar = figure.colorbar(ScalarMappable(norm, colors), cax=figure.add_axes(box))
    bar.set_ticks([-limit, 0, limit], labels=[f"{-limit:.3g}", "0", f"{limit:.3g}"], fontsize=8)
    bar.outline.set_visible(False)
    return plots.as_png(figure)


def _mosaic(tiles: NDArray[np.uint8], across: int, together: int) -> NDArray[np.uint8]:
    """Framed tiles [n, height, width, 3] on a white page; the first is at the upper left."""
    high, wide = tiles.shape[1:3]
    times = max(1, (LARGE if across <= 4 else TILE) // max(high, wide))
    high, wide = high * times, wide * times
    down = math.ceil(len(tiles) / across)
    lefts = [
        1 + column * (wide + 2 + GAP) + (column // together) * (WIDE_GAP - GAP) * (together > 1)
        for column in range(across)
    ]
    tops = [1 + row * (high + 2 + GAP) for row in range(down)]
    page = np.full((tops[-1] + high + 1, lefts[-1] + wide + 1, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = tops[number // across], lefts[number % across]
        page[top - 1 : top + high + 1, left - 1 : left + wide + 1] = FRAME
        page[top : top + high, left : left + wide] = tile.repeat(times, axis=0).repeat(times, axis=1)
    return page
