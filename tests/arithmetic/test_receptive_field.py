"""What a unit is said to see is what it sees: every row and column of the image is poked in turn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.arithmetic.graph import calls
from cnnref.arithmetic.receptive_field import Field, union
from cnnref.arithmetic.windows import fields_after
from cnnref.environment import keras, layers, ops

SIZE = (34, 27)
small = st.integers(1, 3)
two = st.tuples(small, small)
both = st.sampled_from(["valid", "same"])
enlargements = st.sampled_from(["nearest", "bilinear"])
four = st.tuples(*[st.integers(0, 2)] * 4)


def ones(kind: Any, *args: Any, **options: Any) -> Any:
    """A layer whose kernel is all ones: whatever it reads, it shows."""
    return kind(*args, use_bias=False, kernel_initializer="ones", **options)


def residual(x: Any, kernel: Any, stride: Any) -> Any:
    """A convolution with stride beside a shortcut that picks every stride-th pixel."""
    branch = ones(layers.Conv2D, 1, kernel, strides=stride, padding="same")(x)
    return layers.Add()([branch, x[:, ::stride, ::stride]])


def split_and_join(x: Any, left: Any, right: Any) -> Any:
    """Two branches of different reach and one pooled and enlarged again, joined by a 1x1 convolution."""
    branches = [ones(layers.Conv2D, 1, kernel, padding="same")(x) for kernel in (left, right)]
    enlarged = layers.UpSampling2D()(layers.MaxPooling2D(2, padding="same")(x))
    branches.append(enlarged[:, : x.shape[1], : x.shape[2]])
    return ones(layers.Conv2D, 1, 1)(layers.Concatenate()(branches))


STEPS = st.one_of(
    st.builds(lambda k, s, p: ones(layers.Conv2D, 1, k, strides=s, padding=p), two, two, both),
    st.builds(lambda k, d, p: ones(layers.Conv2D, 1, k, dilation_rate=d, padding=p), two, two, both),
    st.builds(lambda k, s, p: layers.MaxPooling2D(k, s, p), two, two, both),
    st.builds(lambda k, s, p: layers.AveragePooling2D(k, s, p), two, two, both),
    st.builds(lambda k, p: layers.DepthwiseConv2D(k, padding=p, depthwise_initializer="ones"), two, both),
    st.builds(lambda f: layers.ZeroPadding2D((f[:2], f[2:])), four),
    st.builds(lambda f: layers.Cropping2D((f[:2], f[2:])), four),
    st.builds(lambda f: lambda x: ops.pad(x, [(0, 0), f[:2], f[2:], (0, 0)]), four),
    st.builds(lambda a, s: lambda x: x[:, a : -a : s, ..., :], small, small),
    st.builds(lambda f, how: layers.UpSampling2D(f, interpolation=how), two, enlargements),
    st.builds(
        lambda s, extra, p: ones(layers.Conv2DTranspose, 1, [s[0] + extra, s[1]], strides=s, padding=p),
        two, st.integers(0, 2), both,
    ),
    st.builds(lambda k, s: lambda x: residual(x, k, s), small, small),
    st.builds(lambda a, b: lambda x: split_and_join(x, a, b), small, small),
    st.builds(lambda: layers.ReLU()),
)  # fmt: skip


def build(steps: Any) -> Any:
    """The steps in a row, as long as there is something left to look at."""
    x = image = keras.Input((*SIZE, 1))
    for step in steps:
        if min(x.shape[1:3]) >= 8:
            x = step(x)
    return keras.Model(image, x)


def last_fields(model: Any) -> Any:
    fields = {}
    for call in calls(model):
        seen = fields_after(call, [fields[tensor] for tensor in call.inputs])
        fields.update(zip(call.outputs, seen, strict=True))
    return seen[0]


def what_is_seen(model: Any, axis: Any) -> Any:
    """[pixel, unit]: whether poking that row (axis 0) or column (axis 1) of a black image moves the unit."""
    poked = np.zeros((SIZE[axis], *SIZE, 1), np.float32)
    for pixel, image in enumerate(poked):
        image[(slice(None),) * axis + (pixel,)] = 1e4
    answer = keras.ops.convert_to_numpy(model(poked))[..., 0]
    return (answer > 1e-2).any(axis=2 - axis)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=5))
def test_a_unit_moves_only_with_the_pixels_of_its_field_and_with_its_outermost_ones(steps: Any) -> None:
    model = build(steps)
    for axis, field in enumerate(last_fields(model)):
        assert field is not None
        seen = what_is_seen(model, axis)
        for unit in range(seen.shape[1]):
            first, last = field.span(unit)
            pixels = np.flatnonzero(seen[:, unit])
            assert all(first <= pixel <= last for pixel in pixels)
            if SIZE[axis] // 4 <= first and last < SIZE[axis] - SIZE[axis] // 4:  # far from any padding
                assert (pixels[0], pixels[-1]) == (first, last)


def test_windows_that_follow_each_other_add_up() -> None:
    field = Field.pixels(64).slid(3, 1, 0, 1).slid(2, 2, 0, 1).slid(3, 2, 1, 2)
    assert (field.size, field.jump, field.span(0)) == (12, 4, (-2, 9))


def test_upsampled_units_share_what_they_see() -> None:
    field = Field.pixels(8).slid(2, 2, 0, 1).repeated(2)
    assert [field.span(unit) for unit in range(4)] == [(0, 1), (0, 1), (2, 3), (2, 3)]
    assert (field.size, field.jump) == (2, 1)
    thirds = Field.pixels(8).repeated(3)
    assert (thirds.jump, thirds.slid(1, 3, 0, 1)) == (pytest.approx(1 / 3), Field.pixels(8))


def test_a_transposed_convolution_with_gaps_has_units_that_see_nothing() -> None:
    assert Field.pixels(8).slid_back(1, 2, 0, 1) is None
    assert Field.pixels(8).slid_back(2, 2, 0, 1).span(5) == (2, 2)


def test_a_union_needs_maps_that_run_in_step() -> None:
    pixels, pairs = Field.pixels(8), Field.pixels(8).slid(3, 1, 1, 1)
    assert union([pixels, pairs]) == pairs
    assert union([pixels, pixels.slid(1, 2, 0, 1)]) is None
    assert union([pixels, Field.pixels(9)]) is None
    assert union([pixels, None]) is None
    assert union([None, pixels.whole, pixels]) == pixels.whole
    assert union([]) is None
