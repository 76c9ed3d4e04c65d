"""Laws of augmentation: what stays, what moves, and that chance is repeatable."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data.augmentation import Augmentation, mirror, sample, shift, smooth, spline
from cnnref.errors import InputError

ALL = Augmentation(flip=True, translate=2, rotate=20, scale=0.2, shear=10, elastic=1)


def random_images(*shape: Any, seed: Any = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def generator(seed: Any = 0) -> Any:
    return np.random.default_rng(seed)


def coordinates_of_all(n: Any, height: Any, width: Any) -> Any:
    return np.broadcast_to(np.indices((height, width), np.float32)[:, None], (2, n, height, width))


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_zero_settings_change_nothing(border: Any) -> None:
    images = random_images(5, 6, 7, 3)
    changed = Augmentation(border=border)(images, generator())
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, images)


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_reading_each_pixel_where_it_is_gives_the_picture(border: Any) -> None:
    images = random_images(3, 6, 7, 3).astype(np.float32)
    found = sample(images, coordinates_of_all(3, 6, 7), border)
    np.testing.assert_allclose(found, images, atol=0.5)  # the far edge is read 0.001 pixels inside
    np.testing.assert_array_equal(found[:, :-1, :-1], images[:, :-1, :-1])


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_a_whole_shift_is_a_slice_of_the_padded_picture(border: Any) -> None:
    images = random_images(200, 5, 6, 2)
    moved = Augmentation(translate=2, border=border)(images, generator())
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode={"zero": "constant", "reflect": "reflect"}[border])
    seen = set()
    for image, frame in zip(moved, padded, strict=True):
        fits = [
            offset
            for offset in product(range(5), range(5))
            if np.array_equal(image, frame[offset[0] : offset[0] + 5, offset[1] : offset[1] + 6])
        ]
        assert fits
        seen.update(fits)
    assert seen == set(product(range(5), range(5)))  # every shift of -2..2 comes up


def test_a_flip_mirrors_about_half_of_the_pictures_and_leaves_the_rest() -> None:
    images = random_images(1000, 4, 5, 1)
    flipped = Augmentation(flip=True)(images, generator())
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 430 < mirrored.sum() < 570


def test_the_pictures_that_are_handed_in_stay_as_they_are() -> None:
    for dtype in (np.uint8, np.float32):
        images = random_images(8, 6, 6, 1).astype(dtype)
        before = images.copy()
        ALL(images, generator())
        np.testing.assert_array_equal(images, before)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(3, 12), st.integers(3, 12), st.integers(1, 3)),
    flip=st.booleans(),
    translate=st.sampled_from([0, 1, 2, 1.5]),
    rotate=st.floats(0, 180),
    scale=st.floats(0, 0.5),
    shear=st.floats(0, 30),
    elastic=st.floats(0, 3),
    border=st.sampled_from(["zero", "reflect"]),
    seed=st.integers(0, 2**32),
)
def test_shape_and_range_are_kept_and_chance_is_that_of_the_generator(shape: Any, seed: Any, **options: Any) -> None:
    augmentation, images = Augmentation(**options), random_images(*shape, seed=seed)
    changed = augmentation(images, generator(seed))
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    low = images.min() if augmentation.border == "reflect" else 0
    assert changed.min() >= low - 1e-3
    assert changed.max() <= images.max() + 1e-3
    np.testing.assert_array_equal(changed, augmentation(images, generator(seed)))


def test_another_generator_gives_other_pictures() -> None:
    images = random_images(4, 8, 8, 1)
    assert (ALL(images, generator(1)) != ALL(images, generator(2))).any()


def test_pictures_of_a_batch_are_changed_each_by_itself() -> None:
    images = np.repeat(random_images(1, 12, 12, 1), 6, axis=0)
    changed = Augmentation(rotate=30)(images, generator())
    assert len(np.unique(changed.reshape(6, -1), axis=0)) == 6


def blob(size: Any = 29, width: Any = 4.0) -> Any:
    """A picture that looks the same from every angle."""
    row, column = np.indices((size, size)) - (size - 1) / 2
    return (255 * np.exp(-(row**2 + column**2) / (2 * width**2)))[None, :, :, None].astype(np.float32)


def test_rotation_keeps_a_round_picture_and_changes_another() -> None:
    picture = np.repeat(blob(), 10, axis=0)
    turned = Augmentation(rotate=180)(picture, generator())
    np.testing.assert_allclose(turned, picture, atol=4)
    bar = np.zeros_like(picture)
    bar[:, 13:16] = 255
    assert np.abs(Augmentation(rotate=180)(bar, generator()) - bar).mean() > 10


def spread(pictures: Any) -> Any:
    """Standard deviations of the brightness along rows and columns, in pixels: [n], [n]."""
    weights = pictures[..., 0] / pictures[..., 0].sum(axis=(1, 2), keepdims=True)
    row, column = np.indices(pictures.shape[1:3]) - (pictures.shape[1] - 1) / 2
    return np.sqrt((weights * row**2).sum(axis=(1, 2))), np.sqrt((weights * column**2).sum(axis=(1, 2)))


def test_scale_stays_within_its_range_and_uses_it() -> None:
    picture = np.repeat(blob(41), 200, axis=0)
    for axis in spread(Augmentation(scale=0.25)(picture, generator())):
        assert axis.min() >= 4.0 * 0.75 - 0.1
        assert axis.max() <= 4.0 * 1.25 + 0.1
        assert axis.min() < 3.2
        assert axis.max() > 4.8


def test_translation_with_other_distortions_stays_within_its_range_and_uses_it() -> None:
    picture = np.repeat(blob(41), 200, axis=0)
    moved = Augmentation(translate=3, rotate=1e-9)(picture, generator())[..., 0]
    weights = moved / moved.sum(axis=(1, 2), keepdims=True)
    for position in np.indices((41, 41)) - 20:
        centre = (weights * position).sum(axis=(1, 2))
        assert np.abs(centre).max() <= 3.02
        assert centre.min() < -2.5
        assert centre.max() > 2.5


def test_a_reflecting_border_brings_no_black_and_a_zero_border_does() -> None:
    white = np.full((20, 10, 10, 1), 200, np.uint8)
    strong = {"translate": 3, "rotate": 45, "scale": 0.3, "shear": 20, "elastic": 1}
    np.testing.assert_allclose(Augmentation(**strong, border="reflect")(white, generator()), 200, atol=1e-2)
    assert Augmentation(**strong)(white, generator()).min() == 0
    corner = generator().integers(0, 5, (20, 2))
    assert shift(white, 2, corner, "reflect").min() == 200
    assert shift(white, 2, corner, "zero").min() == 0


@given(size=st.integers(2, 20), position=st.integers(-50, 50))
def test_mirrored_positions_are_those_of_the_reflected_picture(size: Any, position: Any) -> None:
    reflected = np.pad(np.arange(size), 60, mode="reflect")
    assert mirror(np.array([position], np.float32), size)[0] == reflected[position + 60]


def test_the_elastic_field_has_unit_deviation_and_is_smooth() -> None:
    points = spline(28).shape[1]
    field = smooth(generator().standard_normal((400, 2, points, points)), 28, 28)
    np.testing.assert_allclose(field.std(axis=(0, 1)), 1, atol=0.15)
    assert np.abs(np.diff(field, axis=-1)).mean() < 0.3


@pytest.mark.parametrize("border", ["zero", "reflect"])
@pytest.mark.parametrize("settings", [{}, {"translate": 2}, {"rotate": 20, "shear": 5, "elastic": 1}], ids=str)
def test_numpy_and_jax_make_the_same_change(border: Any, settings: Any) -> None:
    jax = pytest.importorskip("jax")
    augmentation = Augmentation(flip=True, border=border, **settings)
    images = random_images(6, 9, 11, 3)
    changes = augmentation.draw(images.shape, generator())
    expected = augmentation.apply(images, changes)
    found = jax.jit(lambda images, changes: augmentation.apply(images, changes, jax.numpy))(images, changes)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, atol=0 if augmentation.whole_pixels else 0.01)


def test_what_is_to_be_flipped_can_be_said() -> None:
    images = random_images(4, 5, 6, 1)
    mirrored = np.array([True, False, False, True])
    augmentation = Augmentation(flip=True, alternating=True)
    flipped = augmentation.apply(images, augmentation.draw(images.shape, generator(), mirrored))
    np.testing.assert_array_equal(flipped[mirrored], images[mirrored, :, ::-1])
    np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])


def test_alternating_needs_flips() -> None:
    with pytest.raises(InputError, match=r"set augmentation\.flip = true"):
        Augmentation(alternating=True)


NEW = st.fixed_dictionaries({
    "crop": st.sampled_from([0, 0.08, 0.5, 1]), "crop_aspect": st.floats(1, 3), "brightness": st.floats(0, 1),
    "contrast": st.floats(0, 1), "saturation": st.floats(0, 1), "hue": st.floats(0, 0.5), "erase": st.floats(0, 1),
    "mixup": st.floats(0, 2),
})  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(options=NEW, channels=st.integers(1, 4), side=st.integers(3, 12), seed=st.integers(0, 2**32))
def test_crops_colours_erasing_and_mixing_keep_shape_and_range_and_follow_the_generator(
    options: Any, channels: Any, side: Any, seed: Any
) -> None:
    augmentation, images = Augmentation(**options), random_images(3, side, side + 2, channels, seed=seed)
    changed = augmentation(images, generator(seed))
    assert changed.shape == images.shape
    assert changed.min() >= -1e-3
    assert changed.max() <= 255 + 1e-3
    np.testing.assert_array_equal(changed, augmentation(images, generator(seed)))


@settings(max_examples=25, deadline=None)
@given(options=NEW, seed=st.integers(0, 2**32))
def test_what_is_new_draws_after_what_was_there(options: Any, seed: Any) -> None:
    old = {"flip": True, "translate": 2, "rotate": 5, "elastic": 1}
    before = Augmentation(**old).draw((4, 8, 8, 3), generator(seed))
    after = Augmentation(**old, **{**options, "crop": 0}).draw((4, 8, 8, 3), generator(seed))
    for name, numbers in before.items():
        np.testing.assert_array_equal(after[name], numbers)


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_a_crop_reads_a_part_of_the_picture_of_the_wanted_area_and_nothing_outside(border: Any) -> None:
    rows, columns = np.indices((33, 33), np.float32) + 100
    images = np.repeat(np.stack([rows, columns], axis=-1)[None], 400, axis=0)
    cut = Augmentation(crop=0.25, crop_aspect=2, border=border)(images, generator())
    low, high = cut.min(axis=(1, 2)), cut.max(axis=(1, 2))
    assert low.min() >= 100 - 1e-3
    assert high.max() <= 132 + 1e-3
    shares = (high - low) / 32
    area, ratio = shares.prod(axis=1), shares[:, 0] / shares[:, 1]
    assert 0.25 * 0.7 < area.min() < 0.3  # less where a side was cut to the picture's
    assert 0.9 < area.max() <= 1 + 1e-3
    assert 0.5 - 1e-2 <= ratio.min() < 0.6
    assert 1.7 < ratio.max() <= 2 + 1e-2
    assert low.max() > 110  # and not always from the corner
    np.testing.assert_allclose(
        np.diff(cut[..., 0], axis=1), np.broadcast_to(shares[:, :1, None], (400, 32, 33)), atol=2e-3
    )


def test_colours_change_as_they_are_said_to() -> None:
    images = random_images(300, 4, 4, 3).astype(np.float32) / 4 + 90  # so that nothing is cut off
    gray = images @ np.float32([0.299, 0.587, 0.114])

    def factors(changed: Any, original: Any) -> Any:
        return (changed * original).sum(axis=(1, 2)) / (original**2).sum(axis=(1, 2))

    bright = Augmentation(brightness=0.3)(images, generator()) / images
    assert np.ptp(bright, axis=(1, 2, 3)).max() < 1e-4
    assert 0.7 <= bright.min() < 0.75
    assert 1.25 < bright.max() <= 1.3 + 1e-5

    middle = gray.mean(axis=(1, 2))[:, None, None, None]
    contrasted = (Augmentation(contrast=0.3)(images, generator()) - middle) / (images - middle)
    assert np.median(np.ptp(contrasted, axis=(1, 2, 3))) < 1e-2
    assert 0.7 - 1e-3 < np.median(contrasted, axis=(1, 2, 3)).min() < 0.75

    saturated = Augmentation(saturation=1)(images, generator())
    np.testing.assert_allclose(saturated @ np.float32([0.299, 0.587, 0.114]), gray, atol=0.05)
    found = factors((saturated - gray[..., None])[..., 0], (images - gray[..., None])[..., 0])
    assert 0 <= found.min() + 1e-3 < 0.05
    assert 1.9 < found.max() < 2 + 1e-3

    turned = Augmentation(hue=0.5)(images, generator())
    np.testing.assert_allclose(turned @ np.float32([0.299, 0.587, 0.114]), gray, atol=0.05)
    assert np.abs(turned - images).max() > 30


def test_gray_pictures_stay_gray() -> None:
    images = np.repeat(random_images(20, 5, 5, 1), 3, axis=3)
    changed = Augmentation(saturation=1, hue=0.5)(images, generator())
    np.testing.assert_allclose(changed, images, atol=0.05)


def test_one_rectangle_of_the_mean_colour_is_erased() -> None:
    images = random_images(500, 20, 30, 3)
    changed = Augmentation(erase=0.3)(images, generator())
    mean = images.mean(axis=(1, 2), keepdims=True)
    shares = []
    for image, found, colour in zip(images, changed, mean, strict=True):
        inside = (found != image).any(axis=-1)
        if inside.any():
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            box = found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert np.abs(box - colour[0]).max() <= 1
            shares.append(box[..., 0].size / 600)
    assert len(shares) > 400
    assert max(shares) <= 0.3
    assert max(shares) > 0.25
    assert np.mean(shares) == pytest.approx(0.15, abs=0.03)


def test_pictures_are_mixed_with_those_from_the_other_end_by_their_share() -> None:
    images = random_images(6, 3, 3, 1)
    augmentation = Augmentation(mixup=0.5)
    changes = augmentation.draw(images.shape, generator())
    share = changes["share"][:, None, None, None]
    expected = share * images + (1 - share) * images[::-1]
    np.testing.assert_allclose(augmentation.apply(images, changes), expected, rtol=1e-6)
    many = Augmentation(mixup=0.2).draw((20_000, 2, 2, 1), generator())["share"]
    assert many.mean() == pytest.approx(0.5, abs=0.02)
    assert many.var() == pytest.approx(1 / (4 * 1.4), abs=0.01)  # of Beta(a, a): 1 / (4 (2 a + 1))


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), beta=st.floats(0.1, 10), seed=st.integers(0, 2**32))
def test_labels_count_by_the_area_that_a_picture_keeps(height: int, width: int, beta: float, seed: int) -> None:
    """Pictures of one value each, so that their values say where each pixel is from."""
    images = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None, None], (8, height, width, 1))
    augmentation = Augmentation(cutmix=beta)
    changes = augmentation.draw(images.shape, np.random.default_rng(seed))
    cut = augmentation.apply(images, changes)
    assert cut.dtype == np.uint8
    for index, (picture, share) in enumerate(zip(cut[..., 0], changes["share"], strict=True)):
        kept, taken = picture == index, picture == 7 - index
        assert (kept | taken).all()
        assert kept.mean() == pytest.approx(share, abs=1e-6)
        rows, columns = taken.any(axis=1), taken.any(axis=0)
        np.testing.assert_array_equal(taken, rows[:, None] & columns)  # one rectangle


def test_the_share_of_cutmix_follows_its_distribution() -> None:
    """Of a uniform share half is taken, less what lies outside of the picture: at most half of it on each side."""
    shares = Augmentation(cutmix=1).draw((20_000, 32, 32, 1), generator())["share"]
    assert 0.5 < shares.mean() < 0.75
    assert shares.min() < 0.1
    assert shares.max() > 0.99


def test_a_recipe_mixes_in_one_way() -> None:
    with pytest.raises(InputError, match="set one of them to 0"):
        Augmentation(mixup=0.2, cutmix=1)


@pytest.mark.parametrize(
    "settings",
    [{"erase": 0.4, "cutmix": 1}, {"crop": 0.2, "contrast": 0.5, "hue": 0.2, "mixup": 0.4}],
    ids=str,
)
def test_numpy_and_jax_crop_colour_erase_and_mix_alike(settings: Any) -> None:
    test_numpy_and_jax_make_the_same_change("reflect", settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crop", -0.1),
        ("crop", 1.1),
        ("crop_aspect", 0.5),
        ("brightness", 1.5),
        ("hue", 0.6),
        ("erase", 2),
        ("mixup", -1),
        ("cutmix", 101),
    ],
)
def test_a_setting_out_of_its_range_is_refused(name: Any, value: Any) -> None:
    with pytest.raises(InputError, match=rf"augmentation\.{name} is {value}; give a number from"):
        Augmentation(**{name: value})
