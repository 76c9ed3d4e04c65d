"""Size, nodes and speed of the package's own networks as an earlier commit exports them and as this one does.

    git worktree add ../before COMMIT
    python scripts/benchmarks/zoo_before_and_after.py ../before [NAME ...] [--rounds 60]

Each version exports the networks with fresh weights to float32 ONNX and TFLite, in a process of its own. Then both
files of a network run in turns, with one thread, in ONNX Runtime and LiteRT. Prints a row for each network: nodes and
bytes before and after, and the time after as a share of the time before, which is the median over the rounds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from alternation import share_of_time

from cnnref.runtimes.inspection import structure
from cnnref.runtimes.litert import LiteRTRunner
from cnnref.runtimes.onnx_runtime import OnnxRunner

#: One of each kind of block.
NETWORKS = (
    "lenet5",
    "resnet20",
    "vgg11_bn_cifar",
    "squeezenet1_1_cifar",
    "googlenet_cifar",
    "densenet_bc_100_12",
    "mobilenet_v1_cifar",
    "mobilenet_v2_cifar",
    "mobilenet_v3_small_cifar",
    "shufflenet_v2_x1_0_cifar",
    "efficientnet_b0_cifar",
    "convnext_tiny_cifar",
)

EXPORT = """
import sys, cnnref
for name in sys.argv[2:]:
    cnnref.export(name, f"{sys.argv[1]}/{name}", formats=["onnx", "tflite"], precisions=["float32"])
"""


def exported(package: Path, names: list[str], folder: Path) -> None:
    """Export by the package in a folder."""
    environment = os.environ | {"PYTHONPATH": str(package.resolve())}
    subprocess.run([sys.executable, "-c", EXPORT, str(folder), *names], env=environment, check=True, cwd=folder)


def row(name: str, before: Path, after: Path, rounds: int) -> str:
    """One network as a row of Markdown."""
    cells = [f"`{name}`"]
    files = [(before / name / file, after / name / file) for file in ("model.onnx", "model.tflite")]
    nodes = (structure(path, "onnx") for path in files[0])
    cells += [f"{sum(found.operators.values()):,}" if found else "" for found in nodes]
    cells += [f"{path.stat().st_size:,}" for pair in files for path in pair]
    for runner, pair in zip((OnnxRunner, LiteRTRunner), files, strict=True):
        old, new = (runner(path, threads=1) for path in pair)
        shape = [size or 1 for size in new.inputs()["image"].shape]
        pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        cells.append(f"{share_of_time(partial(old.run, pixels), partial(new.run, pixels), rounds):.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Export, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a checkout of the earlier commit")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these networks")
    parser.add_argument("--rounds", type=int, default=60, help="turns of each pair of files")
    given = parser.parse_args()
    names = given.names or list(NETWORKS)
    with tempfile.TemporaryDirectory() as temporary:
        before, after = Path(temporary) / "before", Path(temporary) / "after"
        for folder, package in ((before, given.before), (after, Path(__file__).parents[2])):
            folder.mkdir()
            exported(package, names, folder)
        sizes = "before | after"
        print(f"| network | nodes {sizes} | bytes of .onnx {sizes} | .tflite {sizes} | ONNX, time | TFLite, time |")
        print(f"|---|{'---:|' * 8}")
        for name in names:
            print(row(name, before, after, given.rounds), flush=True)


if __name__ == "__main__":
    main()
