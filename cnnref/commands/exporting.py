"""Commands that write a bundle and take its word on nothing: export, verify, evaluate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, BundleName, DataDir, Force, print_json


def export(
    source: Annotated[str, typer.Argument(help="A run folder, a bundle, a .keras file, or a model's name.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="onnx, tflite, saved_model; all if none.")
    ] = None,
    opset: Annotated[int | None, typer.Option(help="ONNX opset, 13 to 24; by default 21.")] = None,
    layout: Annotated[str, typer.Option(help="Of the ONNX input: nhwc or nchw.")] = "nhwc",
    engine: Annotated[str, typer.Option(help="Of the ONNX file: native or tf2onnx.")] = "native",
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Also run every file on the whole test set, for the card.")
    ] = None,
    force: Force = False,
) -> None:
    """Export to SavedModel, TFLite and ONNX, and verify each file in its runtime.

    Example: cnnref export runs/lenet5-mnist --out lenet5 --data-dir ~/datasets
    """
    from ..export.bundle import FORMATS
    from ..export.bundle import export as write_bundle
    from ..export.source import find_source
    from ..files import refuse_existing

    refuse_existing(out, force=force, marker="bundle.json")  # before TensorFlow is imported for nothing
    found = find_source(source)
    test_set = None
    if data_dir is not None:
        from ..data import load

        if "dataset" not in found.provenance:
            raise InputError(f"{source} does not say what it was trained on, so --data-dir has no use; leave it out.")
        data = load(found.provenance["dataset"], data_dir, image_shape=found.images.shape[1:])
        test_set = (data.test_images, data.test_labels)
    bundle = write_bundle(
        found,
        out,
        formats=formats or FORMATS,
        opset=opset,
        layout=layout,
        engine=engine,
        test_set=test_set,
        force=force,
    )
    tables.of_artifacts(bundle).print()
    print(f"Verified and written: {bundle.folder}")


def verify(bundle: BundleName, as_json: AsJson = False) -> None:
    """Check every file of a bundle: hashes, names, shapes, labels, and numbers in its runtime.

    Exit status 1 if a file fails. Example: cnnref verify lenet5-mnist
    """
    from ..runtimes import find_bundle
    from ..runtimes import verify as check

    report = check(find_bundle(bundle))
    if as_json:
        print_json(report.to_json())
    else:
        tables.of_checks(report).print()
        for found in report.checks:
            if found.note:
                print(f"{found.file}: {found.note}")
        for problem in report.problems:
            print(f"cnnref: {problem}", file=sys.stderr)
    if not report.ok:
        raise typer.Exit(1)


def evaluate(
    bundle: BundleName,
    data_dir: DataDir = None,
    dataset: Annotated[str | None, typer.Option(help="By default the one that the bundle was trained on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Test every exported file on the whole test set, in its runtime.

    Example: cnnref evaluate lenet5-mnist --data-dir ~/datasets
    """
    from ..data import load
    from ..runtimes import accuracy, find_bundle, open_artifact, read_bundle

    read = read_bundle(find_bundle(bundle))
    name = dataset or read.document["provenance"].get("dataset")
    if not name:
        raise InputError(f"{bundle} does not say what it was trained on; give --dataset.")
    data = load(name, data_dir, image_shape=read.shape)
    if data.classes != max(read.classes, len(read.labels)):
        raise InputError(f"{data.name} has {data.classes} classes and {bundle} has {read.classes}; choose another one.")
    found = {
        artifact.name: accuracy(open_artifact(read, artifact.name), data.test_images, data.test_labels)
        for artifact in read.runnable()
    }
    if as_json:
        return print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()
