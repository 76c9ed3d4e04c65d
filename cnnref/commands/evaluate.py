"""`cnnref evaluate`: the accuracy of every file of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import tables
from ..errors import InputError, printable
from .options import AsJson, DataDir, ModelName, print_json

if TYPE_CHECKING:
    from ..runtimes.classifier import Classifier


def evaluate(
    bundle: ModelName,
    data_dir: DataDir = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The data set, by default the one that the bundle was trained on. imagenet is its validation set."
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="Test this file of the bundle alone, such as model.int8.tflite.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave pictures of a folder out that cannot be read; a run knows it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test every exported file on the whole test set, in its runtime; or the model of a run in Keras.

    ImageNet's validation set is read picture by picture from --data-dir, in any of its published layouts.

    Example: cnnref evaluate lenet5-mnist --data-dir ~/datasets

    Example: cnnref evaluate runs/lenet5-mnist

    Example: cnnref evaluate efficientnet_lite0 --dataset imagenet --data-dir ~/imagenet/val
    """
    from ..data import load
    from ..data.imagenet import NAMES
    from ..data.sources import FOLDER
    from ..exporters.classifier import found_network, load_classifiers
    from ..runtimes import Bundle, accuracy
    from ..runtimes.isolation import host

    network = found_network(bundle, tell=lambda step: print(step, file=sys.stderr) if "..." in step else None)
    if isinstance(network, Bundle):
        network.must_classify("accuracy")
        provenance, trained_on = network.document["provenance"], network.document["provenance"].get("dataset")
    else:
        provenance, trained_on = network.provenance, network.dataset
    weights = provenance.get("weights") if isinstance(provenance.get("weights"), dict) else {}
    name = dataset or trained_on or weights.get("dataset")
    if not name:
        raise InputError(f"{bundle} does not say what it was trained on; give --dataset.")
    if name.lower() in NAMES:
        with host(isolated=True) as where:
            classifiers = load_classifiers(network, file, where)
            return _on_imagenet(classifiers, data_dir, bundle, weights.get("published", {}), as_json=as_json)
    if dataset is None and name.startswith(FOLDER) and not Path(name.removeprefix(FOLDER)).is_dir():
        raise InputError(
            f"{bundle} was trained on a folder called {name.removeprefix(FOLDER)!r}, whose place a bundle does not "
            f"keep; name it with --dataset {FOLDER}PATH."
        )
    with host(isolated=True) as where:
        classifiers = load_classifiers(network, file, where)
        skip_bad = skip_bad or (not isinstance(network, Bundle) and network.skip_bad)
        one = classifiers[0]
        data = load(name, data_dir, image_shape=one.shape, rule=one.picture, skip_bad=skip_bad)
        labels = classifiers[0].labels
        if data.classes != len(labels) and not (data.classes == 2 and len(labels) == 1):
            raise InputError(
                f"{data.name} has {data.classes} classes and {bundle} has {len(labels)}; choose another data set."
            )
        if other := [(ours, theirs) for ours, theirs in zip(labels, data.labels, strict=False) if ours != theirs]:
            ours, theirs = map(printable, other[0])
            print(
                f"cnnref: {len(other)} of the {data.classes} classes are called otherwise in {data.name} than in "
                f"{bundle}: where the bundle says {ours}, the data set says {theirs}; they count as the same class.",
                file=sys.stderr,
            )
        if data.skipped:
            print(f"cnnref: {len(data.skipped):,} files that are no readable pictures are left out.", file=sys.stderr)
        found = {one.file: accuracy(one.runner, data.test_images, data.test_labels) for one in classifiers}
    if as_json:
        return print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()


def _on_imagenet(
    classifiers: list[Classifier], data_dir: Path | None, name: str, published: dict[str, float], *, as_json: bool
) -> None:
    from ..data.imagenet import validation_pictures
    from ..runtimes.picture_files import accuracy_on_files
    from ..weights.catalogue import imagenet_classes

    identifiers = [identifier for identifier, _ in imagenet_classes()]
    if (classes := len(classifiers[0].labels)) != len(identifiers):
        raise InputError(f"{name} has {classes} classes, and ImageNet has {len(identifiers):,}.")
    if data_dir is None:
        raise InputError("ImageNet's validation set is not downloaded; name its folder with --data-dir.")
    pictures = validation_pictures(data_dir, identifiers)
    found = accuracy_on_files(classifiers, pictures, tell=_progress)
    if as_json:
        return print_json(
            {
                "dataset": "imagenet",
                "images": len(pictures),
                "published": published,
                "accuracy": {name: {"top1": one.top1, "top5": one.top5} for name, one in found.items()},
            }
        )
    return tables.of_scores(found, published).print()


def _progress(told: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{told}", end="", file=sys.stderr, flush=True)
