"""Prints the losses of the first steps of a run as JSON, for comparison between backends, devices and processes.

Arguments: model, steps, "one" or "all" devices, the height of the pictures in the first half of the steps (0: theirs),
and for one process of several: HOST:PORT, how many, which. MODEL@FILE learns from a teacher, too,
MODEL@FILE@stored from one that is asked beforehand,
MODEL@muon with that optimizer, MODEL@weighted by class, and MODEL@own trains a network of one's own instead of MODEL.
"""

import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np

from cnnref.data import Dataset
from cnnref.data.augmentation import Augmentation
from cnnref.environment import keras, layers
from cnnref.models.initializers import draw_weights
from cnnref.training import Recipe
from cnnref.training.cluster import join
from cnnref.training.engines import make_engine
from cnnref.training.engines.progressive_resizing import ProgressiveResizing
from cnnref.training.own_network import prepared
from cnnref.training.recipe import Average, Optimizer, Teacher
from cnnref.training.trainer import Settings, Trainer

#: What fine-tuning takes in addition to small distortions.
NEWER = {"crop": 0.5, "contrast": 0.2, "saturation": 0.3, "hue": 0.05, "erase": 0.2, "mixup": 0.3}
RECIPE = Recipe(
    name="first",
    model="resnet8",
    dataset="digits",
    epochs=40,  # so that the first steps are small, as those of a real run
    batch_size=32,
    label_smoothing=0.1,
    augmentation=Augmentation(flip=True, alternating=True, translate=1, rotate=5, elastic=0.5, **NEWER),
    optimizer=Optimizer(learning_rate=0.05, weight_decay=5e-4, norm_rate=2),
    average=Average("lookahead", decay=0.9, every=3),
)


def noise() -> Dataset:
    """Pictures of noise: unlike digits they have no empty regions, where batch normalization magnifies rounding."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (640, 16, 16, 3), np.uint8), random.integers(0, 10, 640)
    return Dataset("noise", images, labels, images[:64], labels[:64], tuple("0123456789"), "a random generator")


def first_losses(model: str, steps: int, devices: str = "one", small: int = 0) -> list[float]:
    """Losses of the steps from 0 on; in the first half of them the pictures are `small` pixels high."""
    name, changed, stored = (*model.split("@"), "", "")[:3]
    recipe = replace(RECIPE, model=name)
    if changed == "muon":
        recipe = replace(recipe, optimizer=Optimizer("muon", weight_decay=5e-3))
    elif changed == "weighted":
        recipe = replace(recipe, balance="weights")
    elif changed and changed != "own":
        shown = Augmentation(flip=True, alternating=True) if stored else recipe.augmentation
        recipe = replace(recipe, teacher=Teacher((changed,), stored=bool(stored)), augmentation=shown)
    own = prepared(own_network(), (16, 16, 3), 10, ((0.5,) * 3, (0.3,) * 3), "noise") if changed == "own" else None
    trainer = Trainer.prepare(recipe, noise(), Settings(network=own))
    state = trainer.train_state(trainer.phases[-1])
    make = partial(make_engine, state, trainer.plan, trainer.pictures, devices=devices)
    engine = ProgressiveResizing(state, ((small, steps // 2), (0, steps)), 0, make)
    losses, _ = engine.run(0, steps)
    engine.close()
    return losses.tolist()


def own_network() -> keras.Model:
    """A network in the style of Keras' guides, with the same weights on every backend."""
    image = keras.Input((16, 16, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, activation="relu")(image))
    model = keras.Model(image, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    draw_weights(model, 5)
    return model


if __name__ == "__main__":
    name, count, which, height, *cluster = sys.argv[1:]
    if cluster:
        join(cluster[0], int(cluster[1]), int(cluster[2]))
    print(json.dumps(first_losses(name, int(count), which, int(height))))
