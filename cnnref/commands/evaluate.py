"""`cnnref evaluate`: the accuracy of every file of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import tables
from ..errors import InputError, printable
from .options import AsJson, BundleName, DataDir, find_or_make, print_json

if TYPE_CHECKING:
    from ..runtimes import Bundle


def evaluate(
    bundle: BundleName,
    data_dir: DataDir = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The data set, by default the one that the bundle was trained on. imagenet is its validation set."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Test every exported file on the whole test set, in its runtime.

    ImageNet's validation set is read picture by picture from --data-dir, in any of its published layouts.

    Example: cnnref evaluate lenet5-mnist --data-dir ~/datasets

    Example: cnnref evaluate efficientnet_lite0 --dataset imagenet --data-dir ~/imagenet/val
    """
    from ..data import load
    from ..data.imagenet import NAMES
    from ..data.sources import FOLDER
    from ..runtimes import accuracy, open_artifact, read_bundle

    read = read_bundle(find_or_make(bundle))
    read.must_classify("accuracy")
    weights = read.document["provenance"].get("weights")
    trained_on = weights.get("dataset") if isinstance(weights, dict) else None
    name = dataset or read.document["provenance"].get("dataset") or trained_on
    if not name:
        raise InputError(f"{bundle} does not say what it was trained on; give --dataset.")
    if name.lower() in NAMES:
        return _on_imagenet(read, data_dir, as_json=as_json)
    if dataset is None and name.startswith(FOLDER) and not Path(name.removeprefix(FOLDER)).is_dir():
        raise InputError(
            f"{bundle} was trained on a folder called {name.removeprefix(FOLDER)!r}, whose place a bundle does not "
            f"keep; name it with --dataset {FOLDER}PATH."
        )
    data = load(name, data_dir, image_shape=read.shape)
    if data.classes != max(read.classes, len(read.labels)):
        raise InputError(
            f"{data.name} has {data.classes} classes and {bundle} has {read.classes}; choose another data set."
        )
    if other := [(ours, theirs) for ours, theirs in zip(read.labels, data.labels, strict=False) if ours != theirs]:
        ours, theirs = map(printable, other[0])
        print(
            f"cnnref: {len(other)} of the {data.classes} classes are called otherwise in {data.name} than in {bundle}: "
            f"where the bundle says {ours}, the data set says {theirs}, and they count as the same class.",
            file=sys.stderr,
        )
    found = {
        artifact.name: accuracy(open_artifact(read, artifact.name), data.test_images, data.test_labels)
        for artifact in read.must_run()
    }
    if as_json:
        return print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()


def _on_imagenet(bundle: Bundle, data_dir: Path | None, *, as_json: bool) -> None:
    from ..data.imagenet import validation_pictures
    from ..runtimes.picture_files import accuracy_on_files
    from ..weights.catalogue import imagenet_classes

    identifiers = [identifier for identifier, _ in imagenet_classes()]
    if bundle.classes != len(identifiers):
        raise InputError(f"{bundle.folder} has {bundle.classes} classes, and ImageNet has {len(identifiers):,}.")
    if data_dir is None:
        raise InputError("ImageNet's validation set is not downloaded; name its folder with --data-dir.")
    pictures = validation_pictures(data_dir, identifiers)
    names = [artifact.name for artifact in bundle.must_run()]
    found = accuracy_on_files(bundle, pictures, names, tell=_progress)
    weights = bundle.document["provenance"].get("weights")
    published = weights.get("published", {}) if isinstance(weights, dict) else {}
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
