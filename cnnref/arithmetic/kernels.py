"""Well-known image kernels for `conv2d`, which show what a convolution can do.

Each is 3x3 and read-only. `conv2d` does not flip a kernel, so the result of "sobel_x" is positive where the image
becomes brighter to the right, and that of "sobel_y" where it becomes brighter downwards.

>>> KERNELS["sobel_y"]
array([[-1., -2., -1.],
       [ 0.,  0.,  0.],
       [ 1.,  2.,  1.]])
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np


def _kernel(rows: list[list[float]], divisor: float = 1) -> np.ndarray:
    kernel = np.array(rows, dtype=np.float64) / divisor
    kernel.setflags(write=False)
    return kernel


#: Edge kernels sum to 0, so a uniform area gives 0. The others sum to 1, so they keep the brightness.
KERNELS: Mapping[str, np.ndarray] = MappingProxyType(
    {
        "identity": _kernel([[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        "sobel_x": _kernel([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "sobel_y": _kernel([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        "laplacian": _kernel([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        "box_blur": _kernel([[1, 1, 1], [1, 1, 1], [1, 1, 1]], divisor=9),
        "gaussian_blur": _kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16),
        "sharpen": _kernel([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    }
)
