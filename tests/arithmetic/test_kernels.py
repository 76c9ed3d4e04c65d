import numpy as np
import pytest

from cnnref.arithmetic import KERNELS, conv2d


def test_the_named_kernels_are_there() -> None:
    expected = {"identity", "sobel_x", "sobel_y", "laplacian", "box_blur", "gaussian_blur", "sharpen"}
    assert set(KERNELS) == expected


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_edge_kernels_sum_to_zero_and_all_others_to_one(name: str) -> None:
    total = 0 if name in ("sobel_x", "sobel_y", "laplacian") else 1
    assert KERNELS[name].sum() == pytest.approx(total, abs=1e-12)


def test_kernels_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        KERNELS["identity"][0, 0] = 1
    with pytest.raises(TypeError):
        KERNELS["identity"] = np.zeros((3, 3))


def test_identity_gives_the_image_back() -> None:
    image = np.arange(20.0).reshape(4, 5)
    np.testing.assert_array_equal(conv2d(image, KERNELS["identity"], padding="same"), image)


def test_sobel_answers_to_the_side_that_grows_brighter() -> None:
    ramp = np.tile(np.arange(5.0), (5, 1))
    np.testing.assert_array_equal(conv2d(ramp, KERNELS["sobel_x"]), np.full((3, 3), 8))
    np.testing.assert_array_equal(conv2d(ramp, KERNELS["sobel_y"]), np.zeros((3, 3)))
    np.testing.assert_array_equal(conv2d(ramp.T, KERNELS["sobel_y"]), np.full((3, 3), 8))


def test_laplacian_is_silent_on_a_ramp_and_loud_on_a_dot() -> None:
    ramp, dot = np.tile(np.arange(5.0), (5, 1)), np.pad([[1.0]], 2)
    assert not conv2d(ramp, KERNELS["laplacian"]).any()
    assert conv2d(dot, KERNELS["laplacian"])[1, 1] == -4


def test_blurs_spread_a_dot_and_keep_its_sum_and_sharpen_raises_it() -> None:
    dot = np.pad([[16.0]], 3)
    np.testing.assert_allclose(conv2d(dot, KERNELS["gaussian_blur"])[1:4, 1:4], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    assert conv2d(dot, KERNELS["box_blur"]).sum() == pytest.approx(16)
    assert conv2d(dot, KERNELS["sharpen"])[2, 2] == 80
