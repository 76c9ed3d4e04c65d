"""`cnnref bench`: time the files of a bundle beside those of other exporters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import tables
from ..errors import InputError
from .options import AsJson, BundleName, check_plot, find_or_make, print_json

if TYPE_CHECKING:
    from ..runtimes import Timing


def bench(
    bundle: BundleName,
    runs: Annotated[int, typer.Option(min=1, help="Number of timed runs at batch 1.")] = 50,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each runtime, by default one for each core.")
    ] = None,
    with_peers: Annotated[
        bool,
        typer.Option(
            "--peers/--no-peers", help="Also time Keras, OpenVINO, and the files that Keras and torch export."
        ),
    ] = True,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw accuracy, latency and size into this .png, .svg or .pdf file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing picture.")] = False,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Print a Markdown table of the bundle's own files, with their accuracy from report.json."
        ),
    ] = False,
) -> None:
    """Time every file of a bundle in its runtime, beside the files that Keras and torch export of the same network.

    Example: cnnref bench lenet5-mnist --threads 1
    """
    from ..explain.drawing.tradeoff import draw_tradeoff
    from ..files import write_whole
    from ..runtimes import benchmark, read_bundle, read_report
    from ..runtimes.report import measured_accuracy

    read = read_bundle(find_or_make(bundle))
    read.must_run()
    if plot:
        check_plot(plot, force=force)  # before minutes are spent for nothing
        accuracy = measured_accuracy(read)
        if not accuracy:
            raise InputError(
                f"No accuracy has been measured for {bundle}; run `cnnref verify {bundle} --data-dir DATA` first."
            )
        tested = [check["test"]["images"] for check in read_report(read.folder)["checks"] if check.get("test")]
    if with_peers:
        from ..peers.contestants import peers

        print("Exporting the network with Keras and torch; this can take minutes.", file=sys.stderr)
        with peers(read.folder, threads=threads) as others:
            timings = benchmark(read.folder, runs=runs, threads=threads, others=others)
    else:
        timings = benchmark(read.folder, runs=runs, threads=threads)
    if plot:
        drawn = draw_tradeoff(timings, accuracy, read.name, plot.suffix[1:].lower(), max(tested, default=0))
        write_whole(plot, drawn)
        print(f"Drawn: {plot}", file=sys.stderr)
    if as_json:
        _print_json(timings, runs)
    elif as_markdown:
        print(tables.markdown_of_timings(timings, read_report(read.folder)))
    else:
        _print_table(timings)


def _print_json(timings: list[Timing], runs: int) -> None:
    from dataclasses import asdict

    from ..environment import versions
    from ..runtimes.bench import cpu_features

    first = timings[0]
    facts = {"cpu": first.cpu, "features": cpu_features(), "threads": first.threads, "runs": runs}
    print_json({**facts, "versions": versions(), "timings": [asdict(timing) for timing in timings]})


def _print_table(timings: list[Timing]) -> None:
    from ..runtimes.bench import BATCH, cpu_features

    tables.of_timings(timings).print()
    for timing in timings:
        if timing.note:
            print(f"{timing.file} by {timing.by}: {timing.note}")
    threads, features = timings[0].threads, " ".join(cpu_features()) or "features unknown"
    print(f"{threads} thread{'s' * (threads > 1)} on {timings[0].cpu} ({features}).")
    print(f"p50 and p90 at batch 1, images/s at batch {BATCH}. Keras itself (model.keras) runs as one tf.function.")
