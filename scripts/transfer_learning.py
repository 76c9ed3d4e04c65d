"""Transfer learning: a MobileNetV2 of keras.applications learns a folder of pictures, and is exported and verified.

    python scripts/transfer_learning.py PICTURES --out BUNDLE [--weights none] [--size 96] [--epochs 5]

PICTURES has one sub-folder for each class; about a fifth of the pictures is held out for the test. The body has the
weights of ImageNet, which Keras fetches, and only the classifier on top learns. With `--weights none`, where nothing
can be fetched, the body starts from random weights and learns as well. Augmentation is inside the network; inference,
and so every exported file, does without it. Each file is run on the pictures that were held out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cnnref
from cnnref import tables
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.runtimes import read_report


def network(classes: int, size: int, weights: str | None, alpha: float) -> keras.Model:
    """From pixels 0..255, [batch, size, size, 3], to probabilities [batch, classes].

    With weights, the body is frozen and runs as in inference; without, it learns. Its batch normalizations would need
    thousands of steps to know the statistics of new weights (their momentum is 0.999), and so get a momentum of 0.9.
    """
    body = keras.applications.MobileNetV2((size, size, 3), alpha=alpha, include_top=False, weights=weights)
    body.trainable = weights is None
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
    image = keras.Input((size, size, 3))
    x = layers.RandomFlip("horizontal")(image)
    x = layers.RandomRotation(0.05)(x)
    x = layers.RandomZoom(0.1)(x)
    x = layers.RandomContrast(0.2)(x)
    x = keras.applications.mobilenet_v2.preprocess_input(x)
    x = body(x, training=False) if weights else body(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x), name="transfer")


def main() -> None:
    """Read, train, export, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder with a sub-folder for each class")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="folder of the exported files")
    parser.add_argument("--weights", choices=["imagenet", "none"], default="imagenet", help="of the body")
    parser.add_argument("--alpha", type=float, default=1.0, help="width of MobileNetV2 (Keras has 0.35 to 1.4)")
    parser.add_argument("--size", type=int, default=96, help="height and width that pictures are resized to")
    parser.add_argument("--epochs", type=int, default=5, help="how often all pictures are learned from")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    given = parser.parse_args()

    keras.utils.set_random_seed(given.seed)
    pictures = f"folder:{given.pictures}"
    try:
        data = cnnref.data.load(pictures, image_shape=(given.size, given.size, 3))
        weights = None if given.weights == "none" else given.weights
        model = network(data.classes, given.size, weights, given.alpha)
        model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(data.train_images, data.train_labels, batch_size=32, epochs=given.epochs, verbose=2)
        trained = keras.Model(model.input, model.output, name="transfer")  # without the optimizer, twice the weights
        bundle = cnnref.export(trained, given.out, labels=data.labels, dataset=pictures, tell=print)
    except (InputError, ExportError, VerificationError) as error:
        parser.exit(1, f"{error}\n")
    tables.of_report(read_report(bundle.folder), bundle).print()
    for file, why in bundle.left_out.items():
        print(f"no {file}: {why}")
    print(f"Verified and written: {bundle.folder}")


if __name__ == "__main__":
    main()
