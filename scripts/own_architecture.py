"""Train, export and use an architecture of your own: python scripts/own_architecture.py FOLDER

A registered function is a model of this package: it has a name in `cnnref.list_models()` of this process, every recipe
can name it, and a run of it is exported and explained as any other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cnnref
from cnnref.environment import keras
from cnnref.training import recipe_for


@cnnref.register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="none: an example",
    year=2026,
    # One row a variant: its facts, and the arguments that it fixes. The builder takes the other ones as options.
    variants={"two_convolutions": cnnref.Variant(trainable_params=1_418, macs=282_400, filters=8)},
)
def two_convolutions(image: keras.KerasTensor, top: cnnref.Head, *, filters: int) -> keras.KerasTensor:
    """Two convolutions and the mean of the maps; the image is normalized already, and `top` adds the classifier."""
    x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name="conv1")(image)
    x = keras.layers.MaxPooling2D(2, name="pool1")(x)
    x = keras.layers.Conv2D(2 * filters, 3, padding="same", activation="relu", name="conv2")(x)
    return top(x, keras.layers.GlobalAveragePooling2D(name="pool2"))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    facts = cnnref.spec("two_convolutions")
    if cnnref.build("two_convolutions").count_params() != facts.params:
        sys.exit("The row of two_convolutions has another number of parameters than the network.")
    run = cnnref.train(recipe_for("two_convolutions", "digits"), out=folder / "run", validation=0.1)
    bundle = cnnref.export(run.folder, folder / "bundle", formats=["onnx"], precisions=["float32"])
    print(run, bundle, cnnref.verify(bundle.folder), sep="\n")
