"""What keras.ops calls and the newer layers do to sizes, costs and receptive fields."""

import math
from typing import Any

import pytest

from cnnref.arithmetic import layer_table, macs
from cnnref.environment import keras, layers, ops


def last_row(body: Any, shape: Any = (12, 10, 4)) -> Any:
    """The row of the last call, behind a 3x3 convolution with 8 filters and stride 2 on an image."""
    image = keras.Input(shape)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="stem")(image)
    return layer_table(keras.Model(image, body(x)))[-1]


def local_response_norm(x: Any) -> Any:
    squares = ops.pad(ops.square(x), [(0, 0), (0, 0), (0, 0), (2, 2)])
    total = squares[..., :8]
    for shift in range(1, 5):
        total = total + squares[..., shift : shift + 8]
    return x / (2.0 + 1e-4 * total) ** 0.75


def shuffle(x: Any) -> Any:
    _, height, width, channels = x.shape
    x = ops.transpose(ops.reshape(x, (-1, height, width, 2, channels // 2)), (0, 1, 2, 4, 3))
    return ops.reshape(x, (-1, height, width, channels))


@pytest.mark.parametrize(
    "body",
    [
        lambda x: x[..., :4],
        lambda x: x[..., 4:],
        lambda x: x[:, :, :, 2:5],
        lambda x: ops.pad(x, [(0, 0), (0, 0), (0, 0), (2, 2)]),
        lambda x: ops.pad(x, [(0, 0), (0, 0), (0, 0), (1, 1)], mode="symmetric"),
        ops.square,
        lambda x: x**0.75,
        lambda x: 2.0 - x / 3,
        local_response_norm,
        shuffle,
        lambda x: layers.Permute((1, 2, 3))(x),
        lambda x: layers.LayerNormalization()(x),
        lambda x: layers.BatchNormalization()(x),
        lambda x: layers.Activation("gelu")(x),
        lambda x: layers.Concatenate()([x, x[..., :4]]),
        lambda x: layers.Add()([x, layers.DepthwiseConv2D(1)(x)]),
        lambda x: layers.SpatialDropout2D(0.1)(layers.GaussianNoise(0.1)(x)),
    ],
)
def test_what_works_within_a_pixel_leaves_the_field_alone(body: Any) -> None:
    row = last_row(body)
    assert row.output_shape[:2] == (6, 5)
    assert (row.receptive_field, row.jump, row.start, row.macs) == ((3, 3), (2, 2), (1, 1), 0)


def test_a_field_goes_on_growing_behind_local_response_norm_and_shuffle() -> None:
    row = last_row(lambda x: layers.Conv2D(4, 3, padding="same")(shuffle(local_response_norm(x))))
    assert (row.receptive_field, row.jump) == ((7, 7), (2, 2))


def test_a_mirrored_row_in_front_of_a_pooling_counts_as_padding() -> None:
    def pooled(margin: Any) -> Any:
        return last_row(lambda x: layers.MaxPooling2D(3, 2)(margin(x)))

    mirrored = pooled(lambda x: ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="symmetric"))
    zeros = pooled(lambda x: layers.ZeroPadding2D(1)(x))
    assert mirrored.receptive_field == (7, 7)
    assert (mirrored.receptive_field, mirrored.jump, mirrored.start) == (zeros.receptive_field, zeros.jump, zeros.start)
    assert pooled(lambda x: ops.pad(x, [(0, 0), (2, 2), (0, 0), (0, 0)], mode="symmetric")).receptive_field is None


@pytest.mark.parametrize(
    "squeeze",
    [
        lambda x: layers.GlobalAveragePooling2D(keepdims=True)(x),
        lambda x: layers.GlobalMaxPooling2D(keepdims=True)(x),
        lambda x: layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x)),
        lambda x: ops.reshape(layers.GlobalAveragePooling2D()(x), (-1, 1, 1, 8)),
    ],
)
def test_a_map_times_a_squeezed_vector_sees_the_whole_image(squeeze: Any) -> None:
    row = last_row(lambda x: layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(squeeze(x))]))
    assert (row.receptive_field, row.jump, row.start) == ((12, 10), None, None)
    row = last_row(lambda x: ops.multiply(x, squeeze(x)))
    assert row.receptive_field == (12, 10)


def test_a_depthwise_convolution_of_one_pixel_accumulates_nothing() -> None:
    assert last_row(lambda x: layers.DepthwiseConv2D(1, use_bias=False, name="scale")(x)).macs == 0
    assert last_row(lambda x: layers.DepthwiseConv2D((1, 2))(x)).macs == 6 * 4 * 8 * 2
    assert last_row(lambda x: layers.Conv2D(8, 1, groups=8)(x)).macs == 6 * 5 * 8
    image = keras.Input((6, 6, 3))
    assert macs(keras.Model(image, layers.DepthwiseConv2D(1, depth_multiplier=2)(image))) == 0


@pytest.mark.parametrize(
    ("body", "formulas"),
    [
        (lambda x: x[..., :4], {"6", "5"}),
        (lambda x: x[:, 1:, ::2], {"5", "3"}),
        (lambda x: ops.pad(x, [(0, 0), (1, 1), (0, 1), (0, 0)], mode="symmetric"), {"8", "6"}),
    ],
)
def test_the_sizes_behind_slices_and_pads_have_a_formula(body: Any, formulas: Any) -> None:
    row = last_row(body)
    halves = [text.rpartition(": ")[2].split(" = ") for text in row.size_formula.split("; ")]
    assert {right for _, right in halves} == formulas == {str(size) for size in row.output_shape[:2]}
    assert all(eval(left, {"floor": math.floor}) == int(right) for left, right in halves)


def test_an_index_or_a_backward_slice_leaves_no_known_place() -> None:
    assert last_row(lambda x: x[:, ::-1]).receptive_field is None
    assert last_row(lambda x: x[:, 0]).jump is None
