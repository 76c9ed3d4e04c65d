"""The page refuses a file that is no picture: one sentence that names it, and nothing is blown up on the way."""

import struct
import zlib

import pytest
from picture_files import Reader, chunk, encoded, png
from PIL import Image

#: From here on, what is inflated is counted.
COUNT = """
() => {
  const counted = (window.counted = { bytes: 0, Real: DecompressionStream });
  DecompressionStream = class {
    constructor(format) {
      const { writable, readable } = new counted.Real(format);
      const count = (piece, out) => {
        counted.bytes += piece.length;
        out.enqueue(piece);
      };
      this.writable = writable;
      this.readable = readable.pipeThrough(new TransformStream({ transform: count }));
    }
  };
}
"""


def header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def gif(screen: int, frame: int) -> bytes:
    frame_header = b"," + struct.pack("<HHHHB", 0, 0, frame, frame, 0)
    return b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0, 0, 0) + frame_header + b"\2\2\x4c\1\0;"


HOSTILE = {
    "empty": (b"", "is empty, so it is no picture."),
    "text": (b"no picture <b>at all</b>", "is no picture (BMP, GIF, JPEG, PNG and WEBP are read)."),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture"),
    "avif": (b"\0\0\0\x1cftypavif" + bytes(40), "is no picture"),
    "tiff": (encoded(Image.new("L", (2, 2)), "TIFF"), "is a TIFF file, which browsers do not read; convert it to PNG."),
    "ppm": (encoded(Image.new("L", (2, 2)), "PPM"), "is a PPM file, which browsers do not read; convert it to PNG."),
    "png, huge": (header(60_000, 60_000) + chunk(b"IDAT", zlib.compress(bytes(9))), "has more than 89,478,485 pixels"),
    "gif, huge": (gif(65_535, 5), "has more than 89,478,485 pixels, too many to be safely opened."),
    "gif, huge frame": (gif(5, 65_535), "has more than 89,478,485 pixels"),
    "bmp, huge": (b"BM" + struct.pack("<IHHIIiiHH", 0, 0, 0, 54, 40, 30_000, -30_000, 1, 24) + bytes(99), "pixels"),
    "webp, huge": (b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + 6 * b"\xff", "has more than 89,478,485 pixels"),
    "jpeg, huge": (b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff" + bytes(90), "has more than 89,478,485 pixels"),
    "png, few of many": (header(9_000, 9_000) + chunk(b"IDAT", zlib.compress(bytes(9))), "its pixels are cut short"),
    "png, no size": (png((0, 1), b"\0"), "it has no size"),
    "png, header": (png((1, 1), b"\0\0", depth=3), "its header makes no sense"),
    "png, checksum": (png((1, 1), b"\0\0").replace(b"\x08\0\0\0\0", b"\x08\0\0\0\1", 1), "checksum of its IHDR chunk"),
    "png, no pixels": (png((4, 2), b"", packed=b""), "its compressed data is damaged"),
    "png, no zlib": (png((4, 2), b"", packed=b"no zlib stream"), "its compressed data is damaged"),
    "png, half a row": (png((4, 2), b"\0\1\2\3\4\0\1"), "its pixels are cut short"),
    "png, filter": (png((4, 1), b"\5" + bytes(4)), "it has a filter that is not known"),
    "png, palette": (png((4, 1), bytes(5), color=3, extra=chunk(b"PLTE", bytes(999))), "its palette is too long"),
    "png, chunk": (png((4, 1), bytes(5), end=b"\x7f\xff\xff\xfftEXt"), "its tEXt chunk is cut short"),
    "png, no end": (header(4, 1) + b"\x7f\xff\xff\xffIDAT", "its compressed data is damaged"),
    "gif, cut": (b"GIF89a", "it ends too early"),
    "webp, cut": (b"RIFF\0\0\0\0WEBPVP8X", "it ends too early"),
    "jpeg, no frame": (b"\xff\xd8\xff\xe1\0\0\xff\xe1\0\0\xff\xda\0\0", "it has no frame"),
    "jpeg, all marks": (3 * b"\xff\xd8\xff" + 99_999 * b"\xff", "it has no frame"),
    "jpeg, noise": (b"\xff\xd8\xff\xc0\0\x11\x08\0\5\0\5" + bytes(90), "the browser cannot read it"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_gets_a_sentence_that_names_it(reader: Reader, case: str) -> None:
    content, said = HOSTILE[case]
    [found] = reader.read([(content, (4, 4, 3))], name="<b>.png")
    assert isinstance(found, str)
    assert found.startswith("<b>.png ")
    assert said in found
    assert "\n" not in found


def test_a_bomb_is_not_blown_up(reader: Reader) -> None:
    """A gigabyte of zeros where 5 bytes belong: what is needed is read, the rest never inflated."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(2**24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    content = png((4, 1), b"", packed=b"\x78\xda" + 64 * block)
    reader.page.evaluate(COUNT)
    try:
        reader.reads_like_python((content, (1, 4, 1)))
        assert 5 <= reader.page.evaluate("counted.bytes") < 2**26
    finally:
        reader.page.evaluate("() => { DecompressionStream = counted.Real; }")


def test_a_file_without_a_name_and_one_that_is_gone_are_named(reader: Reader) -> None:
    said = reader.page.evaluate("() => readPicture(new Blob([]), 4, 4, 3).catch((error) => error.message)")
    assert said == "The picture is empty, so it is no picture."
    gone = "({ name: 'folder', arrayBuffer: () => Promise.reject(new Error('NotFound')) })"
    said = reader.page.evaluate(f"() => readPicture({gone}, 4, 4, 3).catch((error) => error.message)")
    assert said == "folder cannot be read; it may be a folder, or no longer there."
