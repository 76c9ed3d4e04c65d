"""How much memory it takes to train on a folder of pictures that is larger than memory.

python scripts/benchmarks/folder_memory.py OUT --pictures 100000

Makes a folder of JPEG files in OUT (a few different pictures under many names), trains a network on it for some steps,
and prints the largest resident memory of the process, which the kernel keeps count of, and the size of the cache.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import cnnref
from cnnref.training import recipe_for

#: Pictures that differ; the others are links to them.
DIFFERENT = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--model", default="mobilenet_v3_small")
    arguments = parser.parse_args()
    pictures = arguments.out / "pictures"
    if not pictures.is_dir():
        make_folder(pictures, arguments.pictures, arguments.side)
    recipe = recipe_for(arguments.model, f"folder:{pictures}")
    batches = arguments.pictures * 9 // 10 // arguments.batch
    recipe = replace(
        recipe,
        batch_size=arguments.batch,
        image_size=arguments.side,
        epochs=arguments.steps / batches,
        precision="float32",
    )
    began = time.monotonic()
    cnnref.train(recipe, out=arguments.out / "run", force=True)
    cache = sum(file.stat().st_size for file in (arguments.out / ".pictures").rglob("*.npy"))
    print(
        f"{arguments.pictures:,} pictures of {arguments.side}x{arguments.side}, {arguments.steps} steps of "
        f"{recipe.batch_size} of {arguments.model}: largest resident memory {peak() / 1e9:.2f} GB, cache "
        f"{cache / 1e9:.2f} GB, {time.monotonic() - began:.0f} s."
    )


def make_folder(folder: Path, count: int, side: int) -> None:
    """Two classes; a tenth of the pictures are for the test."""
    random = np.random.default_rng(0)
    contents = []
    for _ in range(min(DIFFERENT, count)):
        small = random.integers(0, 256, (side // 16, side // 16, 3)).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG")
        contents.append(stream.getvalue())
    for number in range(count):
        part, label = ("test" if number % 10 == 0 else "train"), ("even", "odd")[number // 10 % 2]
        place = folder / part / label
        place.mkdir(parents=True, exist_ok=True)
        first = folder / ".different" / f"{number % len(contents)}.jpg"
        if not first.is_file():
            first.parent.mkdir(exist_ok=True)
            first.write_bytes(contents[number % len(contents)])
        os.link(first, place / f"{number:07d}.jpg")


def peak() -> int:
    """The largest resident memory of this process so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kilobytes


if __name__ == "__main__":
    main()
