"""Digits are centred as MNIST's own are: light on dark, in a box, by their mass."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from digits_drawn import drawn
from PIL import Image

from cnnref.centring import is_centred, threshold
from cnnref.data import load
from cnnref.data.sources import picture_rule
from cnnref.errors import InputError
from cnnref.pictures import USUAL, PictureRule, read_picture
from cnnref.runtimes import find_bundle, predict, read_bundle

RULE = PictureRule(ink_box=20)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def read(pixels: np.ndarray, rule: PictureRule = RULE) -> np.ndarray:
    return read_picture(png(pixels), 28, 28, 1, rule)[:, :, 0]


@pytest.mark.parametrize("name", ["lenet5-mnist", "mnist_cnn-mnist"])
def test_digits_drawn_in_a_corner_or_on_paper_are_read_right_only_when_centred(name: str, tmp_path: Path) -> None:
    files, wanted = [], []
    for place, (digit, picture) in enumerate(drawn()):
        files.append(tmp_path / f"{place}.png")
        files[-1].write_bytes(png(picture))
        wanted.append(str(digit))
    bundle = read_bundle(find_bundle(name))
    assert bundle.picture == RULE
    found = predict(bundle, files, isolated=False)
    assert [one.top[0][0] for one in found] == wanted
    plain = predict(bundle, files, isolated=False, centre=False)
    assert sum(one.top[0][0] == right for one, right in zip(plain, wanted, strict=True)) < len(wanted) / 2
    inverted = predict(bundle, files, isolated=False, invert=True)
    assert [one.probabilities for one in inverted] == [one.probabilities for one in found]


def test_mnist_s_own_pictures_stay_as_they_are_and_come_back_from_their_negatives() -> None:
    if "CNNREF_DATA" not in os.environ:
        pytest.skip("CNNREF_DATA names no folder with MNIST")
    images = load("mnist", download=False).test_images[..., 0]
    assert all(is_centred(image, 20) for image in images)
    for image in images[:200]:
        np.testing.assert_array_equal(read(image), image)
        np.testing.assert_array_equal(read(255 - image), image)


def test_where_a_digit_stands_and_how_large_it_is_changes_next_to_nothing() -> None:
    """A level at most: the means of background and ink depend a little on how much background there is."""
    random = np.random.default_rng(0)
    for _, digit in drawn():
        light_on_dark = 255 - digit if digit[0, 0] > 127 else digit
        for scale in (1, 2):
            shown = np.kron(light_on_dark, np.ones((scale, scale), np.uint8))
            top, left = (int(at) for at in random.integers(0, 31, 2))
            moved = np.pad(shown, ((top, 30 - top), (left, 30 - left)))
            np.testing.assert_allclose(read(moved).astype(int), read(shown), atol=1)
            np.testing.assert_allclose(read(255 - moved).astype(int), read(shown), atol=1)
            rows, columns = (np.flatnonzero(read(shown).any(axis=axis)) for axis in (1, 0))
            assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)  # a faint edge may round to 0


def test_otsu_divides_where_the_variance_between_the_parts_is_largest() -> None:
    values = np.array([[10, 12, 10, 200], [11, 10, 190, 210]], np.uint8)
    assert threshold(values) == 12
    assert threshold(np.full((3, 4), 7, np.uint8)) is None
    gray = np.random.default_rng(0).integers(0, 256, (20, 20)).astype(np.uint8)

    def between(limit: int) -> float:
        low, high = gray[gray <= limit], gray[gray > limit]
        return low.size * high.size * (low.mean() - high.mean()) ** 2 if low.size and high.size else -1.0

    assert threshold(gray) == max(range(255), key=between)


def test_without_ink_or_in_colour_the_usual_rule_holds() -> None:
    for value in (0, 90, 255):
        plain = np.full((50, 70), value, np.uint8)
        np.testing.assert_array_equal(read(plain), read(plain, USUAL))
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    np.testing.assert_array_equal(read_picture(png(noise), 28, 28, 3, RULE), read_picture(png(noise), 28, 28, 3, USUAL))


def test_the_rule_is_mnist_s_alone_and_says_so() -> None:
    assert picture_rule("mnist", (28, 28, 1)) == RULE
    assert picture_rule("mnist", (32, 32, 1)).ink_box == 22
    for name, shape in (("fashion_mnist", (28, 28, 1)), ("cifar10", (32, 32, 3)), ("mnist", (28, 28, 3)), (None, ())):
        assert picture_rule(name, shape) == USUAL
    said = RULE.to_json()
    assert said["ink_box"] == 20
    assert "20x20" in said["centring"]
    assert "ink_box" not in USUAL.to_json()
    assert RULE.without_centring() == USUAL
    with pytest.raises(InputError, match="box of the ink is 0"):
        PictureRule(ink_box=0)
