"""Published weights by name: a network of this package with the weights of a publisher, ready for raw pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import models
from ..environment import keras
from ..errors import InputError
from ..models.registry import Shape
from ..weights.catalogue import Weights, weights_of
from ..weights.fetching import Place, fetch
from .keras_applications import from_keras_applications
from .pytorch import from_torch


def build(
    name: str,
    input_shape: Shape | None = None,
    classes: int | None = None,
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    *,
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model with fresh or with published weights.

        cnnref.build("resnet18", (64, 64, 3), 7)
        cnnref.build("resnet50", weights="imagenet")
        cnnref.build("resnet50", weights="imagenet1k_v1", include_top=False)

    Args:
        name: one of `cnnref.list_models()`.
        input_shape: (height, width, channels); by default the paper's, or that which the weights were evaluated with.
        classes: width of the output; by default the paper's. With weights, theirs.
        classifier_activation: "softmax", "sigmoid" (binary), "linear" (regression), or None for logits.
        include_top: False gives the last feature maps [batch, height, width, channels] instead of the classifier.
        weights: None for fresh ones; or "imagenet", "cifar10", a tag such as "imagenet1k_v1", or a name of
            `cnnref.list_weights()`. The file is looked for on this machine and fetched where it is not there (see
            `cnnref.weights`), and the normalization of its publisher goes inside: raw pixels 0..255 go in.
        **options: what this model's builder takes beyond these, see `help(cnnref.models.NAME)`.

    Returns:
        An uncompiled functional `keras.Model` with the input "image".

    Raises:
        InputError: there is no such model, option or weights, the arguments do not go together, or the file cannot be
            fetched; the message then says where it is to be had and where to put it.
    """
    if weights is None:
        return models.build(name, input_shape, classes, classifier_activation, include_top, **options)
    facts = models.spec(name)
    entry = weights_of(name, weights)
    if classes not in (None, facts.classes):
        raise InputError(
            f"{entry.name} has {facts.classes:,} classes and {classes} are asked for; leave the classifier out with "
            "include_top=False, or train one that begins with these weights (`cnnref train MODEL --data DATA --weights "
            f"{entry.name}`)."
        )
    return published(
        entry,
        input_shape=input_shape,
        classifier_activation=classifier_activation,
        include_top=include_top,
        **options,
    )


def published(
    entry: Weights,
    *,
    input_shape: Shape | None = None,
    include_top: bool = True,
    place: Place | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> keras.Model:
    """The network of an entry of the catalogue with its weights; see `build`."""
    path = fetch(entry, place, tell=tell)
    shape = input_shape or ((entry.crop, entry.crop, 3) if entry.crop else None)
    given = {"normalization": entry.normalization, **entry.options, **options}
    if entry.keras_class and not include_top:
        whole = published(entry, input_shape=shape, place=place, **options)
        body = models.build(entry.model, shape, include_top=False, **given)
        for layer in body.layers:
            layer.set_weights(whole.get_layer(layer.name).get_weights())
        return body
    model = models.build(entry.model, shape, include_top=include_top, **given)
    if entry.keras_class:
        _fill_from_keras(model, entry, path)
    else:
        from_torch(model, path)
    if entry.bgr:
        _turn_channels(model)
    return model


def _fill_from_keras(model: keras.Model, entry: Weights, path: Path) -> None:
    """Keras itself reads its file, by the order of the layers; it holds arrays and names, and no code."""
    peer = getattr(keras.applications, entry.keras_class)(
        weights=None, input_shape=model.input_shape[1:], classes=model.output_shape[-1]
    )
    try:
        peer.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path} does not hold the weights of {entry.keras_class} ({reason}); get it again.") from None
    from_keras_applications(model, peer)


def _turn_channels(model: keras.Model) -> None:
    """Make a network that was trained on blue, green, red take red, green, blue."""
    first = next(layer for layer in model.layers if type(layer).__name__ == "Conv2D")
    first.kernel.assign(np.asarray(keras.ops.convert_to_numpy(first.kernel))[:, :, ::-1, :])
