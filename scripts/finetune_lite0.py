"""Fine-tune EfficientNet-Lite0 on a few pictures of CIFAR-10, beside the same network from fresh weights.

python scripts/finetune_lite0.py OUT --data-dir DATA

Writes PNG files into OUT/pictures (train/ with 100 of each class out of the training set, test/ with 200 out of the
test set), trains from ImageNet's weights and from fresh ones with each seed, prints a Markdown table of the test
accuracies, and exports the first fine-tuned network, whose files it tests. Runs that are finished are not done again.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np

import cnnref
from cnnref.data import Dataset, load
from cnnref.data.augmentation import Augmentation
from cnnref.data.dataset import pick
from cnnref.errors import VerificationError
from cnnref.files import whole_folder
from cnnref.pictures import write_picture
from cnnref.runtimes import accuracy, open_artifact, read_bundle
from cnnref.training import Recipe, Run, recipe_for
from cnnref.training.recipe import FineTuning, Optimizer

#: Seed of the choice of pictures, which is the same in all runs.
CHOICE = 0
#: The peaks of Adam's learning rate, chosen on 200 of the training pictures that were kept aside: 0.0003 out of 0.0001
#: and 0.0003, and for fresh weights 0.003 out of 0.001 and 0.003. No test picture was looked at.
TUNING_RATE, FRESH_RATE = 3e-4, 3e-3
#: Fresh weights learn for so many times the epochs.
LONGER = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--per-class", type=int, default=100, help="Training pictures of each class.")
    parser.add_argument("--test-per-class", type=int, default=200, help="Test pictures of each class.")
    parser.add_argument("--size", type=int, default=96, help="Side in pixels that pictures are resized to.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    pictures = arguments.out / "pictures"
    if not pictures.is_dir():
        write_pictures(load("cifar10", arguments.data_dir), pictures, arguments.per_class, arguments.test_per_class)
    recipe = recipe_of(pictures, arguments.size, arguments.epochs)
    found: dict[str, list[Run]] = {"imagenet": [], "fresh": []}
    for seed in range(arguments.seeds):
        for beginning, runs in found.items():
            runs.append(trained(recipe, beginning, seed, arguments.out))
    print("| begins with | accuracy of each seed | mean | seconds a run |\n|---|---|---:|---:|")
    for beginning, runs in found.items():
        shares = [100 * run.results["test"]["accuracy"] for run in runs]
        seconds = statistics.mean(run.results["seconds"] for run in runs)
        each = ", ".join(f"{share:.1f} %" for share in shares)
        print(f"| {beginning} | {each} | {statistics.mean(shares):.1f} % | {seconds:.0f} |", flush=True)
    test_files(found["imagenet"][0].folder, pictures, arguments.out / "bundle")


def write_pictures(dataset: Dataset, folder: Path, train: int, test: int) -> None:
    """Write some pictures of each class as PNG files, the training and the test part apart."""
    with whole_folder(folder) as place:
        for part, count, images, labels in (
            ("train", train, dataset.train_images, dataset.train_labels),
            ("test", test, dataset.test_images, dataset.test_labels),
        ):
            chosen = pick(labels, np.full(dataset.classes, count), CHOICE)
            for number in np.flatnonzero(chosen):
                write_picture(place / part / dataset.labels[labels[number]] / f"{number:05d}.png", images[number])


def recipe_of(pictures: Path, size: int, epochs: int) -> Recipe:
    """How the network is fine-tuned: two epochs of the classifier alone, then everything."""
    recipe = recipe_for("efficientnet_lite0", f"folder:{pictures}")
    return replace(
        recipe,
        image_size=size,
        epochs=epochs,
        precision="float32",
        augmentation=Augmentation(flip=True, translate=size // 12, border="reflect"),
        optimizer=Optimizer("adam", TUNING_RATE),
        fine_tuning=FineTuning(frozen_epochs=2, head_rate=0.003, keep_statistics=True),
    )


def trained(recipe: Recipe, beginning: str, seed: int, out: Path) -> Run:
    """The run from ImageNet's or from fresh weights; one that is there is finished, or taken as it is."""
    recipe = replace(recipe, seed=seed)
    if beginning == "fresh":
        recipe = replace(recipe, optimizer=Optimizer("adam", FRESH_RATE), epochs=LONGER * recipe.epochs)
    folder = out / f"{beginning}-{seed}"
    resume = Run(folder).recipe.is_file()
    return cnnref.train(recipe, out=folder, weights="imagenet" if beginning == "imagenet" else None, resume=resume)


def test_files(run: Path, pictures: Path, folder: Path) -> None:
    """Export a run, and test every file on the test pictures; the training pictures calibrate int8."""
    try:
        cnnref.export(run, folder, dataset=f"folder:{pictures}", force=True)
    except VerificationError as error:  # what has failed its check is put aside, and the others are there
        print(f"\n{error}")
    bundle = read_bundle(folder)
    test = load(f"folder:{pictures}", image_shape=bundle.shape)
    print("\n| file | accuracy |\n|---|---:|")
    for artifact in bundle.runnable():
        share = accuracy(open_artifact(bundle, artifact.name), test.test_images, test.test_labels)
        print(f"| `{artifact.name}` | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
