"""`cnnref verify`: check every file of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, BundleName, check_plot, print_json


def verify(
    bundle: BundleName,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Also run every file on the whole test set in this folder.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="The data set, by default the one that the bundle was trained on.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="The signer's public key (PEM): first check that all files are those that its owner signed."),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also compare every layer of the integer files with the float32 files.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="With --layers, also draw the noise of the layers into this .png, .svg or .pdf file."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing picture.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every file of a bundle: hashes, names, shapes, labels, size, and its results in its runtime.

    Writes report.json into the bundle. A file that fails is renamed (model.onnx.failed), and the exit status is 1.

    Example: cnnref verify lenet5-mnist --data-dir ~/datasets

    Example: cnnref verify pets --key signer.pub

    Example: cnnref verify resnet8-cifar10 --layers --plot layers.png
    """
    from ..explain.drawing.layer_noise import draw_layer_noise
    from ..files import write_whole
    from ..runtimes import culprit, find_bundle, noise_of_layers, quarantine_failures, read_bundle
    from ..runtimes import verify as check
    from ..runtimes.signing import check_signature

    if plot and not layers:
        raise InputError(f"{plot} is to show the noise of the layers; give --layers as well.")
    if plot:
        check_plot(plot, force=force)
    folder = find_bundle(bundle)
    if key is not None:
        check_signature(folder, key)  # before model.keras is read for a test set
    test_set = None
    if data_dir is not None or dataset is not None:
        from ..exporters.proof import reference_test_set

        test_set = reference_test_set(read_bundle(folder), dataset, data_dir)
    report = check(folder, test_set=test_set, key=key)
    messages = quarantine_failures(report, folder)
    noise = noise_of_layers(folder) if layers and report.ok else {}
    if plot and noise:
        write_whole(plot, draw_layer_noise(noise, report.bundle, form=plot.suffix[1:].lower()))
    if as_json:
        compared = {file: [layer.to_json() for layer in found] for file, found in noise.items()}
        print_json(report.to_json() | ({"layers": compared} if layers else {}))
    else:
        tables.of_report(report.to_json(), read_bundle(folder)).print()
        for line in tables.of_microcontroller(report.to_json()):
            print(line)
        others = [found for found in report.checks if found.format is None and found.status == "ok"]
        print(f"{len(others)} other files are unchanged.")
        for found in report.checks:
            if found.note:
                print(f"{found.file}: {found.note}")
        for file, rows in noise.items():
            print(f"\n{file}, beside the float32 file on the samples:")
            tables.of_layer_noise(rows).print()
            if worst := culprit(rows):
                print(
                    f"{worst.tensor} ({worst.operator}) adds the most noise, {100 * worst.added:.3f} % of its signal."
                )
        if plot and noise:
            print(f"Drawn: {plot}", file=sys.stderr)
    for problem in [*report.problems, *messages]:
        print(f"cnnref: {problem}", file=sys.stderr)
    if not report.ok:
        raise typer.Exit(1)
