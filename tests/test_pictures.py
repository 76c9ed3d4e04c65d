import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageFile

from cnnref.errors import InputError
from cnnref.pictures import INTERPOLATIONS, LARGEST_DECODED, PictureRule, picture_size, read_picture, write_picture


def encoded(image: Any, kind: Any = "PNG", **options: Any) -> Any:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(height: Any, width: Any, channels: Any = 3, seed: Any = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def test_the_rule_is_stated_in_words() -> None:
    words = {"orientation", "transparency", "color", "crop", "resize"}
    for rule in (PictureRule(), PictureRule(256, "bicubic")):
        told = rule.to_json()
        assert told.keys() == words | {"shorter_side", "interpolation"}
        assert all(isinstance(told[word], str) and told[word] for word in words)
        assert (told["shorter_side"], told["interpolation"]) == (rule.shorter_side, rule.interpolation)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([1, 3]).flatmap(
        lambda c: arrays(np.uint8, array_shapes(min_dims=2, max_dims=2).map(lambda s: (*s, c)))
    )
)
def test_a_picture_of_the_right_size_passes_untouched(tmp_path_factory: pytest.TempPathFactory, image: Any) -> None:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    write_picture(path, image)
    np.testing.assert_array_equal(read_picture(path, *image.shape), image)
    np.testing.assert_array_equal(read_picture(path.read_bytes(), *image.shape), image)


def test_the_result_is_writable_and_contiguous() -> None:
    image = read_picture(encoded(Image.fromarray(noise(4, 5))), 4, 5, 3)
    assert image.flags.writeable
    assert image.flags.c_contiguous
    assert image.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: Any) -> None:
    upright = noise(4, 6)
    # What a camera stores, so that the tag brings it back: the inverse of the eight transformations.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    np.testing.assert_array_equal(read_picture(content, 4, 6, 3), upright)
    assert picture_size(content) == (4, 6)


def test_transparency_is_composited_on_white() -> None:
    image = np.zeros((1, 3, 4), np.uint8)
    image[0, :, 0] = 200
    image[0, :, 3] = [0, 255, 51]  # clear, solid, a fifth
    found = read_picture(encoded(Image.fromarray(image)), 1, 3, 3)
    np.testing.assert_allclose(found[0], [[255, 255, 255], [200, 0, 0], [244, 204, 204]], atol=1)


@pytest.mark.parametrize("mode", ["LA", "P", "L", "RGB"])
def test_every_kind_of_transparency_turns_white(mode: Any) -> None:
    if mode == "LA":
        image, options = Image.new("LA", (2, 2), (90, 0)), {}
    else:
        image = Image.new(mode, (2, 2), 0)
        options = {"transparency": (0, 0, 0) if mode == "RGB" else 0}
    np.testing.assert_array_equal(read_picture(encoded(image, **options), 2, 2, 3), 255)
    np.testing.assert_array_equal(read_picture(encoded(image, **options), 2, 2, 1), 255)


def test_a_transparent_value_of_a_16_bit_picture_turns_white() -> None:
    image = Image.fromarray(np.array([[257, 514]], np.uint16))
    assert read_picture(encoded(image, transparency=257), 1, 2, 1).ravel().tolist() == [255, 2]


def test_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (3, 3), color) for color in ("red", "lime", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_picture(content, 3, 3, 3)[0, 0], [255, 0, 0])


@pytest.mark.parametrize(
    ("kind", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", ">u2"), ("TIFF", np.int32)]
)
def test_16_bit_values_are_divided_by_257_and_not_clipped(kind: Any, dtype: Any) -> None:
    values = np.array([[0, 128, 129, 257, 32_896, 65_406, 65_407, 65_535]]).astype(dtype)
    found = read_picture(encoded(Image.fromarray(values), kind), 1, 8, 1)
    assert found.ravel().tolist() == [0, 0, 1, 1, 128, 254, 255, 255]


@pytest.mark.parametrize(("values", "expected"), [([0, 0.5, 1], [0, 128, 255]), ([0, 1.4, 254.6], [0, 1, 255])])
def test_floats_are_0_to_1_or_0_to_255(values: Any, expected: Any) -> None:
    content = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert read_picture(content, 1, 3, 1).ravel().tolist() == expected


@pytest.mark.parametrize(
    "values",
    [np.array([[-1, 5]], np.int32), np.array([[70_000]], np.int32), np.array([[np.nan, 0]], np.float32)],
)
def test_values_of_an_unknown_range_are_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"holds values from .*whole numbers are read from 0\.\.65,535"):
        read_picture(encoded(Image.fromarray(values), "TIFF"), *values.shape, 1)


def test_grayscale_has_the_weights_of_itu_r_601() -> None:
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 100, 200]]], np.uint8)
    found = read_picture(encoded(Image.fromarray(colors)), 1, 4, 1).ravel()
    np.testing.assert_allclose(found, colors[0] @ [0.299, 0.587, 0.114], atol=0.51)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_every_mode_of_a_picture_is_read(mode: Any) -> None:
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    content = encoded(Image.new("RGB", (2, 3), "white").convert(mode), kind)
    for channels in (1, 3):
        np.testing.assert_array_equal(read_picture(content, 3, 2, channels), np.full((3, 2, channels), 255))


@pytest.mark.parametrize(("height", "width", "rows", "columns"), [(4, 8, (0, 4), (2, 6)), (9, 4, (2, 6), (0, 4))])
def test_the_centre_is_cropped_to_the_asked_ratio(height: Any, width: Any, rows: Any, columns: Any) -> None:
    image = noise(height, width)
    found = read_picture(encoded(Image.fromarray(image)), 4, 4, 3)
    np.testing.assert_array_equal(found, image[slice(*rows), slice(*columns)])


@settings(deadline=None, max_examples=40)
@given(*[st.integers(1, 30)] * 4, st.sampled_from([1, 3]))
def test_any_size_becomes_any_other_and_one_color_stays(
    height: Any, width: Any, new_height: Any, new_width: Any, channels: Any
) -> None:
    content = encoded(Image.new("RGB", (width, height), (7, 7, 7)))
    found = read_picture(content, new_height, new_width, channels)
    np.testing.assert_array_equal(found, np.full((new_height, new_width, channels), 7))


def test_shrinking_averages_so_that_a_fine_pattern_turns_grey() -> None:
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    found = read_picture(encoded(Image.fromarray(stripes[..., 0])), 8, 8, 1)
    assert found[:, 1:-1].min() > 110
    assert found[:, 1:-1].max() < 145


def big_header() -> Any:
    """A PNG that claims 30,000 x 30,000 pixels and has hardly any."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, so it is not a picture"),
        (b"GIF", "is not a picture"),
        (b"no picture at all" * 20, "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "is not a picture"),
        (big_header(), "too many to be safely opened"),
    ],
    ids=["empty", "short", "text", "EPS", "bomb"],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, content: Any, message: Any) -> None:
    path = tmp_path / "some.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"some\.png .*{message}"):
        read_picture(path, 4, 4, 3)
    with pytest.raises(InputError, match=f"The picture of {len(content):,} bytes .*{message}"):
        read_picture(content, 4, 4, 3)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.png cannot be read as a picture \(No such file"):
        read_picture(tmp_path / "absent.png", 4, 4, 3)
    with pytest.raises(InputError, match=r"cannot be read as a picture \(Is a directory"):
        read_picture(tmp_path, 4, 4, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_no_half_of_a_picture_passes_for_the_picture(kind: Any) -> None:
    content = encoded(Image.fromarray(noise(40, 40)), kind)
    assert read_picture(content, 40, 40, 3).shape == (40, 40, 3)
    for length in (2, 10, 30, len(content) // 3, len(content) // 2, len(content) * 9 // 10):
        with pytest.raises(InputError, match=r"is damaged or cut short|is not a picture"):
            read_picture(content[:length], 40, 40, 3)


@pytest.mark.parametrize("shape", [(4, 4, 2), (0, 4, 3), (4, -1, 1)])
def test_a_senseless_shape_is_refused(shape: Any) -> None:
    with pytest.raises(InputError, match="cannot be read as"):
        read_picture(encoded(Image.new("L", (4, 4))), *shape)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_only_uint8_pictures_are_written(tmp_path: Path, image: Any) -> None:
    with pytest.raises(InputError, match=r"out\.png cannot be written"):
        write_picture(tmp_path / "out.png", image)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("mode", "side"), [("I;16", 7_000), ("F", 7_000)])
def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(mode: str, side: int) -> None:
    content = encoded(Image.new(mode, (8, 8)), "TIFF")
    for tag in (256, 257):  # width and height in the table of a TIFF file, as 16-bit or 32-bit numbers
        for kind, size in ((3, 2), (4, 4)):
            entry = struct.pack("<HHI", tag, kind, 1)
            if entry in content:
                start = content.index(entry) + len(entry)
                content = content[:start] + side.to_bytes(size, "little") + content[start + size :]
    with pytest.raises(InputError, match=r"bytes, .* in all; pictures of up to"):
        read_picture(content, 8, 8, 3)


def header(kind: str, width: int, height: int) -> bytes:
    """A file of three bytes a pixel that begins as a picture of that size and has none of its pixels."""
    if kind == "PPM":
        return b"P6 %d %d 255\n" % (width, height)
    if kind == "BMP":
        return b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (head, b"IDATx"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SIDES = st.one_of(st.integers(1, 2**31 - 1), st.integers(1, 30_000))


@given(st.sampled_from(["PNG", "BMP", "PPM"]), SIDES, SIDES)
def test_no_pixel_is_decoded_of_a_picture_that_claims_too_many(kind: str, width: int, height: int) -> None:
    class DecodedError(Exception):
        pass

    def decode(_: object) -> None:
        raise DecodedError

    with mock.patch.object(ImageFile.ImageFile, "load", decode), pytest.raises(InputError) as refused:
        read_picture(header(kind, width, height), 8, 8, 3)
    if isinstance(refused.value.__cause__, DecodedError):
        assert 3 * width * height <= LARGEST_DECODED
    else:
        assert width * height > LARGEST_DECODED // 4


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_a_jpeg_file_of_thousands_of_scans_is_refused(kind: str) -> None:
    more = {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]} if kind == "MPO" else {}
    content = encoded(Image.new("RGB", (16, 16)), kind, progressive=True, **more)
    end = content.index(b"\xff\xd9")
    start = content.rindex(b"\xff\xda", 0, end)
    with pytest.raises(InputError, match="more than 200 scans"):
        read_picture(content[:start] + content[start:end] * 3_000 + content[end:], 8, 8, 3)
    assert read_picture(content, 8, 8, 3).shape == (8, 8, 3)


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match=r"pipe\.png is no regular file, so it is not read; give a picture"):
        read_picture(tmp_path / "pipe.png", 8, 8, 3)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(4, 40), st.integers(1, 20), st.sampled_from(INTERPOLATIONS))
def test_the_shorter_side_is_resized_and_the_middle_is_cropped_as_torchvision_does(
    height: int, width: int, side: int, crop: int, interpolation: str
) -> None:
    from torch_peers import torchvision_models

    torchvision_models()  # makes it importable where its operators are not compiled
    from torchvision.transforms import functional

    picture = Image.fromarray(noise(height, width))
    found = read_picture(encoded(picture), crop, crop, 3, PictureRule(side, interpolation))
    # torchvision pads a picture that is smaller than the crop with black; here it is resized to the crop at least.
    mode = getattr(functional.InterpolationMode, interpolation.upper())
    resized = functional.resize(picture, [max(side, crop)], mode)
    np.testing.assert_array_equal(found, np.asarray(functional.center_crop(resized, [crop, crop])))


@pytest.mark.parametrize("wrong", [{"interpolation": "nearest"}, {"shorter_side": 0}, {"shorter_side": 2.5}])
def test_a_rule_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"interpolation 'nearest'|shorter side is"):
        PictureRule(**wrong)


def test_a_picture_that_would_be_resized_beyond_all_measure_is_refused() -> None:
    with pytest.raises(InputError, match=r"would have 25600000x256 .* crop it first"):
        read_picture(encoded(Image.new("L", (100_000, 1))), 224, 224, 3, PictureRule(256))
