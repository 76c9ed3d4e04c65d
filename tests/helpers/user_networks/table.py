"""The table of user networks: how a network gets its row, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnnref.environment import keras

#: Options of `cnnref.export` for networks that were trained on pixels divided by 255 outside the network.
DIVIDED: Mapping[str, Any] = {"mean": (0.0,), "std": (1.0,)}


@dataclass(frozen=True)
class UserNetwork:
    """One network as a user wrote it.

    `kind` is the file that it stands in. `options` are what the user has to say at the export, `refused` is a part of
    the sentence that the export must answer with, where it must; "" for a network that can be written. `tolerance` is
    the largest difference, as a share of the largest value of the output (at least 1), that is called right: more for
    networks whose dtype policy rounds.
    """

    name: str
    kind: str
    build: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""
    tolerance: float = 1e-4

    def model(self) -> Any:
        """The network with weights that no layer can hide behind; the same each time."""
        keras.utils.set_random_seed(0)
        model = self.build()
        settle(model)
        return model


#: Every network by its name, in the order of the files.
NETWORKS: dict[str, UserNetwork] = {}


def user_network(**facts: Any) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Puts the function below into the table under its name; `facts` are fields of `UserNetwork`."""

    def register(build: Callable[[], Any]) -> Callable[[], Any]:
        name = build.__name__
        assert name not in NETWORKS, f"two networks are named {name}"
        NETWORKS[name] = UserNetwork(name, build.__module__.rpartition(".")[2], build, **facts)
        return build

    return register


def settle(model: Any) -> None:
    """Give biases, scales and statistics values of use: none is 0 or 1 by chance, and statistics fit the weights."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        kind, shape = weight.path.rsplit("/", 1)[-1], tuple(weight.shape)
        if kind in ("gamma", "moving_variance", "scale"):
            weight.assign(random.uniform(0.7, 1.3, shape))
        elif kind in ("beta", "bias", "moving_mean", "alpha"):
            weight.assign(random.normal(0.1, 0.1, shape))
    inside = list(model._flatten_layers())
    norms = [layer for layer in inside if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [(layer.momentum, layer.trainable) for layer in norms]
    for layer in norms:
        layer.momentum, layer.trainable = 0.0, True
    # Bodies by themselves first: a call in inference would leave their statistics alone.
    for body in [one for one in inside if isinstance(one, keras.Model) and one is not model and of_pictures(one)]:
        body(pictures(body, 4) / 127.5 - 1, training=True)
    if norms:
        model(pictures(model, 4), training=True)
    for layer, (momentum, trainable) in zip(norms, usual, strict=True):
        layer.momentum, layer.trainable = momentum, trainable
        variance = np.asarray(layer.moving_variance)
        layer.moving_variance.assign((variance + variance.mean()) / 2)


def of_pictures(model: Any) -> bool:
    """Whether a model has one input, of pictures or maps."""
    given = keras.tree.flatten(getattr(model, "inputs", None) or [])
    return len(given) == 1 and len(given[0].shape) == 4


def pictures(model: Any, count: int, options: Mapping[str, Any] | None = None) -> Any:
    """Patches and noise, pixel values 0..255 as the network takes them, [count, height, width, channels]."""
    options = options or {}
    (given,) = keras.tree.flatten(model.inputs)
    size = options.get("image_size", (32, 32))
    batch, height, width, channels = given.shape
    height, width, channels = height or size[0], width or size[1], channels or 3
    random = np.random.default_rng(0)
    patches = random.uniform(20, 235, (batch or count, 4, 4, channels))
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    noise = random.uniform(-20, 20, (batch or count, height, width, channels))
    return np.round(patches[:, rows][:, :, columns] + noise).astype(np.uint8)
