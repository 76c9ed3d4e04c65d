"""`cnnref export`: write a bundle, every file of it verified."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import DataDir, Force

#: The exit status if a format that was not asked for by name is missing, and the other files are written and verified.
INCOMPLETE = 3


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
    image_size: Annotated[
        str | None, typer.Option(help="Of a model that leaves it open: 224, or height and width as 224x320.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images that every file takes at a time; by default open.")] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Round kernels to float16 first: model.keras takes half the bytes.")
    ] = False,
    unsafe_lambda: Annotated[
        bool, typer.Option("--unsafe-lambda", help="Run the code of Lambda layers that the file brings along.")
    ] = False,
    target: Annotated[
        str | None, typer.Option(help="micro: the network, its C array and a program for a microcontroller.")
    ] = None,
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

    Each file is run on the whole test set where the data set is at hand. What cannot be written is left out with its
    reason. The exit status is 3 if a whole format is missing, and 1 if one asked for by name is, or a file is wrong.

    Example: cnnref export runs/lenet5-mnist --out lenet5 --data-dir ~/datasets
    """
    from ..exporters.bundle import export as write_bundle
    from ..exporters.precisions import FORMATS, float32_file
    from ..files import refuse_existing
    from ..runtimes import read_report

    refuse_existing(out, force=force, marker="bundle.json")  # before TensorFlow is imported for nothing
    bundle = write_bundle(
        source,
        out,
        labels=_lines(labels),
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        formats=formats or None,
        precisions=precisions or None,
        opset=opset,
        layout=layout,
        engine=engine,
        input_dtype=input_dtype,
        integer_io=integer_io,
        top_k=top_k,
        image_size=_size(image_size),
        batch=batch,
        half=half,
        unsafe_lambda=unsafe_lambda,
        target=target,
        dataset=dataset,
        data_dir=data_dir,
        force=force,
        tell=lambda step: print(f"{step} ...", file=sys.stderr),
    )
    tables.of_report(read_report(bundle.folder), bundle).print()
    for line in tables.of_microcontroller(read_report(bundle.folder)):
        print(line)
    for file, why in bundle.left_out.items():
        print(f"no {file}: {why}")
    missing = [file for file in map(float32_file, FORMATS) if file in bundle.left_out]
    without = f", without {' and '.join(missing)}" if missing else ""
    print(f"Verified and written: {bundle.folder}{without}")
    if missing:
        raise typer.Exit(INCOMPLETE)


def _lines(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"The labels in {path} cannot be read ({error}); give a text file with one a line.") from None
    return [label.strip() for label in labels if label.strip()]


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise InputError(f"--image-size is {text!r}; give one number, or height and width such as 224x320.")
    return int(sides[0]), int(sides[-1])


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"{option} is {text!r}; give numbers with commas between them, such as 0.5,0.5,0.5.") from None
