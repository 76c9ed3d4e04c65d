"""What integers cost the networks that are known to lose by them, in the usual way and with the remedy of the export.

python scripts/benchmarks/integers.py --data-dir ~/datasets --runs runs squeezenet mobilenet_v3 convnext

It trains each network on CIFAR-10 for a few epochs, unless its run folder is there already, writes its int8 files, and
prints a row for each format: the accuracy on the test images in float32, in the usual way, and as `cnnref export`
writes the file, with the bytes of the two and what was done. What is done is chosen on training images.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cnnref
from cnnref.data.augmentation import Augmentation
from cnnref.exporters.calibration import PLAIN
from cnnref.exporters.contract import contract_of
from cnnref.exporters.options import ExportOptions
from cnnref.exporters.precisions import KINDS
from cnnref.exporters.remedies import Remedy, Trial, with_remedy
from cnnref.exporters.samples import export_data_for
from cnnref.exporters.source import find_source
from cnnref.exporters.writers import Writer
from cnnref.training.recipe import LowResolution, Optimizer, Recipe, Schedule

AUGMENTATION, SCHEDULE = Augmentation(flip=True, translate=4, border="reflect"), Schedule(warmup=0.2)


def recipe(model: str, epochs: float, optimizer: Optimizer, *, batch_size: int = 128, **more: Any) -> Recipe:
    """A short run on CIFAR-10."""
    given = {"augmentation": AUGMENTATION, "optimizer": optimizer, "schedule": SCHEDULE, **more}
    return Recipe(f"{model}-cifar10", model, "cifar10", epochs, batch_size, **given)


def sgd(rate: float) -> Optimizer:
    return Optimizer("sgd", rate, weight_decay=0.0005)


#: The epochs are what a budget of 7 to 11 minutes on one thread gave, beside other work; the three epochs of ShuffleNet
#: took 35 minutes on a machine that was busier.
RECIPES = {
    "squeezenet": recipe(
        "squeezenet1_1_cifar",
        22.099,
        Optimizer("adamw", 0.001, weight_decay=0.01),
        precision="auto",
        low_resolution=LowResolution(16, 0.3),
    ),
    "mobilenet_v3": recipe("mobilenet_v3_small_cifar", 4.151, sgd(0.15), low_resolution=LowResolution(16, 0.7)),
    "shufflenet": recipe(
        "shufflenet_v2_x1_0_cifar", 3.0, sgd(0.1), batch_size=64, low_resolution=LowResolution(16, 0.85)
    ),
    "convnext": recipe(
        "convnext_tiny_cifar",
        3.512,
        Optimizer("adamw", 0.003, weight_decay=0.05),
        low_resolution=LowResolution(16, 0.5),
        options={"width": 0.25, "drop": 0.0},
    ),
    "densenet": recipe("densenet121", 4.2, sgd(0.1), precision="auto"),
}


def rows(run: Path, data_dir: Path | None) -> Iterator[str]:
    """The rows of one network."""
    source, options = find_source(str(run)), ExportOptions(data_dir=data_dir)
    contract = contract_of(source.model, source.name, source.labels, source.provenance)
    data = export_data_for(source, contract, options)
    assert data.test_set is not None
    writer = Writer(source.model, contract, options, data.calibration, data.trial)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("onnx", "tflite"):
            whole, integers = (
                next(kind for kind in KINDS if (kind.format, kind.precision) == (name, precision))
                for precision in ("float32", "int8")
            )
            writer.write(Path(folder), [whole], lambda _: None, on_noise=False)
            make, trial = writer.integers(integers), writer.trial_of(integers, Path(folder))
            plain = make(PLAIN)
            content, remedy = with_remedy(make, trial, integers.entry(source.model, on_noise=False)["points"])
            assert trial is not None
            yield row(source.name, name, replace(trial, images=data.test_set), (plain, content), remedy)


def row(name: str, form: str, tested: Trial, files: tuple[bytes, bytes], remedy: Remedy | None) -> str:
    """One file as a row of Markdown."""
    right = {content: 100 * tested.right(content).mean() for content in {tested.floats, *files}}
    exact, plain, held = (right[content] for content in (tested.floats, *files))
    done = "nothing" if remedy is None else words(remedy)
    sizes = " | ".join(f"{len(content):,}" for content in files)
    return f"| {name} | {form} | {exact:.2f} % | {plain:.2f} % | {held:.2f} % | {exact - held:.2f} | {sizes} | {done} |"


def words(remedy: Remedy) -> str:
    """What was done to a file."""
    biases = "corrected biases" * remedy.plan.corrected
    ranges = "ranges of least error" * remedy.plan.least_error
    floats = f"{len(remedy.plan.in_floats)} tensors in floats" if remedy.plan.in_floats else ""
    return ", ".join(filter(None, (biases, ranges, floats)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What integers cost, in the usual way and with the remedy.")
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], help="By default all.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="Where run folders are, or are made.")
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    print("| network | file | float32 | usual way | exported | points lost | bytes | exported | what was done |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for chosen in given.names or RECIPES:
        folder = given.runs / f"{chosen}-cifar10"
        if not (folder / "results.json").is_file():
            cnnref.train(RECIPES[chosen], given.data_dir, folder)
        for line in rows(folder, given.data_dir):
            print(line, flush=True)
