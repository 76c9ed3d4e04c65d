"""Images a second of training ResNet-20 on CIFAR-10-shaped pictures: cnnref beside PyTorch and beside plain Keras.

    python scripts/benchmarks/training_speed.py [--threads 2] [--rounds 5] [--steps 20] [--json]

Each contestant is a process of its own; they take turns, so that a noisy machine is noisy for all. A step of cnnref
includes the augmentation of its batch; the others are given the same batch again and again. PyTorch runs eagerly on
channels_last tensors; plain Keras is `compile` and `fit` with their defaults and none of the settings that importing
cnnref makes; without oneDNN it is what TensorFlow does by itself on CPUs that have no AVX-512.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from turns import answer, take_turns

BATCH, SHAPE, CLASSES = 128, (32, 32, 3), 10
NAMES = (
    "cnnref, float32",
    "cnnref, bfloat16",
    "PyTorch, eager, channels_last",
    "Keras, compile and fit",
    "Keras without oneDNN",
)


def pictures(count: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Random pictures and labels."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, *shape), dtype=np.uint8), random.integers(0, CLASSES, count)


def with_cnnref(precision: str, recipe: str = "resnet20-cifar10") -> Callable[[int], float]:
    """A recipe for CIFAR-10 on random pictures."""
    from dataclasses import replace

    from cnnref.data import Dataset
    from cnnref.training import read_recipe
    from cnnref.training.engines import make_engine
    from cnnref.training.trainer import Settings, Trainer

    size = read_recipe(recipe).image_size or SHAPE[0]
    images, labels = pictures(10_000, (size, size, SHAPE[2]))
    names = tuple(map(str, range(CLASSES)))
    dataset = Dataset("random", images, labels, images[:100], labels[:100], names, "random numbers")
    trainer = Trainer.prepare(replace(read_recipe(recipe), precision=precision), dataset, Settings())
    state = trainer.train_state(trainer.phases[-1])
    engine = make_engine(state, trainer.plan, trainer.pictures, last_step=10**9)
    done = [0]

    def run(steps: int) -> float:
        began = time.perf_counter()
        engine.run(done[0], done[0] + steps)
        done[0] += steps
        return time.perf_counter() - began

    return run


def with_torch() -> Callable[[int], float]:
    """The same network and update in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.stride, self.more = stride, outputs - inputs

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            if self.more:
                half = self.more // 2
                x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
            return functional.relu(x + y)

    parts: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for inputs, outputs, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        parts += [Block(inputs, outputs, stride), Block(outputs, outputs, 1), Block(outputs, outputs, 1)]
    model = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    images, labels = pictures(BATCH)
    batch = torch.as_tensor(images).permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
    targets = torch.as_tensor(labels)

    def run(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(batch), targets)
            loss.backward()
            optimizer.step()
        loss.item()
        return time.perf_counter() - began

    return run


def with_keras(batch: int = 32) -> Callable[[int], float]:
    """The same network with what Keras does by itself, in batches of 32 if nothing is said, as `fit` does."""
    import keras

    def convolution(x: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
        x = keras.layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
        return keras.layers.BatchNormalization()(x)

    image = keras.Input(SHAPE)
    x = keras.layers.ReLU()(convolution(keras.layers.Rescaling(1 / 255)(image), 16, 1))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(3):
            step = stride if block == 0 else 1
            y = convolution(keras.layers.ReLU()(convolution(x, filters, step)), filters, 1)
            if step == 2:
                x = keras.ops.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (filters // 4, filters // 4)))
            x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.Dense(CLASSES, "softmax")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    model.compile("sgd", "sparse_categorical_crossentropy")
    images, labels = pictures(BATCH)

    def run(steps: int) -> float:
        many, wanted = np.tile(images, (steps, 1, 1, 1)), np.tile(labels, steps)
        began = time.perf_counter()
        model.fit(many, wanted, batch_size=batch, verbose=0)
        return time.perf_counter() - began

    return run


def makers() -> dict[str, Callable[[], Callable[[int], float]]]:
    """What makes each contestant."""
    made = (lambda: with_cnnref("float32"), lambda: with_cnnref("bfloat16"), with_torch, with_keras, with_keras)
    return dict(zip(NAMES, made, strict=True))


def measure(threads: int, rounds: int, steps: int) -> dict[str, list[float]]:
    """Images a second of every contestant in every round."""
    environments = {NAMES[-1]: {"TF_ENABLE_ONEDNN_OPTS": "0"}}
    seconds = take_turns(__file__, dict.fromkeys(NAMES, steps), rounds, threads, environments)
    return {name: [steps * BATCH / one for one in taken] for name, taken in seconds.items()}


def input_share(steps: int = 50) -> float:
    """Milliseconds to make one batch of the recipe ready, which a thread does while the step before it runs."""
    from cnnref.data.batches import BatchPlan
    from cnnref.training import read_recipe

    images, labels = pictures(10_000)
    plan = BatchPlan(images.shape, BATCH, 0, read_recipe("resnet20-cifar10").augmentation)
    list(plan.batches(images, labels, 0, 3))
    began = time.perf_counter()
    list(plan.batches(images, labels, 3, 3 + steps))
    return 1000 * (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        return answer(makers()[given.contestant]())
    found = measure(given.threads, given.rounds, given.steps)
    pace = {name: statistics.median(values) for name, values in found.items()}
    ready = input_share()
    share = ready / (1000 * BATCH / pace[NAMES[0]])
    if given.json:
        facts = {"threads": given.threads, "images_a_second": found, "batch_ready_ms": ready, "input_share": share}
        return print(json.dumps(facts, indent=2))
    for name, value in pace.items():
        ratios = ", ".join(
            f"{value / pace[other]:.2f} of {other.split(',')[0]}" for other in NAMES[2:] if other != name
        )
        print(f"{name:32s} {value:7.0f} images/s   {ratios}")
    return print(f"A batch is ready after {ready:.1f} ms, {100 * share:.1f} % of a float32 step.")


if __name__ == "__main__":
    main()
