"""How fast EfficientNet-Lite0 is in each file of its bundle, in the files of other exporters, and in PyTorch.

python scripts/benchmarks/lite0_latency.py BUNDLE --threads 1

BUNDLE is what `cnnref export efficientnet_lite0 --weights imagenet --calibrate PICTURES` writes. Beside its files run
Keras, what Keras' exporters (tf2onnx among them) and torch's write of the same network, and the network's own package
`efficientnet-lite-pytorch`. All take turns. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cnnref.convert.layouts_efficientnet_pytorch import LITE
from cnnref.environment import cpu_name
from cnnref.peers.contestants import peers
from cnnref.runtimes import benchmark
from cnnref.runtimes.bench import Contestant
from cnnref.runtimes.runner import Runner, Tensor, as_input
from cnnref.weights import fetch, weights


class TorchRunner:
    """The network of the package `efficientnet-lite-pytorch` from raw pixels to probabilities; see `Runner`."""

    def __init__(self, path: Path, threads: int | None) -> None:
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        self.path, self._torch = path, torch
        if threads:
            torch.set_num_threads(threads)
        self.threads = torch.get_num_threads()
        self._network = EfficientNet.from_name("efficientnet-lite0").eval()
        self._network.load_state_dict(torch.load(path, weights_only=True))
        self._network = self._network.to(memory_format=torch.channels_last)
        self._image, self._answer = Tensor((None, 224, 224, 3), "float32"), Tensor((None, 1000), "float32")

    def run(self, images: np.ndarray) -> np.ndarray:
        mean, deviation = (255 * numbers[0] for numbers in LITE)  # equal for all channels
        batch = self._torch.from_numpy((as_input(images, self._image) - mean) / deviation).permute(0, 3, 1, 2)
        with self._torch.inference_mode():
            return np.asarray(self._network(batch).softmax(dim=1).numpy())

    def answer(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"probabilities": self.run(images)}

    def inputs(self) -> dict[str, Tensor]:
        return {"image": self._image}

    def outputs(self) -> dict[str, Tensor]:
        return {"probabilities": self._answer}

    def embedded(self) -> dict[str, Any] | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    file = fetch(weights("efficientnet_lite0"))
    start: partial[Runner] = partial(TorchRunner, file, arguments.threads)
    eager = Contestant("PyTorch (eager)", "torch", "float32", start, file.stat().st_size, "torch")
    with peers(arguments.bundle, threads=arguments.threads) as others:
        found = benchmark(arguments.bundle, runs=arguments.runs, threads=arguments.threads, others=[*others, eager])
    print(f"Medians of {arguments.runs} pictures, {arguments.threads} thread(s), {cpu_name()}\n")
    print("| file | by | one picture | 90 % within | pictures/s at 32 | of Keras |\n|---|---|---:|---:|---:|---:|")
    for one in found:
        if one.p50_ms is None or one.p90_ms is None or one.images_per_second is None:
            print(f"| `{one.file}` | {one.by} | {one.note} | | | |")
            continue
        ratio = f"{one.of_keras:.2f}" if one.of_keras else ""
        times = f"{one.p50_ms:.1f} ms | {one.p90_ms:.1f} ms | {one.images_per_second:.0f}"
        print(f"| `{one.file}` | {one.by} | {times} | {ratio} |")


if __name__ == "__main__":
    main()
