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
        list[str] | None,
        typer.Option("--format", help="onnx, tflite, saved_model; all if none. keras for model.keras alone."),
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option("--precision", help="fp16, dynamic, int8, beside float32; all if none. float32 for it alone."),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="ONNX opset, 13 to 24; by default 21.")] = None,
    layout: Annotated[str, typer.Option(help="Of the ONNX input: nhwc or nchw.")] = "nhwc",
    engine: Annotated[str, typer.Option(help="Of the ONNX file: native or tf2onnx.")] = "native",
    input_dtype: Annotated[str, typer.Option(help="float32, or uint8 for camera bytes.")] = "float32",
    integer_io: Annotated[
        str, typer.Option(help="Input and output of model.int8.tflite: float32, uint8 or int8.")
    ] = "float32",
    top_k: Annotated[int, typer.Option(help="Also put out the indices and scores of so many best classes.")] = 0,
    half: Annotated[
        bool, typer.Option("--half", help="Round kernels to float16 first: model.keras takes half the bytes.")
    ] = False,
    labels: Annotated[Path | None, typer.Option(help="Names of the classes, one a line, for a foreign model.")] = None,
    mean: Annotated[
        str | None, typer.Option(help="Of the values 0..1 that a foreign model takes: one number, or 0.5,0.5,0.5.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="As --mean: the model takes (pixel / 255 - mean) / std.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What a foreign model was trained on: calibrates int8, measures accuracy.")
    ] = None,
    data_dir: DataDir = None,
    force: Force = False,
) -> None:
    """Export to SavedModel, TFLite and ONNX at every precision, and verify each file in its runtime.

    Each file is run on the whole test set where the data set is at hand.

    Example: cnnref export runs/lenet5-mnist --out lenet5 --data-dir ~/datasets
    """
    from ..exporters.bundle import FORMATS
    from ..exporters.bundle import export as write_bundle
    from ..files import refuse_existing
    from ..runtimes import read_report

    refuse_existing(out, force=force, marker="bundle.json")  # before TensorFlow is imported for nothing
    bundle = write_bundle(
        source,
        out,
        labels=_lines(labels),
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        formats=formats or FORMATS,
        precisions=precisions or None,
        opset=opset,
        layout=layout,
        engine=engine,
        input_dtype=input_dtype,
        integer_io=integer_io,
        top_k=top_k,
        half=half,
        dataset=dataset,
        data_dir=data_dir,
        force=force,
        tell=lambda step: print(f"{step} ...", file=sys.stderr),
    )
    tables.of_report(read_report(bundle.folder), bundle).print()
    for file, why in bundle.document["left_out"].items():
        print(f"no {file}: {why}")
    print(f"Verified and written: {bundle.folder}")


def _lines(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"The labels in {path} cannot be read ({error}); give a text file with one a line.") from None
    return [label.strip() for label in labels if label.strip()]


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"{option} is {text!r}; give numbers with commas between them, such as 0.5,0.5,0.5.") from None


def verify(
    bundle: BundleName,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Also run every file on the whole test set in this folder.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="By default the one that the bundle was trained on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file of a bundle: hashes, names, shapes, labels, size, and numbers in its runtime.

    Writes report.json into the bundle. A file that fails loses its name (model.onnx.failed), and the exit status is 1.

    Example: cnnref verify lenet5-mnist --data-dir ~/datasets
    """
    from ..runtimes import find_bundle, quarantine_failures, read_bundle
    from ..runtimes import verify as check

    folder = find_bundle(bundle)
    test_set = None
    if data_dir is not None or dataset is not None:
        from ..exporters.proof import reference_test_set

        test_set = reference_test_set(read_bundle(folder), dataset, data_dir)
    report = check(folder, test_set=test_set)
    told = quarantine_failures(report, folder)
    if as_json:
        print_json(report.to_json())
    else:
        tables.of_report(report.to_json(), read_bundle(folder)).print()
        others = [found for found in report.checks if found.format is None and found.ok]
        print(f"{len(others)} other files are as they were written.")
        for found in report.checks:
            if found.note:
                print(f"{found.file}: {found.note}")
    for problem in [*report.problems, *told]:
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
        for artifact in read.must_run()
    }
    if as_json:
        return print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()
