import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnref.arithmetic import (
    average_pool2d,
    conv2d,
    dense,
    flatten,
    kernels,
    leaky_relu,
    max_pool2d,
    ops,
    output_size,
    relu,
    same_padding,
    sigmoid,
    sizes,
    softmax,
    tanh,
)
from cnnref.environment import keras, layers
from cnnref.errors import InputError

IMAGE = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
sides = st.tuples(*[st.integers(0, 2)] * 4)


def random(seed: Any, *shape: Any) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def by_keras(layer: Any, image: Any, *, frame: Any = None, weights: Any = ()) -> Any:
    """The layer's answer, with zeros around the image where `frame` says so."""
    if frame is not None:
        top, bottom, left, right = frame
        image = np.pad(image, [(0, 0), (top, bottom), (left, right), (0, 0)])
    layer.build(image.shape)
    layer.set_weights(list(weights))
    return keras.ops.convert_to_numpy(layer(image))


@pytest.mark.parametrize("module", [ops, sizes, kernels])
def test_the_worked_examples_hold(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_a_kernel_reads_every_position_of_the_image() -> None:
    answer = conv2d(IMAGE, [[0, 1], [2, 3]])
    assert answer.tolist() == [[19, 25], [37, 43]]
    assert answer.dtype == np.int64
    assert conv2d(IMAGE, [[0, 1], [2, 3]], bias=100).tolist() == [[119, 125], [137, 143]]


def test_an_activation_is_applied_to_the_sum() -> None:
    assert relu(conv2d(IMAGE, [[0, 1], [2, 3]], bias=-30)).tolist() == [[0, 0], [7, 13]]


def test_bright_uint8_pixels_do_not_overflow() -> None:
    image = np.full((2, 2), 255, np.uint8)
    assert conv2d(image, np.ones((2, 2), np.uint8)).tolist() == [[1020]]
    assert average_pool2d(image).tolist() == [[255]]


@settings(max_examples=120, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    step=st.sampled_from(["stride", "dilation"]),
    spread=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.one_of(st.sampled_from(["valid", "same"]), sides),
    groups=st.integers(1, 3),
    widths=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    use_bias=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_conv2d_is_keras_conv2d(
    size: Any, kernel: Any, step: Any, spread: Any, padding: Any, groups: Any, widths: Any, use_bias: Any, seed: Any
) -> None:
    strides, dilation = (spread, (1, 1)) if step == "stride" else ((1, 1), spread)  # Keras refuses both at once
    # TensorFlow 2.21 with oneDNN gives garbage for one channel, such strides and an answer of one column.
    assume(widths[0] * groups > 1 or not strides[0] == 1 < strides[1])
    depth = widths[1] * groups
    image = random(seed, 2, *size, widths[0] * groups)
    weights = [random(seed + 1, *kernel, widths[0], depth)] + [random(seed + 2, depth)] * use_bias
    frame = None if isinstance(padding, str) else padding
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    whole = np.array(size) + (0 if frame is None else (frame[0] + frame[1], frame[2] + frame[3]))
    if padding != "same" and (whole < np.array(dilation) * (np.array(kernel) - 1) + 1).any():
        with pytest.raises(InputError, match="does not fit"):
            conv2d(image, *weights, **options)
        return
    layer = layers.Conv2D(
        depth,
        kernel,
        strides=strides,
        padding="valid" if frame else padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=use_bias,
    )
    expected = by_keras(layer, image, frame=frame, weights=weights)
    np.testing.assert_allclose(conv2d(image, *weights, **options), expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    pool=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    padding=st.sampled_from(["valid", "same"]),
    seed=st.integers(0, 2**16),
)
def test_pooling_is_keras_pooling(size: Any, pool: Any, strides: Any, padding: Any, seed: Any) -> None:
    image = random(seed, 2, *size, 3) - 3  # below 0, where a padding of zeros would win
    options = {"strides": strides, "padding": padding}
    for ours, theirs in ((max_pool2d, layers.MaxPooling2D), (average_pool2d, layers.AveragePooling2D)):
        answer = ours(image, pool, **options)
        np.testing.assert_allclose(answer, by_keras(theirs(pool, **options), image), atol=1e-5, rtol=1e-5)
        assert answer.shape[-1] == 3


@settings(max_examples=30, deadline=None)
@given(frame=sides, strides=st.integers(1, 3), seed=st.integers(0, 2**16))
def test_explicit_padding_of_pools_is_a_frame_that_only_count_padding_counts(
    frame: Any, strides: Any, seed: Any
) -> None:
    image = random(seed, 1, 5, 6, 2) - 3
    options = {"strides": strides, "padding": frame}
    zeros = by_keras(layers.AveragePooling2D(3, strides=strides), image, frame=frame)
    share = by_keras(layers.AveragePooling2D(3, strides=strides), np.ones_like(image), frame=frame)
    np.testing.assert_allclose(average_pool2d(image, 3, count_padding=True, **options), zeros, atol=1e-5)
    np.testing.assert_allclose(average_pool2d(image, 3, **options), zeros / share, atol=1e-5, rtol=1e-5)
    lifted = by_keras(layers.MaxPooling2D(3, strides=strides), image + 100, frame=frame) - 100
    np.testing.assert_allclose(max_pool2d(image, 3, **options), lifted, atol=1e-4)


def test_pooling_two_by_two_halves_height_and_width() -> None:
    image = np.arange(16).reshape(4, 4)
    assert max_pool2d(image).tolist() == [[5, 7], [13, 15]]
    assert average_pool2d(image).tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_one_number_pads_all_four_sides() -> None:
    image, kernel = random(0, 1, 4, 5, 2), random(1, 3, 3, 2, 2)
    np.testing.assert_array_equal(conv2d(image, kernel, padding=1), conv2d(image, kernel, padding=(1, 1, 1, 1)))
    np.testing.assert_array_equal(max_pool2d(image, 3, padding=1), max_pool2d(image, 3, padding=(1, 1, 1, 1)))


def test_flatten_and_dense_are_keras_layers() -> None:
    image, weights, bias = random(0, 2, 3, 4, 5), random(1, 60, 7), random(2, 7)
    flat = flatten(image)
    np.testing.assert_array_equal(flat, by_keras(layers.Flatten(), image))
    np.testing.assert_allclose(
        dense(flat, weights, bias), by_keras(layers.Dense(7), flat, weights=[weights, bias]), atol=1e-5
    )
    assert flatten(np.zeros((0, 2, 2, 3))).shape == (0, 12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (relu, lambda: layers.ReLU()),
        (leaky_relu, lambda: layers.LeakyReLU()),
        (sigmoid, lambda: layers.Activation("sigmoid")),
        (tanh, lambda: layers.Activation("tanh")),
        (softmax, lambda: layers.Softmax()),
    ],
)
def test_activations_are_keras_layers(ours: Any, theirs: Any) -> None:
    x = np.concatenate([5 * random(0, 4, 6), np.full((1, 6), -90, np.float32), np.full((1, 6), 90, np.float32)])
    np.testing.assert_allclose(ours(x), by_keras(theirs(), x), atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_sigmoid_and_softmax_bear_numbers_of_any_size() -> None:
    assert sigmoid([-1e5, 0, 1e5]).tolist() == [0, 0.5, 1]
    assert sigmoid(-40.0) == pytest.approx(np.exp(-40), rel=1e-12)
    assert softmax([[1e5, 0, -1e5]]).tolist() == [[1, 0, 0]]
    np.testing.assert_allclose(softmax([[1.0, 2], [3, 5]], axis=0).sum(axis=0), [1, 1])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: conv2d(np.zeros((4, 4, 3)), np.zeros((2, 2, 3, 1))), r"got shapes \(4, 4, 3\)"),
        (lambda: conv2d(np.zeros((1, 4, 4, 3)), np.zeros((2, 2, 2, 1))), "3 channels"),
        (lambda: conv2d(np.zeros((1, 4, 4, 4)), np.zeros((2, 2, 2, 3)), groups=2), "2 groups"),
        (lambda: conv2d(np.zeros((1, 4, 4, 1)), np.zeros((1, 1, 1, 1)), groups=0), "0 groups"),
        (lambda: conv2d(IMAGE, [[1]], bias=[1, 2]), "bias"),
        (lambda: conv2d(IMAGE, [[1]], padding="full"), '"same"'),
        (lambda: conv2d(IMAGE, [[1]], padding=(1, 2)), r"\(1, 2\)"),
        (lambda: conv2d(IMAGE, [[1]], padding=-1), "padding"),
        (lambda: conv2d(IMAGE, [[1]], strides=0), "strides"),
        (lambda: conv2d(IMAGE, [[1]], strides=(2, 2, 2)), "strides"),
        (lambda: conv2d(IMAGE, [[1]], padding=[]), "padding"),
        (lambda: conv2d(IMAGE, np.ones((0, 2))), "kernel"),
        (lambda: conv2d(IMAGE, [[1]], dilation=(1, 2, 3)), "dilation"),
        (lambda: conv2d(IMAGE, np.ones((4, 4))), "does not fit"),
        (lambda: conv2d([[1, 2], [3]], [[1]]), "rows differ"),
        (lambda: conv2d([["a"]], [[1]]), "real numbers"),
        (lambda: max_pool2d(np.zeros((4, 4, 3))), r"\(4, 4, 3\)"),
        (lambda: max_pool2d(IMAGE, padding=2), "without a pixel"),
        (lambda: average_pool2d(IMAGE, (2, 3), padding=[0, 0, 0, 3]), "without a pixel"),
        (lambda: flatten(3), "batch"),
        (lambda: dense(np.zeros((2, 3)), np.zeros((4, 5))), r"\(4, 5\)"),
        (lambda: softmax(3.0), "axis"),
        (lambda: output_size(0, 1), "at least 1"),
        (lambda: same_padding(5, 3, 0), "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(wrong: Any, words: Any) -> None:
    with pytest.raises(InputError, match=words) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(1, 3))
def test_same_padding_gives_every_strideth_position(n: Any, kernel: Any, stride: Any, dilation: Any) -> None:
    before, after = same_padding(n, kernel, stride, dilation)
    assert output_size(n, kernel, stride, (before, after), dilation) == -(-n // stride)
    assert 0 <= after - before <= 1
