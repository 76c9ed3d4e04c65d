"""Training steps beside the matrix multiplication peak of the machine: how much of it each recipe's step reaches.

    python scripts/benchmarks/step_profile.py [RECIPE...] [--threads 2] [--rounds 3] [--seconds 2] [--json]

The peak is that of TensorFlow multiplying two float32 matrices of 1024x1024 in the same process, measured anew in every
round, in turn with the steps. A step counts three multiply-accumulates for each of the network's: forward, the gradient
of its inputs, and that of its weights. What else a step does (augmentation, normalization, pooling, the update) counts
as nothing. bfloat16, which has a higher peak of its own, is compared with the same one. Pictures are random. Medians
over the rounds. Where other programs run, they leave more to one turn than to the next, and a share may exceed 100 %.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

RECIPES = ("resnet20-cifar10", "speednet-cifar10", "lenet5-mnist")
SIDE, PICTURES = 1024, 10_240

#: Steps between two looks at the clock.
STEPS = 4


def multiplications() -> Callable[[int], int]:
    """Runs a number of float32 matrix multiplications; gives their multiply-accumulates."""
    import tensorflow as tf

    left, right = (tf.random.stateless_normal((SIDE, SIDE), (seed, 0)) for seed in range(2))

    def run(count: int) -> int:
        for _ in range(count):
            found = tf.matmul(left, right)
        found.numpy()
        return count * SIDE**3

    return run


def steps_of(name: str, precision: Literal["float32", "bfloat16"]) -> tuple[Callable[[int], int], int]:
    """Runs a number of training steps of a recipe, and gives their multiply-accumulates; and those of one picture."""
    from cnnref.arithmetic.geometry import macs
    from cnnref.data import Dataset
    from cnnref.training import read_recipe
    from cnnref.training.engines import make_engine
    from cnnref.training.trainer import Settings, Trainer

    recipe = replace(read_recipe(name), precision=precision)
    shape = (28, 28, 1) if "mnist" in recipe.dataset else (32, 32, 3)
    side = recipe.image_size
    random = np.random.default_rng(0)
    count = max(recipe.batch_size, PICTURES // (4 if side else 1))
    images = random.integers(0, 256, (count, side or shape[0], side or shape[1], shape[2]), dtype=np.uint8)
    labels = random.integers(0, 10, count)
    names = tuple(map(str, range(10)))
    dataset = Dataset("random", images, labels, images[:100], labels[:100], names, "random numbers")
    trainer = Trainer.prepare(recipe, dataset, Settings())
    engine = make_engine(
        trainer.train_state(trainer.phases[-1]), trainer.plan, trainer.pictures, first_step=0, last_step=10**9
    )
    each = 3 * macs(trainer.model)
    done = [0]

    def run(steps: int) -> int:
        engine.run(done[0], done[0] + steps)
        done[0] += steps
        return steps * recipe.batch_size * each

    return run, each


def pace(run: Callable[[int], int], seconds: float) -> float:
    """Multiply-accumulates a second, over at least `seconds` seconds."""
    work, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        work += run(STEPS)
    return work / spent


def measure(recipes: list[str], rounds: int, seconds: float) -> dict[str, Any]:
    """The peak, and for each recipe and precision images a second and the share of the peak."""
    from cnnref import environment

    precisions: list[Literal["float32", "bfloat16"]] = ["float32"]
    precisions += ["bfloat16"] * environment.fast_bfloat16()
    contestants = {f"{name}, {one}": steps_of(name, one) for name in recipes for one in precisions}
    peak = multiplications()
    found: dict[str, list[float]] = {"peak": [], **{name: [] for name in contestants}}
    for number in range(-1, rounds):
        for name in found:
            run = peak if name == "peak" else contestants[name][0]
            reached = pace(run, seconds if number >= 0 else 0.01)
            if number >= 0:  # the first round compiles
                found[name].append(reached)
    top = statistics.median(found["peak"])
    rows = {
        name: {
            "images_a_second": statistics.median(found[name]) / each,
            "gmacs": statistics.median(found[name]) / 1e9,
            "of_the_peak": statistics.median(a / b for a, b in zip(found[name], found["peak"], strict=True)),
        }
        for name, (_, each) in contestants.items()
    }
    return {"machine": environment.device_line(), "peak_gmacs": top / 1e9, "steps": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(given.threads))
    found = measure(given.recipes, given.rounds, given.seconds)
    if given.json:
        return print(json.dumps(found, indent=2))
    print(found["machine"])
    print(f"{'matrix multiplication, float32':32s} {found['peak_gmacs']:7.1f} GMAC/s")
    for name, row in found["steps"].items():
        print(
            f"{name:32s} {row['gmacs']:7.1f} GMAC/s {row['images_a_second']:9,.0f} images/s "
            f"{100 * row['of_the_peak']:6.1f} % of the peak"
        )
    return None


if __name__ == "__main__":
    main()
