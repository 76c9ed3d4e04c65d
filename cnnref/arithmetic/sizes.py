"""The output size of a sliding window along one axis, and TensorFlow's "same" padding."""

from __future__ import annotations

from ..errors import InputError


def output_size(
    n: int, kernel: int, stride: int = 1, padding: int | tuple[int, int] = (0, 0), dilation: int = 1
) -> int:
    """The number of positions of a window of `kernel` cells on an axis of `n` pixels, `stride` pixels apart.

    floor((n + before + after - dilation * (kernel - 1) - 1) / stride) + 1

    Args:
        n: Pixels on the axis.
        kernel: Cells of the window.
        stride: Pixels from one position to the next.
        padding: Pixels added (before, after) the axis; one number is added on both sides.
        dilation: Pixels from one cell of the window to the next.

    Raises:
        InputError: A number is out of range, or the window is wider than the padded axis.

    >>> output_size(28, 5), output_size(28, 5, padding=2), output_size(4, 2, stride=2)
    (24, 28, 2)
    """
    before, after = (padding, padding) if isinstance(padding, int) else padding
    if min(n, kernel, stride, dilation) < 1 or min(before, after) < 0:
        raise InputError(
            f"Size {n}, kernel {kernel}, stride {stride} and dilation {dilation} must be at least 1, "
            f"and padding ({before}, {after}) at least 0."
        )
    reach = dilation * (kernel - 1) + 1
    if reach > n + before + after:
        raise InputError(
            f"A kernel of {kernel} with dilation {dilation} spans {reach} pixels and does not fit into {n} "
            f"pixels with padding ({before}, {after}); use a larger image, a smaller kernel or more padding."
        )
    return (n + before + after - reach) // stride + 1


def same_padding(n: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Pixels (before, after) that "same" padding adds, as TensorFlow counts them: ceil(n / stride) positions.

    With an odd number, the extra pixel is added after the axis, so a stride of 2 may pad on one side only.

    Raises:
        InputError: A number is below 1.

    >>> same_padding(28, 5), same_padding(224, 3, stride=2), same_padding(4, 1, stride=2)
    ((2, 2), (0, 1), (0, 0))
    """
    if min(n, kernel, stride, dilation) < 1:
        raise InputError(f"Size {n}, kernel {kernel}, stride {stride} and dilation {dilation} must be at least 1.")
    positions = -(-n // stride)
    missing = max((positions - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
    return missing // 2, missing - missing // 2
