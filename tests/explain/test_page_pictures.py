"""The page reads a picture as `cnnref predict` does: the same values to the last one, and the same refusals."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnref.explain.page import PAGE, PICTURE
from cnnref.pictures import read_picture

READ = """
async (jobs) => {
  const found = [];
  for (const [base64, name, height, width, channels] of jobs) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    try {
      const values = await readPicture(new File([bytes], name), height, width, channels);
      let text = "";
      for (let at = 0; at < values.length; at += 32768) text += String.fromCharCode(...values.subarray(at, at + 32768));
      found.push(btoa(text));
    } catch (error) {
      found.push([error.message]);
    }
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def tab(browser: Any) -> Iterator[Any]:
    """A page with nothing but the scripts that read pictures."""
    page = browser.new_page()
    for file in PICTURE:
        page.add_script_tag(content=(PAGE / file).read_text(encoding="utf-8"))
    yield page
    page.close()


def seen(tab: Any, files: list[bytes], height: int, width: int, channels: int) -> list[Any]:
    """What the page makes of files: arrays, or the sentence of a refusal."""
    jobs = [[base64.b64encode(one).decode(), "file.png", height, width, channels] for one in files]
    answers = tab.evaluate(READ, jobs)
    shape = (height, width, channels)
    return [
        one[0] if isinstance(one, list) else np.frombuffer(base64.b64decode(one), np.uint8).reshape(shape)
        for one in answers
    ]


def same(tab: Any, files: list[bytes], height: int, width: int, channels: int) -> None:
    for place, (file, found) in enumerate(zip(files, seen(tab, files, height, width, channels), strict=True)):
        assert isinstance(found, np.ndarray), f"{place}: {found}"
        np.testing.assert_array_equal(found, read_picture(file, height, width, channels), err_msg=str(place))


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, interlaced: bool = False, **extra: bytes) -> bytes:
    """A PNG of noise; every line with another filter. `extra` are chunks before the pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    random = np.random.default_rng(width * height + depth)
    lines = b""
    for left, top, right, down in passes:
        across, along = -(-(width - left) // right), -(-(height - top) // down)
        if across > 0 and along > 0:
            length = -(-across * channels * depth // 8)
            lines += b"".join(bytes([row % 5]) + random.bytes(length) for row in range(along))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    parts = [chunk(b"IHDR", header), *(chunk(name.encode(), data) for name, data in extra.items())]
    packed = zlib.compress(lines)
    parts += [chunk(b"IDAT", packed[: len(packed) // 2]), chunk(b"IDAT", packed[len(packed) // 2 :])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


KINDS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_kind_of_png(tab: Any, colour: int, depth: int, interlaced: bool) -> None:
    palette = {"PLTE": noise(3 * 2**depth).tobytes()} if colour == 3 else {}
    files = [png(width, height, depth, colour, interlaced, **palette) for width, height in ((13, 11), (1, 1), (2, 9))]
    for height, width, channels in ((11, 13, 3), (5, 4, 1)):
        same(tab, files, height, width, channels)


@pytest.mark.parametrize(("colour", "depth"), [(0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (3, 2), (3, 8)])
def test_a_colour_that_is_declared_transparent(tab: Any, colour: int, depth: int) -> None:
    clear = {0: b"\x00\x01", 2: bytes(6), 3: bytes([0, 128, 255])[: 2**depth]}[colour]
    palette = {"PLTE": noise(3 * 2**depth).tobytes()} if colour == 3 else {}
    image = encoded(Image.fromarray(np.zeros((4, 4, 3), np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None]))
    same(tab, [png(16, 16, depth, colour, **palette, tRNS=clear)], 9, 9, 3)
    same(tab, [image], 4, 4, 3)


def test_transparency_is_laid_on_white(tab: Any) -> None:
    pixels = noise(64, 64, 4)
    pixels[:, :, 3] = np.arange(64)[:, None] * 4 + 3
    same(
        tab,
        [encoded(Image.fromarray(pixels, "RGBA")), encoded(Image.fromarray(pixels, "RGBA").convert("LA"))],
        64,
        64,
        3,
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tab: Any, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    same(tab, [encoded(Image.fromarray(noise(6, 9, 3)), exif=exif)], 9, 6, 3)
    smooth = Image.fromarray(noise(2, 3, 3)).resize((48, 32), Image.Resampling.BICUBIC)
    file = encoded(smooth, "JPEG", quality=100, subsampling=0, exif=exif)
    (found,) = seen(tab, [file], 16, 16, 3)
    assert np.abs(found.astype(int) - read_picture(file, 16, 16, 3)).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1), (7, 5), (3000, 4000)])
def test_tiny_and_huge_pictures(tab: Any, height: int, width: int) -> None:
    file = encoded(Image.fromarray(noise(height, width, 3)), compress_level=1)
    for target in ((28, 28, 1), (24, 32, 3)):
        same(tab, [file], *target)


@given(
    st.lists(st.tuples(*[st.integers(1, 60)] * 2, st.booleans()), min_size=25, max_size=25), *[st.integers(1, 40)] * 2
)
@settings(max_examples=8, deadline=None)
def test_resizing_is_that_of_pillow(tab: Any, sizes: list[tuple[int, int, bool]], height: int, width: int) -> None:
    files = [encoded(Image.fromarray(noise(*size, *[3] * colour, seed=sum(size)))) for *size, colour in sizes]
    same(tab, files, height, width, 3)
    same(tab, files, height, width, 1)


def test_other_formats(tab: Any) -> None:
    picture = Image.fromarray(noise(20, 30, 3))
    files = [encoded(picture, "BMP"), encoded(picture, "WEBP", lossless=True), encoded(picture.convert("P"), "GIF")]
    same(tab, files, 20, 30, 3)
    same(tab, files, 8, 8, 1)


def test_a_photograph_in_jpeg(tab: Any) -> None:
    """Decoders round differently; the resized picture is at most one step off."""
    y, x = np.mgrid[:300, :400]
    photo = np.stack([128 + 100 * np.sin(x / 40), 128 + 90 * np.cos(y / 30), (x + y) / 3], -1).astype(np.uint8)
    for options in ({"quality": 90}, {"quality": 60, "progressive": True}, {"quality": 95, "subsampling": 0}):
        file = encoded(Image.fromarray(photo), "JPEG", **options)
        (found,) = seen(tab, [file], 28, 28, 3)
        assert np.abs(found.astype(int) - read_picture(file, 28, 28, 3)).max() <= 1


def test_what_is_no_picture_is_refused_by_name_and_nothing_hangs(tab: Any) -> None:
    good = png(8, 8, 8, 2)
    flipped = bytearray(good)
    flipped[60] ^= 255
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    start, end = b"\x89PNG\r\n\x1a\n", chunk(b"IEND", b"")
    wrong = {
        "is empty": b"",
        "is no picture": b"<html>hello</html>",
        "cut short": good[:-30],
        "checksum": bytes(flipped),
        "too many": start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + end,
        "cannot be unpacked": start + chunk(b"IHDR", bomb) + chunk(b"IDAT", b"no zlib data") + end,
        "header makes no sense": start + chunk(b"IHDR", header[:8] + b"\x03\x09\0\0\0") + end,
        "header is missing": start + end,
        "palette is missing": png(4, 4, 8, 3),
        "TIFF": encoded(Image.fromarray(noise(4, 4, 3)), "TIFF"),
        "damaged": encoded(Image.fromarray(noise(40, 40, 3)), "JPEG")[:60],
    }
    for (said, _), found in zip(wrong.items(), seen(tab, list(wrong.values()), 8, 8, 3), strict=True):
        assert isinstance(found, str), said
        assert found.startswith("file.png "), found
        assert said in found, found
    # Sixteen pixels are what the header allows; the rest of 50 MB is never unpacked.
    packed = start + chunk(b"IHDR", bomb) + chunk(b"IDAT", zlib.compress(bytes(50_000_000))) + end
    (found,) = seen(tab, [packed], 4, 4, 1)
    assert not found.any()
