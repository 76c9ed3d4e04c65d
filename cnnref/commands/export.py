"""`cnnref export`: write a bundle and verify every file of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import INCOMPLETE, DataDir, Force


def export(
    source: Annotated[str, typer.Argument(help="A run folder, a bundle, a .keras file, or a model's name.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="A format to write: onnx, tflite or saved_model, or several as tflite,onnx; by default all. keras "
            "writes model.keras alone.",
        ),
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            help="A precision to write beside float32: fp16, dynamic or int8, or several as fp16,int8; by default all. "
            "float32 writes no other.",
        ),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="Opset of the ONNX files, 13 to 24; by default 21.")] = None,
    layout: Annotated[str, typer.Option(help="Layout of the input of the ONNX files: nhwc or nchw.")] = "nhwc",
    engine: Annotated[str, typer.Option(help="Converter that writes the ONNX file: native or tf2onnx.")] = "native",
    input_dtype: Annotated[
        str, typer.Option(help="Type of the input: float32, or uint8 for bytes as cameras give them.")
    ] = "float32",
    integer_io: Annotated[
        str, typer.Option(help="Type of the input and output of model.int8.tflite: float32, uint8 or int8.")
    ] = "float32",
    top_k: Annotated[int, typer.Option(help="Also give the indices and scores of this many best classes.")] = 0,
    image_size: Annotated[
        str | None,
        typer.Option(help="Size of the images for a model that leaves it open: 224, or height and width as 224x320."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Number of images that every file takes at a time; by default any number.")
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Round the kernels to float16 first, which halves the size of model.keras.")
    ] = False,
    unsafe_lambda: Annotated[
        bool,
        typer.Option(
            "--unsafe-lambda", help="Run the code of the Lambda layers in the file; only for files that you trust."
        ),
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(help="Target device: micro writes the network, its C array and a program for a microcontroller."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Text file with the name of a class on each line, for a model from elsewhere.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Folder of pictures that set the ranges of int8, instead of the data set's.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Published weights for a model's name: imagenet, or a tag such as imagenet1k_v1.")
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="Mean of the values 0..1 that a model from elsewhere takes: one number, or 0.5,0.5,0.5."),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(help="Standard deviation, given like --mean: the model takes (pixel / 255 - mean) / std."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set of a model from elsewhere, which calibrates int8 and measures accuracy."),
    ] = None,
    data_dir: DataDir = None,
    sign: Annotated[
        Path | None, typer.Option(help="Private elliptic key (PEM) that signs the bundle; see `cnnref verify --key`.")
    ] = None,
    force: Force = False,
) -> None:
    """Export to SavedModel, TFLite and ONNX in each precision, and verify each file in its runtime.

    Each file is run on the whole test set where the data set is found. A file that cannot be written is left out, and
    the reason is printed. The exit status is 3 if a format is missing that was not asked for by name; it is 1 if one
    that was asked for is missing, or a file is wrong.

    Example: cnnref export runs/lenet5-mnist --out lenet5 --data-dir ~/datasets

    Example: cnnref export resnet50 --weights imagenet --out resnet50
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
        formats=_separate(formats),
        precisions=_separate(precisions),
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
        calibrate=calibrate,
        weights=weights,
        sign=sign,
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


def _separate(given: list[str] | None) -> list[str] | None:
    """The names of an option that was given several times, or once with commas between the names."""
    return [name.strip() for text in given or () for name in text.split(",")] or None


def _lines(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    from ..files import read_text

    try:
        labels = read_text(path, "list of labels").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(
            f"The labels in {path} cannot be read ({error}); give a text file with one label on each line."
        ) from None
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
