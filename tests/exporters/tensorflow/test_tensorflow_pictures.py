"""`serve_jpeg`: encoded pictures become the pixels that `cnnref predict` would see."""

import io
from typing import Any

import numpy as np
import pytest
from digits_drawn import drawn
from PIL import Image

from cnnref.exporters.tensorflow.pictures import read_picture
from cnnref.pictures import PictureRule
from cnnref.pictures import read_picture as read_with_pillow
from cnnref.runtimes import read_samples


def encoded(mode: Any, size: Any, kind: Any = "PNG") -> Any:
    """A smooth picture with a gradient in each channel, and noise of a few levels."""
    width, height = size
    channels = len(Image.new(mode, (1, 1)).getbands())
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [(rows * (i + 2) + columns * 3 + i * 40) % 256 if i % 2 else rows * 200 // height for i in range(channels)]
    pixels = np.stack(planes, axis=-1).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_the_right_size_has_the_same_pixels(mode: Any, channels: Any) -> None:
    content = encoded(mode, (20, 14))
    found = np.asarray(read_picture(content, (14, 20, channels)))
    np.testing.assert_allclose(found, read_with_pillow(content, 14, 20, channels), atol=1)
    if mode in ("L", "RGB"):
        exact = np.asarray(read_with_pillow(content, 14, 20, channels), np.float32)
        assert np.mean(found != exact) < 0.01, "rounding at one half"


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (41, 17), (7, 9), (1, 1)])
def test_another_size_is_cropped_and_resized_as_pillow_does_to_a_level(size: Any) -> None:
    content = encoded("L", size)
    found = np.asarray(read_picture(content, (14, 20, 1)))
    np.testing.assert_allclose(found, read_with_pillow(content, 14, 20, 1), atol=1.01)


def test_digits_are_centred_as_predict_centres_them_to_a_level() -> None:
    rule = PictureRule(ink_box=20)
    for _, picture in drawn():
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        wanted = read_with_pillow(stream.getvalue(), 28, 28, 1, rule)
        found = np.asarray(read_picture(stream.getvalue(), (28, 28, 1), rule))
        np.testing.assert_allclose(found, wanted, atol=1.01)
        stream = io.BytesIO()
        Image.fromarray(255 - wanted[:, :, 0]).save(stream, "PNG")
        np.testing.assert_array_equal(read_picture(stream.getvalue(), (28, 28, 1), rule), wanted)
    for mode, size in (("L", (14, 20)), ("LA", (28, 28)), ("RGB", (5, 9))):
        content = encoded(mode, size)
        found = np.asarray(read_picture(content, (28, 28, 1), rule))
        assert np.abs(found - read_with_pillow(content, 28, 28, 1, rule)).mean() < 3, "gray may be a level off"
    plain = io.BytesIO()
    Image.new("L", (40, 30), 7).save(plain, "PNG")
    np.testing.assert_array_equal(read_picture(plain.getvalue(), (28, 28, 1), rule), np.full((28, 28, 1), 7))


def test_a_jpeg_is_read() -> None:
    content = encoded("RGB", (32, 32), "JPEG")
    found = np.asarray(read_picture(content, (32, 32, 3)))
    assert np.abs(found - read_with_pillow(content, 32, 32, 3)).mean() < 2, "decoders may differ by a level or two"


def test_the_second_signature_answers_as_the_first(bundle: Any) -> None:
    import tensorflow as tf

    samples = read_samples(bundle)
    loaded = tf.saved_model.load(str(bundle.folder / "saved_model"))
    assert set(loaded.signatures) == {"serving_default", "serve_jpeg"}
    contents = []
    for image in samples.images[:4]:
        stream = io.BytesIO()
        Image.fromarray(image[:, :, 0]).save(stream, "PNG")
        contents.append(stream.getvalue())
    found = loaded.signatures["serve_jpeg"](image_bytes=tf.constant(contents))
    assert list(found) == ["probabilities"]
    np.testing.assert_allclose(found["probabilities"], samples.probabilities[:4], atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), [(40, 61), (61, 40), (12, 30), (32, 32)])
def test_the_shorter_side_is_resized_and_the_middle_is_cropped(interpolation: str, height: int, width: int) -> None:
    content = encoded("RGB", (width, height))
    rule = PictureRule(32, interpolation)
    found = np.asarray(read_picture(content, (28, 24, 3), rule))
    wanted = read_with_pillow(content, 28, 24, 3, rule)
    np.testing.assert_allclose(found, wanted, atol=1.01)
