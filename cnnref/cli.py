"""The commands. Each is a few lines that call the package; what a command does not need is not imported."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import tables
from .errors import EXPECTED, InputError

app = typer.Typer(
    name="cnnref",
    help="Convolutional networks in Keras 3: build, train, export, and prove that each file is the model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder with the published files of the data set (or CNNREF_DATA).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing run or bundle.")]
BundleName = Annotated[str, typer.Argument(help="A folder that `cnnref export` wrote, or a shipped one: lenet5-mnist.")]


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit status 1."""
    try:
        app()
    except EXPECTED as error:
        print(f"cnnref: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def models(
    pattern: Annotated[str, typer.Argument(help='Which, such as "lenet*".')] = "*", as_json: AsJson = False
) -> None:
    """List the architectures.

    Example: cnnref models "lenet*"
    """
    from .models import list_models, spec

    found = [spec(name) for name in list_models(pattern)]
    if not found:
        raise InputError(f"No model matches {pattern!r}; `cnnref models` lists all.")
    if as_json:
        return _print_json([{**vars(facts), "published": dict(facts.published)} for facts in found])
    return tables.of_models(found).print()


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="A name that `cnnref models` lists.")], as_json: AsJson = False
) -> None:
    """Show a model layer by layer: shapes, parameters, multiply-accumulates, receptive field.

    Example: cnnref show lenet5
    """
    from dataclasses import asdict

    from .arithmetic import layer_table
    from .models import build, spec

    facts, table = spec(model), layer_table(build(model))
    if as_json:
        return _print_json([asdict(row) for row in table])
    tables.of_layers(table).print()
    return print(f"{facts.params:,} parameters, {facts.macs:,} multiply-accumulates. {facts.paper}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe such as lenet5-mnist, or the path of a .toml file.")],
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="The run folder, by default runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    force: Force = False,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    validation: Annotated[int | None, typer.Option(help="Training images kept aside, instead of the recipe's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train by a recipe; the test set is looked at once, at the end.

    Example: cnnref train lenet5-mnist --data-dir ~/datasets
    """
    from dataclasses import replace

    from .training import read_recipe

    given: dict[str, Any] = {"epochs": epochs, "seed": seed, "validation": validation}
    changed = replace(read_recipe(recipe), **{key: value for key, value in given.items() if value is not None})
    from .training import train as run_training  # takes seconds; a misspelt recipe is told at once

    try:
        run = run_training(changed, data_dir, out, resume=resume, force=force)
    except KeyboardInterrupt:
        print("cnnref: stopped; the same command with --resume goes on after the last whole epoch.", file=sys.stderr)
        raise typer.Exit(130) from None
    results = run.results
    if as_json:
        return _print_json({"folder": str(run.folder), **results})
    test = results["test"]
    print(f"Test accuracy {100 * test['accuracy']:.2f} % ({test['errors']} errors in {test['images']:,} images).")
    return print(f"Run: {run.folder}   Next: cnnref export {run.folder} --out DIR")


@app.command()
def evaluate(
    bundle: BundleName,
    data_dir: DataDir = None,
    dataset: Annotated[str | None, typer.Option(help="By default the one that the bundle was trained on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Test every exported file on the whole test set, in its runtime.

    Example: cnnref evaluate lenet5-mnist --data-dir ~/datasets
    """
    from .data import load
    from .runtimes import accuracy, find_bundle, open_artifact, read_bundle

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
        return _print_json({"dataset": data.name, "images": len(data.test_labels), "accuracy": found})
    return tables.of_accuracies(found, len(data.test_labels)).print()


@app.command()
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
    from .export.bundle import FORMATS
    from .export.bundle import export as write_bundle
    from .export.source import find_source
    from .files import refuse_existing

    refuse_existing(out, force=force, marker="bundle.json")  # before TensorFlow is imported for nothing
    found = find_source(source)
    test_set = None
    if data_dir is not None:
        from .data import load

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


@app.command()
def verify(bundle: BundleName, as_json: AsJson = False) -> None:
    """Check every file of a bundle: hashes, names, shapes, labels, and numbers in its runtime.

    Exit status 1 if a file fails. Example: cnnref verify lenet5-mnist
    """
    from .runtimes import find_bundle
    from .runtimes import verify as check

    report = check(find_bundle(bundle))
    if as_json:
        _print_json(report.to_json())
    else:
        tables.of_checks(report).print()
        for found in report.checks:
            if found.note:
                print(f"{found.file}: {found.note}")
        for problem in report.problems:
            print(f"cnnref: {problem}", file=sys.stderr)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def bench(
    bundle: BundleName,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs at batch 1.")] = 50,
    threads: Annotated[int | None, typer.Option(min=1, help="By default all cores.")] = None,
    as_json: AsJson = False,
) -> None:
    """Time every file of a bundle in its runtime.

    Example: cnnref bench lenet5-mnist --threads 1
    """
    from dataclasses import asdict

    from .runtimes import benchmark, find_bundle

    timings = benchmark(find_bundle(bundle), runs=runs, threads=threads)
    if as_json:
        return _print_json([asdict(timing) for timing in timings])
    tables.of_timings(timings).print()
    return print(f"{timings[0].threads} threads on {timings[0].cpu}; p50 and p90 at batch 1.")


@app.command()
def predict(
    bundle: BundleName,
    pictures: Annotated[list[Path], typer.Argument(help="PNG, JPEG and others, of any size.")],
    file: Annotated[str | None, typer.Option("--file", help="model.onnx, model.tflite or saved_model.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes to show.")] = 3,
    invert: Annotated[bool, typer.Option("--invert", help="For dark digits on light paper.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Also draw pictures and probabilities into this PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is on pictures.

    A picture is turned upright, cropped to its centre, resized (bilinear) and made gray or RGB, as the model needs.

    Example: cnnref predict lenet5-mnist photo.png --invert
    """
    from .runtimes import find_bundle, read_bundle
    from .runtimes import predict as run

    read = read_bundle(find_bundle(bundle))
    found = run(read, pictures, artifact=file, top=top, invert=invert)
    if plot:
        _plot_predictions(plot, read, found, invert)
    if as_json:
        return _print_json([{"file": str(one.file), "top": [list(pair) for pair in one.top]} for one in found])
    return tables.of_predictions(found).print()


@app.command()
def quickstart(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run and the bundle, by default runs/quickstart.")
    ] = None,
) -> None:
    """Train LeNet-5 on 1,438 handwritten digits, export it, prove every file, and read a digit. About a minute.

    Example: cnnref quickstart
    """
    from .quickstart import walk

    walk(out).print()


def _plot_predictions(path: Path, bundle: Any, found: list[Any], invert: bool) -> None:
    import numpy as np

    from .explain.plots import predictions
    from .files import write_whole
    from .pictures import read_picture

    seen = [read_picture(Path(one.file), *bundle.shape) for one in found]
    shown = [255 - picture if invert else picture for picture in seen]
    write_whole(path, predictions(shown, np.stack([one.probabilities for one in found]), bundle.labels))


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
