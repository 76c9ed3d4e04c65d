"""What a trained network gets right and wrong on pictures it has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.augmentation import shift
from ..environment import keras, ops
from ..stored_pictures import ImageSource

#: The most values, and the most pictures, that are evaluated at once.
VALUES, PICTURES = 4_000_000, 500


def evaluate(model: keras.Model, images: ImageSource, labels: NDArray[np.int64], views: str = "") -> dict[str, Any]:
    """Test a classifier of raw pixels.

    Args:
        model: [batch, height, width, channels] raw pixels to [batch, classes].
        images, labels: uint8 [n, height, width, channels] and int64 [n].
        views: test-time augmentation, see `views_of`; the logarithms of the views' probabilities are averaged.

    Returns:
        accuracy (0..1), errors, images (counts), loss (mean cross-entropy in nats), and the confusion matrix
        [true class, predicted class].
    """
    from sklearn.metrics import confusion_matrix

    size = batch_size(images)
    scores = np.concatenate([_scores(model, images[at : at + size], size, views) for at in range(0, len(images), size)])
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


def validate(network: keras.Model, images: ImageSource, labels: NDArray[np.int64]) -> dict[str, float]:
    """Mean cross-entropy in nats and accuracy (0..1) of a network that gives logits; nothing for no images."""
    if not len(labels):
        return {}
    size = batch_size(images)
    batches = [images[at : at + size].astype(np.float32) for at in range(0, len(images), size)]
    logits = np.concatenate([network.predict_on_batch(batch) for batch in batches]).astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return {
        "val_loss": float(-logs[np.arange(len(labels)), labels].mean()),
        "val_accuracy": float((logits.argmax(axis=1) == labels).mean()),
    }


def views_of(images: NDArray[Any], views: str) -> Iterable[tuple[float, NDArray[Any]]]:
    """Weight and pictures of every view; the weights add up to one.

    "": the pictures as they are. "mirror": they and their mirror images. "shift": half the weight for the pictures, the
    rest for them moved by one pixel to the upper left and to the lower right, edges reflected. "mirror+shift": both
    (Jordan, arXiv 2404.00498, section 3.5).
    """
    shifted = [(1.0, images)]
    if "shift" in views:
        corners = [np.full((len(images), 2), corner) for corner in (0, 2)]
        shifted = [(0.5, images), *((0.25, shift(images, 1, corner, "reflect")) for corner in corners)]
    for weight, moved in shifted:
        if "mirror" in views:
            yield weight / 2, moved
            yield weight / 2, moved[:, :, ::-1]
        else:
            yield weight, moved


def batch_size(images: ImageSource) -> int:
    """How many of these pictures [n, height, width, channels] are evaluated at once."""
    return min(max(1, VALUES // int(np.prod(images.shape[1:]))), PICTURES, max(1, len(images)))


def _scores(model: keras.Model, images: NDArray[np.uint8], size: int, views: str) -> NDArray[np.floating[Any]]:
    """Probabilities [n, classes] of up to `size` pictures; a smaller batch is filled up to compile nothing again."""
    full = np.concatenate([images, np.repeat(images[-1:], size - len(images), axis=0)])
    if not views:
        scores: NDArray[np.floating[Any]] = model.predict_on_batch(full.astype(np.float32))[: len(images)]
        return scores
    logs = sum(
        weight * np.log(np.maximum(model.predict_on_batch(view.astype(np.float32)), 1e-30))
        for weight, view in views_of(full, views)
    )
    product: NDArray[np.floating[Any]] = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    product /= product.sum(axis=1, keepdims=True)
    return product[: len(images)]


def recompute_statistics(model: keras.Model, batches: Iterable[NDArray[Any]]) -> None:
    """Set the mean and variance of every BatchNormalization to their averages over batches of training pictures.

    After weights were averaged, the statistics that training kept are those of other weights.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    if not norms:
        return
    for layer in norms:
        layer.momentum = 0.0  # the moving statistics become those of the last batch
    sums: list[Any] = [0.0] * (2 * len(norms))
    count = 0
    for images in batches:
        model(images.astype(np.float32), training=True)
        found = [ops.convert_to_numpy(v.value) for layer in norms for v in (layer.moving_mean, layer.moving_variance)]
        sums = [total + value.astype(np.float64) for total, value in zip(sums, found, strict=True)]
        count += 1
    for place, (layer, momentum) in enumerate(zip(norms, momenta, strict=True)):
        layer.moving_mean.assign((sums[2 * place] / count).astype(np.float32))
        layer.moving_variance.assign((sums[2 * place + 1] / count).astype(np.float32))
        layer.momentum = momentum
