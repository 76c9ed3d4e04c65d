"""What a trained network gets right and wrong on pictures it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras


def evaluate(model: keras.Model, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Test a classifier of raw pixels.

    Args:
        model: [batch, height, width, channels] raw pixels to [batch, classes].
        images, labels: uint8 [n, height, width, channels] and int64 [n].

    Returns:
        accuracy (0..1), errors, images (counts), loss (mean cross-entropy in nats), and the confusion matrix
        [true class, predicted class].
    """
    from sklearn.metrics import confusion_matrix

    batches = [
        model.predict_on_batch(images[start : start + 500].astype(np.float32)) for start in range(0, len(images), 500)
    ]
    scores = np.concatenate(batches)
    predicted = scores.argmax(axis=1)
    correct = int((predicted == labels).sum())
    likelihood = scores[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "accuracy": correct / len(labels),
        "errors": len(labels) - correct,
        "images": len(labels),
        "loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=range(scores.shape[1])),
    }
