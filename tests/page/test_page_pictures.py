"""The page reads a picture file as `cnnref predict` does, to the byte."""

import io
import struct
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from digits_drawn import drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import (
    DECODE,
    DEPTHS,
    RESIZE,
    SAMPLES,
    XMP,
    Reader,
    any_png,
    chunk,
    encoded,
    noise,
    pixels,
    png,
    smooth,
    text,
)
from PIL import Image

from cnnref.errors import InputError
from cnnref.pictures import INTERPOLATIONS, PictureRule, read_picture


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
        made = noise(*source, 4, seed=int(random.integers(2**32)))
        if random.random() < 0.5:
            made[..., 3] = 255
        cases.append([text(made.tobytes()), source[1], source[0], *target])
        expected.append(text(read_picture(encoded(Image.fromarray(made)), *target).tobytes()))
    assert reader.page.evaluate(RESIZE, cases) == expected


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_the_shorter_side_is_resized_and_the_middle_is_cropped_as_in_pillow(reader: Reader, seed: int) -> None:
    random = np.random.default_rng(seed)
    cases, expected = [], []
    for _ in range(60):
        source = tuple(int(side) for side in random.integers(1, 61, 2))
        target = (*(int(side) for side in random.integers(1, 41, 2)), int(random.choice([1, 3])))
        side = None if random.random() < 0.2 else int(random.integers(1, 61))
        rule = PictureRule(side, str(random.choice(INTERPOLATIONS)))
        made = noise(*source, 4, seed=int(random.integers(2**32)))
        made[..., 3] = 255
        cases.append([text(made.tobytes()), source[1], source[0], *target, asdict(rule)])
        expected.append(text(read_picture(encoded(Image.fromarray(made)), *target, rule).tobytes()))
    assert reader.page.evaluate(RESIZE, cases) == expected


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**32 - 1))
def test_digits_are_centred_as_in_python(reader: Reader, seed: int) -> None:
    random = np.random.default_rng(seed)
    cases, expected = [], []
    for _ in range(40):
        rows, columns = (int(side) for side in random.integers(1, 61, 2))
        target = [(28, 28, 1), (20, 33, 1), (28, 28, 3)][int(random.integers(3))]
        rule = PictureRule(ink_box=int(random.integers(1, 31)))
        made = noise(rows, columns, 4, seed=int(random.integers(2**32))) // int(random.integers(1, 5))
        made[: int(random.integers(rows + 1)), :] = random.integers(0, 256)
        made[..., 3] = 255
        cases.append([text(made.tobytes()), columns, rows, *target, asdict(rule)])
        expected.append(text(read_picture(encoded(Image.fromarray(made)), *target, rule).tobytes()))
    for digit, picture in drawn():
        made = np.dstack([picture] * 3 + [np.full_like(picture, 255)])
        rule = PictureRule(ink_box=20)
        cases.append([text(made.tobytes()), *reversed(picture.shape), 28, 28, 1, asdict(rule)])
        centred = read_picture(encoded(Image.fromarray(made)), 28, 28, 1, rule)
        expected.append(text(centred.tobytes()))
        again = np.array([[value, value, value, 255] for value in centred.ravel()], np.uint8)
        cases.append([text(again.tobytes()), 28, 28, 28, 28, 1, asdict(rule)])
        expected.append(expected[-1])  # what is centred stays so
        assert digit in (4, 7)
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
    made = noise(50, 60, 4)
    made[..., 3] = np.linspace(0, 255, 60).astype(np.uint8)
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
                encoded(Image.fromarray(made), "BMP"),
                encoded(picture, "WEBP", lossless=True),
                encoded(picture, "WEBP", quality=60),
                encoded(Image.fromarray(made), "WEBP", lossless=True, exact=True),
                encoded(frames[0], "WEBP", lossless=True, **animated),
                encoded(frames[0], "PNG", **animated),
            ]
        ])  # fmt: skip


def test_a_jpeg_differs_by_a_level_at_most_and_by_nothing_after_its_decoding(reader: Reader) -> None:
    """The same version of libjpeg gives the same pixels; Chromium's and Pillow's gave them in every case measured."""
    for index, options in enumerate([{}, {"quality": 30, "subsampling": 0}, {"quality": 100, "progressive": True}]):
        content = encoded(Image.fromarray(noise(91, 120, seed=index)), "JPEG", **options)
        height, width, values = reader.page.evaluate(DECODE, text(content))
        decoded = pixels(values).reshape(height, width, 4)
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
