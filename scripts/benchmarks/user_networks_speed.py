"""Time and size of user networks as exported by cnnref, beside what Keras' and torch's own exporters write of them.

    python scripts/benchmarks/user_networks_speed.py [NAME ...] [--runs 100] [--threads 1]

Each network of the tests' `user_networks` is saved, exported by cnnref in float32, and exported by Keras and torch from
the bundle's .keras file. All files take turns in one run, as in `cnnref bench`. Prints a row for each file of another
exporter: the median milliseconds of cnnref's file of the same format for one image and of the other, and cnnref's
share of the other's time for one image, of its time for a batch of 32, and of its bytes. Below 1, cnnref's is less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from user_networks import NETWORKS
from user_networks.exporting import FILES

import cnnref
from cnnref.environment import keras, quiet_stderr
from cnnref.peers.contestants import peers
from cnnref.runtimes import Timing, benchmark

#: Different kinds: a body of keras.applications with preprocessing in it, attention, normalization, merges, plain.
FIVE = (
    "mobilenet_v2_with_augmentation",
    "convolutional_block_attention",
    "group_normalization",
    "mini_xception",
    "mobile_blocks",
)


def timed(name: str, runs: int, threads: int | None) -> list[Timing]:
    """Everything that was exported of one network."""
    with tempfile.TemporaryDirectory() as folder:
        path, bundle = Path(folder) / f"{name}.keras", Path(folder) / "bundle"
        NETWORKS[name].model().save(path)
        with quiet_stderr():
            cnnref.export(path, bundle, precisions=["float32"], **NETWORKS[name].options)
        keras.backend.clear_session()
        with peers(bundle, threads=threads) as others:
            return benchmark(bundle, runs=runs, threads=threads, others=others)


def rows_of(name: str, timings: list[Timing]) -> list[str]:
    """A row for each file of another exporter, beside ours of the same format."""
    ours = {one.format: one for one in timings if one.file in FILES.values()}  # not what OpenVINO does with them
    rows = []
    for other in (one for one in timings if one.peer and one.format in ours):
        start = f"| `{name}` | {other.file} by {other.by} |"
        mine = ours[other.format]
        if not (mine.p50_ms and other.p50_ms and mine.images_per_second and other.images_per_second):
            rows.append(f"{start} {mine.p50_ms:.3f} | {other.note} | | | |")
            continue
        shares = mine.p50_ms / other.p50_ms, other.images_per_second / mine.images_per_second, mine.bytes / other.bytes
        rows.append(f"{start} {mine.p50_ms:.3f} | {other.p50_ms:.3f} | {' | '.join(f'{one:.2f}' for one in shares)} |")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS], metavar="NAME", help="only these networks")
    parser.add_argument("--runs", type=int, default=100, help="timed runs at batch 1")
    parser.add_argument("--threads", type=int, default=1, help="of each runtime")
    given = parser.parse_args()
    print("| network | other file | cnnref, ms | other, ms | of its time, 1 image | 32 images | of its bytes |")
    print("|---|---|---:|---:|---:|---:|---:|", flush=True)
    for name in given.names or FIVE:
        print("\n".join(rows_of(name, timed(name, given.runs, given.threads))), flush=True)


if __name__ == "__main__":
    main()
