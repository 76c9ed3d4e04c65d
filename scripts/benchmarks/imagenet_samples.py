"""Every file of EfficientNet-Lite0 on photographs of ImageNet's classes: accuracy, and agreement with Keras.

python scripts/benchmarks/imagenet_samples.py PICTURES OUT --data-dir DATA

PICTURES has files called WNID_name.jpg; OUT is the bundle, which is written if it is not there. int8 is calibrated, and
its remedies are chosen, on the pictures of another folder (--calibrate), by default on 400 that are made here: 240
random cuts out of the two photographs that come with scikit-learn, and 160 training images of CIFAR-10, which DATA has,
enlarged. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

import cnnref
from cnnref.data import load
from cnnref.pictures import read_picture
from cnnref.runtimes import open_artifact, read_bundle
from cnnref.weights import imagenet_classes

BATCH = 25
#: Of the pictures that are made to calibrate with, and the shortest side of a cut.
CUTS, TRAINING_IMAGES, SIDE, SHORTEST = 240, 160, 256, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pictures", "out"):
        parser.add_argument(name, type=Path)
    for option in ("--data-dir", "--calibrate"):
        parser.add_argument(option, type=Path)
    arguments = parser.parse_args()
    if not arguments.out.exists():
        with tempfile.TemporaryDirectory(prefix="pictures-") as made:
            calibrate = arguments.calibrate or calibration_pictures(Path(made) / "made", arguments.data_dir)
            cnnref.export("efficientnet_lite0", arguments.out, weights="imagenet", calibrate=calibrate)
    bundle = read_bundle(arguments.out)
    for artifact in bundle.runnable():
        if remedy := bundle.document["artifacts"][artifact.name].get("remedy"):
            print(f"{artifact.name}: {remedy}\n")
    identifiers = [identifier for identifier, _ in imagenet_classes()]
    files = sorted(arguments.pictures.glob("n*_*.jpg"))
    images = np.stack([read_picture(file, *bundle.shape, bundle.picture) for file in files])
    labels = np.array([identifiers.index(file.name.partition("_")[0]) for file in files])
    model = cnnref.load(bundle.folder)
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    wanted = np.concatenate([np.asarray(model(batch.astype(np.float32), training=False)) for batch in batches])

    print("| file | size | top-1 | top-5 | same class as Keras | largest difference of a probability |")
    print("|---|---:|---:|---:|---:|---:|")
    report("Keras", "", wanted, wanted, labels)
    for artifact in bundle.runnable():
        runner = open_artifact(bundle, artifact.name)
        found = np.concatenate([runner.run(batch) for batch in batches])
        size = sum(part.bytes for part in bundle.parts(artifact.name).values())
        report(f"`{artifact.name}`", f"{size / 1e6:.2f} MB", found, wanted, labels)


def calibration_pictures(folder: Path, data_dir: Path | None) -> Path:
    """Write pictures that are none of ImageNet's into a folder."""
    folder.mkdir()
    random = np.random.default_rng(0)
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for number in range(CUTS):
        photograph = photographs[number % len(photographs)]
        side = int(random.integers(SHORTEST, min(photograph.size) + 1))
        left, top = (int(random.integers(length - side + 1)) for length in photograph.size)
        enlarged(photograph.crop((left, top, left + side, top + side))).save(folder / f"cut{number:03}.png")
    images = load("cifar10", data_dir).train_images
    chosen = np.sort(random.permutation(len(images))[:TRAINING_IMAGES])
    for number, pixels in enumerate(images[chosen]):
        enlarged(Image.fromarray(pixels)).save(folder / f"training{number:03}.png")
    return folder


def enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def report(name: str, size: str, found: np.ndarray, wanted: np.ndarray, labels: np.ndarray) -> None:
    """One row of the table."""
    best = np.argsort(-found, axis=1, kind="stable")[:, :5]
    hits = best == labels[:, None]
    same = np.mean(best[:, 0] == wanted.argmax(axis=1))
    apart = np.abs(found - wanted).max()
    shares = (hits[:, 0].mean(), hits.any(axis=1).mean(), same)
    print(
        f"| {name} | {size} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + f" | {apart:.1e} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
