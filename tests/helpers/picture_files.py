"""What the tests of the page's pictures share: a page that reads files, and files to read."""

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
from opened import PACKED
from PIL import Image

from cnnref.pictures import read_picture

READ = f"""
async (cases) => {{
  {PACKED}
  const found = [];
  for (const [content, name, shape] of cases) {{
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    try {{
      found.push({{ values: packed(await readPicture(new File([bytes], name), ...shape)) }});
    }} catch (error) {{
      found.push({{ error: error.message }});
    }}
  }}
  return found;
}}
"""

RESIZE = f"""
(cases) => {{
  {PACKED}
  return cases.map(([content, ...shapes]) => {{
    const rgba = Uint8ClampedArray.from(atob(content), (letter) => letter.charCodeAt(0));
    return packed(readPixels(rgba, ...shapes));
  }});
}}
"""

DECODE = f"""
async (content) => {{
  {PACKED}
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const {{ width, height, rgba }} = await browserRead(bytes, formatOf(bytes));
  return [height, width, packed(rgba)];
}}
"""

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def pixels(packed: str) -> np.ndarray:
    """What a script of the page gave as `packed`."""
    return np.frombuffer(base64.b64decode(packed), np.uint8)


class Reader:
    """An empty page with the scripts that read pictures."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def read(self, cases: list[tuple[bytes, tuple[int, int, int]]], name: str = "some.png") -> list[Any]:
        """Of each file and shape, the values or the sentence."""
        found = self.page.evaluate(READ, [[text(content), name, shape] for content, shape in cases])
        return [
            one["error"] if "error" in one else pixels(one["values"]).reshape(shape)
            for one, (_, shape) in zip(found, cases, strict=True)
        ]

    def reads_like_python(self, *cases: tuple[bytes, tuple[int, int, int]]) -> None:
        for index, (found, (content, shape)) in enumerate(zip(self.read(list(cases)), cases, strict=True)):
            assert not isinstance(found, str), (index, found)
            np.testing.assert_array_equal(found, read_picture(content, *shape), err_msg=f"case {index}")


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def smooth(height: int, width: int) -> Image.Image:
    return Image.fromarray(noise(7, 7)).resize((width, height))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    size: tuple[int, int],
    raw: bytes,
    *,
    depth: int = 8,
    color: int = 0,
    interlaced: bool = False,
    extra: bytes = b"",
    packed: bytes | None = None,
    end: bytes | None = None,
) -> bytes:
    """A PNG file of (width, height) with these rows, each after its filter; two IDAT chunks."""
    packed = zlib.compress(raw) if packed is None else packed
    middle = len(packed) // 2
    chunks = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced)),
        extra,
        chunk(b"IDAT", packed[:middle]),
        chunk(b"IDAT", packed[middle:]),
        chunk(b"IEND", b"") if end is None else end,
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def any_png(random: np.random.Generator, color: int, depth: int, interlaced: bool, transparent: bool) -> bytes:
    """A PNG of up to 20x20 random samples under random filters, perhaps with a short palette."""
    width, height = (int(side) for side in random.integers(1, 21, 2))
    raw = b""
    for left, top, step, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, rows = len(range(left, width, step)), len(range(top, height, down))
        for _ in range(rows if columns else 0):
            row = random.bytes(-(-columns * SAMPLES[color] * depth // 8))
            raw += bytes([random.integers(0, 5)]) + row
    extra = b""
    if color == 3:
        extra += chunk(b"PLTE", random.bytes(3 * int(random.integers(1, 2**depth + 1))))
    if transparent:
        level = bytes([0, int(random.integers(0, 2 ** min(depth, 3)))])
        extra += chunk(b"tRNS", random.bytes(int(random.integers(1, 2**depth + 1))) if color == 3 else 3 * level)
    return png((width, height), raw, depth=depth, color=color, interlaced=interlaced, extra=extra)
