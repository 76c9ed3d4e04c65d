"""Time and size of user networks as exported by cnnref, beside what Keras' and torch's own exporters write of them.

    python scripts/benchmarks/user_networks_speed.py [NAME ...] [--rounds 100] [--threads 1]

Each network of the tests' `user_networks` is saved, exported by cnnref in float32, and exported by Keras and torch from
the bundle's .keras file. Prints a row for each file of another exporter: the median milliseconds of cnnref's file of
the same format for one image and of the other, as `cnnref bench` measures them, and cnnref's share of the other's time
for one image, of its time for a batch of 32, and of its bytes. Below 1, cnnref's is less. For the shares of time the
two files take turns of some hundredths of a second, and each share is the median over all rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from alternation import share_of_time
from user_networks import NETWORKS
from user_networks.exporting import FILES

import cnnref
from cnnref.environment import keras, quiet_stderr
from cnnref.peers.contestants import peers
from cnnref.runtimes import benchmark, open_artifact, read_bundle
from cnnref.runtimes.runner import Runner
from cnnref.runtimes.samples import read_samples

#: Calls for the milliseconds that are shown; the shares are measured by themselves.
RUNS = 25

#: Different kinds: a body of keras.applications with preprocessing in it, attention, normalization, merges, plain.
FIVE = (
    "mobilenet_v2_with_augmentation",
    "convolutional_block_attention",
    "group_normalization",
    "mini_xception",
    "mobile_blocks",
)


def rows_of(name: str, rounds: int, threads: int | None) -> Iterator[str]:
    """A row for each file that others export of one network, beside ours of the same format."""
    with tempfile.TemporaryDirectory() as folder:
        path, bundle = Path(folder) / f"{name}.keras", Path(folder) / "bundle"
        NETWORKS[name].model().save(path)
        with quiet_stderr():
            cnnref.export(path, bundle, precisions=["float32"], **NETWORKS[name].options)
        keras.backend.clear_session()
        with peers(bundle, threads=threads) as others:
            timings = benchmark(bundle, runs=RUNS, threads=threads, others=others)
            own_files = [one for one in timings if one.file in FILES.values()]  # not what OpenVINO does with them
            ours = {one.format: one for one in own_files}
            written = read_bundle(bundle)
            images = read_samples(written).images
            for other in (one for one in timings if one.peer and one.format in ours):
                start, mine = f"| `{name}` | {other.file} by {other.by} |", ours[other.format]
                if not other.p50_ms:
                    yield f"{start} {mine.p50_ms:.3f} | {other.note} | | | |"
                    continue
                (theirs,) = (one.open() for one in others if (one.label, one.by) == (other.file, other.by) and one.open)
                pair = theirs, open_artifact(written, mine.file, threads)
                shares = [share_of_time(*calls(pair, images, batch), rounds) for batch in (1, 32)]
                shown = " | ".join(f"{one:.2f}" for one in (*shares, mine.bytes / other.bytes))
                yield f"{start} {mine.p50_ms:.3f} | {other.p50_ms:.3f} | {shown} |"


def calls(runners: Iterable[Runner], images: NDArray[np.uint8], batch: int) -> list[Callable[[], object]]:
    """What runs each file once, on so many pictures."""
    pixels = np.resize(images, (batch, *images.shape[1:])).astype(np.float32)
    return [partial(runner.run, pixels) for runner in runners]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS], metavar="NAME", help="only these networks")
    parser.add_argument("--rounds", type=int, default=100, help="turns of each pair of files")
    parser.add_argument("--threads", type=int, default=1, help="of each runtime")
    given = parser.parse_args()
    print("| network | other file | cnnref, ms | other, ms | of its time, 1 image | 32 images | of its bytes |")
    print("|---|---|---:|---:|---:|---:|---:|", flush=True)
    for name in given.names or FIVE:
        for row in rows_of(name, given.rounds, given.threads):
            print(row, flush=True)


if __name__ == "__main__":
    main()
