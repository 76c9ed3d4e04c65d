"""scikit-learn's 1,797 handwritten digits, which are installed with scikit-learn and need no download.

Alpaydin, Kaynak: Optical recognition of handwritten digits, UCI machine learning repository, 1998.
"""

from __future__ import annotations

import numpy as np

from .dataset import Dataset, a_fifth, pick

#: In MNIST a digit fills 20x20 of the 28x28 pixels. The 8x8 digits have no margin, so they are enlarged to 20x20.
DIGIT = 20
SIZE = 28
#: Seed of the division into training and test images, which is the same for everyone.
SPLIT_SEED = 0


def read_digits() -> Dataset:
    """All digits as uint8 [n, 28, 28, 1], white on black as in MNIST; a fifth of each class is the test part."""
    from sklearn.datasets import load_digits

    found = load_digits()
    small = np.rint(found.images * (255 / 16)).astype(np.uint8)  # the values are 0..16
    labels = found.target.astype(np.int64)
    images = np.stack([_enlarge(digit) for digit in small])[..., np.newaxis]
    test = pick(labels, a_fifth(np.bincount(labels)), SPLIT_SEED)
    return Dataset(
        name="digits",
        train_images=images[~test],
        train_labels=labels[~test],
        test_images=images[test],
        test_labels=labels[test],
        labels=tuple("0123456789"),
        source="scikit-learn's load_digits",
    )


def _enlarge(digit: np.ndarray) -> np.ndarray:
    """uint8 [8, 8] -> uint8 [28, 28], by bilinear interpolation and with a margin of zeros."""
    from PIL import Image

    margin = (SIZE - DIGIT) // 2
    enlarged = Image.fromarray(digit).resize((DIGIT, DIGIT), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(enlarged), margin)
