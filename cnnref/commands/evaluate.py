"""`cnnref evaluate`: the accuracy of every file of a bundle."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, BundleName, DataDir, print_json


def evaluate(
    bundle: BundleName,
    data_dir: DataDir = None,
    dataset: Annotated[
        str | None, typer.Option(help="The data set, by default the one that the bundle was trained on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Test every exported file on the whole test set, in its runtime.

    Example: cnnref evaluate lenet5-mnist --data-dir ~/datasets
    """
    from ..data import load
    from ..runtimes import accuracy, find_bundle, open_artifact, read_bundle

    read = read_bundle(find_bundle(bundle))
    read.must_classify("accuracy")
    name = dataset or read.document["provenance"].get("dataset")
    if not name:
        raise InputError(f"{bundle} does not say what it was trained on; give --dataset.")
    data = load(name, data_dir, image_shape=read.shape)
    if data.classes != max(read.classes, len(read.labels)):
        raise InputError(
            f"{data.name} has {data.classes} classes and {bundle} has {read.classes}; choose another data set."
        )
    found = {
        artifact.name: accuracy(open_artifact(read, artifact.name), data.test_images, data.test_labels)
        for artifact in read.must_run()
    }
    if as_json:
        return print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()
