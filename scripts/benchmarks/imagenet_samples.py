"""Every file of EfficientNet-Lite0 on photographs of ImageNet's classes: accuracy, and agreement with Keras.

python scripts/benchmarks/imagenet_samples.py PICTURES CALIBRATION OUT

PICTURES has files called WNID_name.jpg; CALIBRATION is a folder of other pictures, which set the ranges of int8; OUT is
where the bundle is written. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import cnnref
from cnnref.pictures import read_picture
from cnnref.runtimes import open_artifact
from cnnref.weights import imagenet_classes

BATCH = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pictures", "calibration", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    bundle = cnnref.export(
        "efficientnet_lite0", arguments.out, weights="imagenet", calibrate=arguments.calibration, force=True
    )
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
