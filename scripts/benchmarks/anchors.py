"""Minutes to a published accuracy: cnnref's recipes beside the programs that two accuracies are known from.

    git clone https://github.com/KellerJordan/cifar10-airbench
    python scripts/benchmarks/anchors.py --airbench cifar10-airbench [--threads 2] [--rounds 3] [--json]

For 94 % on CIFAR-10 the anchor is airbench94's own program, `legacy/airbench94.py` (Jordan 2024, arXiv 2404.00498), on
PyTorch: its loader, network, loop and clock, of which only the device is changed to the CPU and half precision to
float32, since PyTorch's convolutions in bfloat16 took twenty times as long where this was tried. For ResNet-20 it is
the recipe of the paper in plain Keras, with `compile` and `fit`: 64,000 steps of 128 pictures (He et al., CVPR 2016,
section 4.2). Each trains a few steps in turn with the others, and so do all recipes for CIFAR-10 that have a shipped
bundle. The minutes are those of all steps of a run at the median rate: of the published number of epochs for the
anchors. How accurate the recipes are is in their cards, and `scripts/results.py --anchors` draws what --json prints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from training_speed import with_cnnref, with_keras
from turns import answer, take_turns

#: Images of CIFAR-10 that a run of the anchors sees in an epoch.
IMAGES = 50_000


@dataclass(frozen=True)
class Contestant:
    """One program.

    Attributes:
        make: what gives a function from a number of steps to their seconds; it takes the folder of airbench.
        batch: pictures in a step.
        epochs: of a run.
        accuracy: in percent, as published; None for a recipe of cnnref.
        views: whether it is that of six views of each test image.
    """

    make: Callable[[Path], Callable[[int], float]]
    batch: int
    epochs: float
    accuracy: float | None = None
    views: bool = False


def with_recipe(name: str) -> Callable[[int], float]:
    """A recipe of cnnref in the precision that is faster here."""
    from cnnref import environment

    return with_cnnref("bfloat16" if environment.fast_bfloat16() else "float32", name)


def with_airbench(folder: Path) -> Callable[[int], float]:
    """airbench94's own program on the CPU, on random pictures."""
    import torch

    class Clock:
        """What the program measures with, in place of an event on a GPU."""

        def __init__(self, **_: bool) -> None:
            self.now = 0.0

        def record(self) -> None:
            self.now = time.perf_counter()

        def elapsed_time(self, end: Clock) -> float:
            return 1000 * (end.now - self.now)

    def normalize(mean: torch.Tensor, std: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """What the program takes from torchvision: (image - mean) / std for each channel."""
        return lambda images: (images - mean[:, None, None].to(images)) / std[:, None, None].to(images)

    transforms = SimpleNamespace(Normalize=normalize)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    source = (folder / "legacy" / "airbench94.py").read_text(encoding="utf-8").split("if __name__")[0]
    for theirs, ours in (
        ("import torchvision.transforms as T\n", ""),
        ("import torchvision\n", ""),
        ("torch.device(gpu)", "torch.device('cpu')"),
        (".cuda()", ""),
        (".half()", ".float()"),
        ("torch.cuda.Event", "Clock"),
        ("torch.cuda.synchronize()", "None"),
        ("print_training_details(locals()", "times.append(total_time_seconds); (lambda *_, **__: None)(locals()"),
    ):
        source = source.replace(theirs, ours)
    times: list[float] = []
    program: dict[str, Any] = {"Clock": Clock, "T": transforms, "times": times, "__name__": "airbench94"}
    exec(compile(source, "airbench94.py", "exec"), program)  # the program that the user named
    batch = program["hyp"]["opt"]["batch_size"]

    def run(steps: int) -> float:
        random = torch.Generator().manual_seed(0)
        with tempfile.TemporaryDirectory() as place:
            data = Path(place, "cifar10")
            data.mkdir()
            for name, count in (("train", steps * batch), ("test", 100)):
                images = torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=random)
                labels = torch.randint(0, 10, (count,), generator=random)
                torch.save({"images": images, "labels": labels, "classes": list("0123456789")}, data / f"{name}.pt")
            before = Path.cwd()
            os.chdir(place)
            try:
                program["hyp"]["opt"]["train_epochs"] = 1.0
                program["main"]("")
            finally:
                os.chdir(before)
        return times[-2]  # after the epoch; the last one has its test as well

    return run


def of_recipe(name: str) -> Contestant:
    """A recipe of cnnref."""
    from cnnref.training import read_recipe

    recipe = read_recipe(name)
    return Contestant(lambda _: with_recipe(name), recipe.batch_size, recipe.epochs)


PAPER = 64_000 * 128 / IMAGES
RECIPES = ("speednet-cifar10", "resnet20-cifar10", "resnet8-cifar10", "tinyvgg-cifar10")
CONTESTANTS = {
    "airbench94 (PyTorch)": Contestant(with_airbench, 1024, 9.9, 94.01, views=True),
    "ResNet-20 of the paper (Keras)": Contestant(lambda _: with_keras(128), 128, PAPER, 91.25),
    **{name: of_recipe(name) for name in RECIPES},
}
#: The recipe of cnnref that each anchor is compared with.
RIVALS = {"airbench94 (PyTorch)": "speednet-cifar10", "ResNet-20 of the paper (Keras)": "resnet20-cifar10"}

#: Pictures in a turn.
TURN = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--airbench", type=Path, required=True, help="The folder of KellerJordan/cifar10-airbench.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.airbench.resolve()
    if given.contestant:
        return answer(CONTESTANTS[given.contestant].make(folder))
    if not (folder / "legacy" / "airbench94.py").is_file():
        parser.error(f"{folder} has no legacy/airbench94.py; clone the program there first.")
    steps = {name: TURN // one.batch for name, one in CONTESTANTS.items()}
    taken = take_turns(__file__, steps, given.rounds, given.threads, arguments=("--airbench", str(folder)))
    rows = {}
    for name, one in CONTESTANTS.items():
        rate = TURN / statistics.median(taken[name])
        speed = {"images_a_second": round(rate, 1), "epochs": round(one.epochs, 2)}
        minutes = {"minutes": round(one.epochs * IMAGES / rate / 60, 1)}
        rows[name] = {"accuracy": one.accuracy, "views": one.views} | speed | minutes
    if given.json:
        from cnnref.environment import cpu_name

        print(json.dumps({"cpu": cpu_name(), "threads": given.threads, "programs": rows}, indent=2))
        return None
    for name, row in rows.items():
        rival = RIVALS.get(name)
        share = f"  {row['minutes'] / rows[rival]['minutes']:5.2f} of {rival}" if rival else ""
        print(f"{name:32s} {row['images_a_second']:7.0f} images/s  {row['minutes']:7.1f} minutes{share}")
    return None


if __name__ == "__main__":
    main()
