"""The page reads a picture file as `cnnref predict` does: the same bytes, or a sentence that says what is wrong."""

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

from cnnref.errors import InputError
from cnnref.explain.page import PAGE, PICTURE
from cnnref.pictures import read_picture

READ = """
async (cases) => {
  const found = [];
  for (const [content, name, shape] of cases) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    try {
      found.push([...(await readPicture(new File([bytes], name), ...shape))]);
    } catch (error) {
      found.push(error.message);
    }
  }
  return found;
}
"""

RESIZE = """
(cases) => cases.map(([content, ...shapes]) => {
  const rgba = Uint8ClampedArray.from(atob(content), (letter) => letter.charCodeAt(0));
  return [...readPixels(rgba, ...shapes)];
})
"""

DECODE = """
async (content) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const { width, height, rgba } = await browserRead(bytes, formatOf(bytes));
  return [height, width, [...rgba]];
}
"""

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

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Reader:
    """An empty page with the scripts that read pictures."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def read(self, cases: list[tuple[bytes, tuple[int, int, int]]], name: str = "some.png") -> list[Any]:
        """Of each file and shape, the values or the sentence."""
        found = self.page.evaluate(READ, [[text(content), name, shape] for content, shape in cases])
        return [
            one if isinstance(one, str) else np.array(one, np.uint8).reshape(shape)
            for one, (_, shape) in zip(found, cases, strict=True)
        ]

    def reads_like_python(self, *cases: tuple[bytes, tuple[int, int, int]]) -> None:
        for index, (found, (content, shape)) in enumerate(zip(self.read(list(cases)), cases, strict=True)):
            assert not isinstance(found, str), (index, found)
            np.testing.assert_array_equal(found, read_picture(content, *shape), err_msg=f"case {index}")


@pytest.fixture(scope="module")
def reader(browser: Any) -> Iterator[Reader]:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<!doctype html><title>empty</title>")
    for script in PICTURE:
        page.add_script_tag(path=PAGE / script)
    yield Reader(page)
    page.close()
    assert errors == []


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


@pytest.mark.parametrize("color", SAMPLES)
def test_every_kind_of_png_is_read_as_predict_reads_it(reader: Reader, color: int) -> None:
    random = np.random.default_rng(color)
    files = [
        any_png(random, color, depth, interlaced, transparent)
        for depth in DEPTHS[color]
        for interlaced in (False, True)
        for transparent in (False, True)
        for _ in range(4)
    ]
    sizes = [Image.open(io.BytesIO(content)).size[::-1] for content in files]
    reader.reads_like_python(
        *[(content, (*size, 3)) for content, size in zip(files, sizes, strict=True)],
        *[(content, (9, 7, channels)) for content in files for channels in (1, 3)],
    )


def test_one_transparent_colour_is_what_pillow_takes_for_it(reader: Reader) -> None:
    gray, deep = b"\0" + bytes(range(4)), b"\0" + bytes([0x12, 0xFF, 0x80, 0x7F, 0xFF, 0x00, 1, 2, 3, 4, 5, 6])
    cases = [png((4, 1), gray, extra=chunk(b"tRNS", bytes([high, 2]))) for high in (0, 9)]
    cases += [
        png((2, 1), deep, depth=16, color=2, extra=chunk(b"tRNS", bytes(key)))
        for key in ([1, 2, 3, 4, 5, 6], [9, 1, 9, 3, 9, 5])
    ]
    cases += [png((4, 1), b"\0\x1b", depth=2, extra=chunk(b"tRNS", bytes([0, key]))) for key in (1, 85)]
    cases += [png((2, 1), b"\0\x01\x01\x02\x02", depth=16, extra=chunk(b"tRNS", b"\1\1"))]
    cases += [png((4, 1), gray, extra=b"", end=chunk(b"tRNS", b"\0\3"))]  # after the pixels
    reader.reads_like_python(*[(content, (1, 4, 3)) for content in cases])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_size_is_read_whatever_the_network_takes(reader: Reader, mode: str) -> None:
    channels = 4 if mode in ("LA", "RGBA") else 3
    shapes = [(28, 28), (24, 32), (1, 1), (60, 3), (3, 60)]
    reader.reads_like_python(*[
        (content, (*shape, depth))
        for height, width in [(1, 1), (1, 3000), (3000, 1), (5, 7), (300, 401)]
        for content in [encoded(Image.fromarray(noise(height, width, channels)).convert(mode))]
        for shape in shapes
        for depth in (1, 3)
    ])  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photograph_of_12_megapixels_is_read(reader: Reader, kind: str) -> None:
    reader.reads_like_python((encoded(smooth(3000, 4000), kind), (32, 32, 3)))


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_pixels_of_any_size_become_any_other_as_in_pillow(reader: Reader, seed: int) -> None:
    random = np.random.default_rng(seed)
    cases, expected = [], []
    for _ in range(60):
        source = tuple(int(side) for side in random.integers(1, 61, 2))
        target = (*(int(side) for side in random.integers(1, 41, 2)), int(random.choice([1, 3])))
        pixels = noise(*source, 4, seed=int(random.integers(2**32)))
        if random.random() < 0.5:
            pixels[..., 3] = 255
        cases.append([text(pixels.tobytes()), source[1], source[0], *target])
        expected.append(read_picture(encoded(Image.fromarray(pixels)), *target).ravel().tolist())
    assert reader.page.evaluate(RESIZE, cases) == expected


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_stands_upright_whatever_its_orientation(reader: Reader, kind: str) -> None:
    cases = []
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for byte_order in "<>":
            exif.endian = byte_order
            content = encoded(smooth(12, 20), kind, exif=exif.tobytes(), lossless=True)
            cases += [(content, (12, 20, 3)), (content, (20, 12, 3)), (content, (8, 8, 1))]
    reader.reads_like_python(*cases)


def tiff(kind: int, count: int, value: bytes) -> bytes:
    """EXIF data with an orientation of this kind."""
    return b"MM\0*" + struct.pack(">IHHHI", 8, 1, 0x0112, kind, count) + value + bytes(4)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Metadata Warning", "ignore:Truncated File Read")
def test_the_orientation_is_found_where_pillow_finds_it(reader: Reader) -> None:
    exif = tiff(3, 1, b"\0\6\0\0")
    hexadecimal = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    profile, xmp = b"Raw profile type exif\0", b"XML:com.adobe.xmp\0"
    told = [
        chunk(b"eXIf", b"Exif\0\0" + exif),
        chunk(b"eXIf", tiff(4, 1, b"\0\0\0\6")),
        chunk(b"eXIf", tiff(3, 2, b"\0\6\0\1")),
        chunk(b"eXIf", exif[:-4]),
        chunk(b"tEXt", profile + hexadecimal),
        chunk(b"zTXt", profile + b"\0" + zlib.compress(hexadecimal)),
        chunk(b"iTXt", xmp + b"\0\0\0\0" + XMP.encode()),
        chunk(b"iTXt", xmp + b"\1\0en\0x\0" + zlib.compress(XMP.encode())),
        chunk(b"eXIf", b"") + chunk(b"iTXt", xmp + b"\0\0\0\0<tiff:Orientation>6</"),
    ]
    untold = [
        chunk(b"eXIf", tiff(1, 1, b"\6\0\0\0")),
        chunk(b"eXIf", tiff(3, 3, b"\0\6\0\0")),
        chunk(b"eXIf", tiff(3, 0, b"\0\6\0\0")),
        chunk(b"eXIf", exif[:-10]),
        chunk(b"eXIf", tiff(3, 1, b"\0\1\0\0")) + chunk(b"iTXt", xmp + b"\0\0\0\0" + XMP.encode()),
        chunk(b"zTXt", xmp + b"\0no zlib"),
    ]
    rows = b"\0\1\2\3\0\4\5\6"
    early = [png((3, 2), rows, extra=extra) for extra in told + untold]
    late = [png((3, 2), rows, end=extra) for extra in told + untold]
    for content in early[: len(told)] + late[: len(told)]:
        assert read_picture(content, 3, 2, 1).ravel().tolist() == [4, 1, 5, 2, 6, 3]
    reader.reads_like_python(*[(content, (3, 2, 1)) for content in early + late])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_xmp_tells_the_orientation_where_exif_does_not(reader: Reader, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    bare, both = (encoded(smooth(12, 20), kind, xmp=XMP.encode(), **more) for more in ({}, {"exif": exif}))
    assert np.any(read_picture(bare, 20, 12, 3) != read_picture(both, 20, 12, 3))
    reader.reads_like_python((bare, (20, 12, 3)), (both, (20, 12, 3)))


def test_other_formats_are_read_as_predict_reads_them(reader: Reader) -> None:
    pixels = noise(50, 60, 4)
    pixels[..., 3] = np.linspace(0, 255, 60).astype(np.uint8)
    frames = [Image.new("RGB", (9, 7), color) for color in ("red", "lime", "blue")]
    animated = {"save_all": True, "append_images": frames[1:]}
    picture, spotted = smooth(50, 60), smooth(50, 60).convert("P")
    spotted.putpixel((0, 0), 1)
    small = bytearray(encoded(spotted, "GIF"))
    small[6:10] = struct.pack("<HH", 70, 80)  # of the screen, which the frame does not fill
    for shape in [(50, 60, 3), (28, 28, 1)]:
        reader.reads_like_python(*[
            (content, shape)
            for content in [
                encoded(spotted, "GIF"),
                encoded(spotted, "GIF", interlace=0, transparency=1),
                bytes(small),
                encoded(frames[0], "GIF", **animated),
                *[encoded(picture.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")],
                encoded(Image.fromarray(pixels), "BMP"),
                encoded(picture, "WEBP", lossless=True),
                encoded(picture, "WEBP", quality=60),
                encoded(Image.fromarray(pixels), "WEBP", lossless=True, exact=True),
                encoded(frames[0], "WEBP", lossless=True, **animated),
                encoded(frames[0], "PNG", **animated),
            ]
        ])  # fmt: skip


def test_a_jpeg_differs_by_a_level_at_most_and_by_nothing_after_its_decoding(reader: Reader) -> None:
    """The same version of libjpeg gives the same pixels; Chromium's and Pillow's gave them in every case measured."""
    for index, options in enumerate([{}, {"quality": 30, "subsampling": 0}, {"quality": 100, "progressive": True}]):
        content = encoded(Image.fromarray(noise(91, 120, seed=index)), "JPEG", **options)
        height, width, values = reader.page.evaluate(DECODE, text(content))
        decoded = np.array(values, np.uint8).reshape(height, width, 4)
        expected = np.asarray(Image.open(io.BytesIO(content)))
        assert np.abs(decoded[..., :3].astype(int) - expected).max() <= 1
        for shape in [(91, 120, 3), (24, 32, 1)]:
            np.testing.assert_array_equal(
                reader.read([(content, shape)])[0], read_picture(encoded(Image.fromarray(decoded)), *shape)
            )


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_no_half_of_a_picture_passes_for_the_picture(reader: Reader, kind: str) -> None:
    content = encoded(smooth(40, 40).convert("P" if kind == "GIF" else "RGB"), kind)
    lengths = sorted(
        {*range(1, 40, 3), *range(40, len(content), len(content) // 60), *range(len(content) - 20, len(content))}
    )
    read = reader.read([(content[:length], (40, 40, 3)) for length in lengths])
    refused = 0
    for length, found in zip(lengths, read, strict=True):
        try:
            np.testing.assert_array_equal(found, read_picture(content[:length], 40, 40, 3), err_msg=f"{length} bytes")
        except InputError:
            refused += 1
            assert isinstance(found, str), f"{length} bytes of {len(content)} were read"
            assert found.startswith("some.png is ")
    assert refused >= len(lengths) - 20


def test_what_pillow_forgives_is_forgiven(reader: Reader) -> None:
    raw = b"\0" + bytes([9, 8, 7, 6])
    packed = zlib.compress(raw)
    whole = png((4, 1), raw)
    reader.reads_like_python(*[
        (content, (1, 4, 1))
        for content in [
            png((4, 1), b"", packed=packed[:-4]),
            png((4, 1), b"", packed=packed[:-4], end=b""),
            png((4, 1), raw * 100),
            whole[:-16] + b"abcd" + whole[-12:],  # the checksum of IDAT
            png((4, 3), raw),  # rows are missing
            png((4, 3), raw, color=3),  # and the palette, too
            png((2, 2), raw, color=4),
        ]
    ])  # fmt: skip


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
