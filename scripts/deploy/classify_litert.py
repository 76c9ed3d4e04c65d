"""Classify pictures with the .tflite file of a bundle. Needs: pip install ai-edge-litert numpy pillow

python classify_litert.py BUNDLE PICTURE... [--model model.int8.tflite]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps


def read_picture(
    path: str, height: int, width: int, channels: int, side: int | None = None, interpolation: str = "bilinear"
) -> np.ndarray:
    """uint8 [height, width, channels]: upright, on white, gray or RGB, and the middle in that size.

    `side`: pixels that the shorter side is resized to before the middle is cropped; None crops first and resizes then.
    """
    with Image.open(path, formats=("BMP", "GIF", "JPEG", "PNG", "WEBP")) as file:
        picture = ImageOps.exif_transpose(file)
    if picture.mode.startswith("I"):  # 16 bits a pixel
        picture = Image.fromarray(np.rint(np.asarray(picture) / 257).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("L" if channels == 1 else "RGB")
    method = Image.Resampling[interpolation.upper()]
    if side is None:
        w = min(picture.width, max(1, round(picture.height * width / height)))
        h = min(picture.height, max(1, round(picture.width * height / width)))
        left, top = (picture.width - w) // 2, (picture.height - h) // 2
        picture = picture.crop((left, top, left + w, top + h))
        size = (width, height)
    else:
        side = max(side, height, width)
        shorter = min(picture.size)
        size = (side * picture.width // shorter, side * picture.height // shorter)
    if picture.size != size:
        picture = picture.resize(size, method)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    picture = picture.crop((left, top, left + width, top + height))
    return np.asarray(picture).reshape(height, width, channels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the most probable class of each picture and its probability.")
    parser.add_argument("bundle", type=Path, help="the folder that an export wrote")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--model", default="model.tflite", help="another .tflite file of the bundle")
    arguments = parser.parse_args()

    try:
        rule = json.loads((arguments.bundle / "bundle.json").read_bytes())["picture"]
        how = (rule.get("shorter_side"), rule.get("interpolation", "bilinear"))
        labels = (arguments.bundle / "labels.txt").read_text(encoding="utf-8").splitlines()
        run = Interpreter(str(arguments.bundle / arguments.model)).get_signature_runner("serving_default")
        image, output = run.get_input_details()["image"], run.get_output_details()["probabilities"]
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        sys.exit(f"{arguments.bundle} cannot be run; give the folder of a bundle that has {arguments.model} ({error}).")

    for path in arguments.pictures:
        try:
            feed = read_picture(path, *image["shape"][1:], *how)[np.newaxis]
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            sys.exit(f"{path} is not a picture that can be read ({error}).")
        scale, zero_point = image["quantization"]
        if scale:  # an integer input that stands for (value - zero_point) * scale
            limits = np.iinfo(image["dtype"])
            feed = np.clip(np.rint(feed / scale + zero_point), limits.min, limits.max)
        probabilities = run(image=feed.astype(image["dtype"]))["probabilities"][0]
        scale, zero_point = output["quantization"]
        if scale:
            probabilities = (probabilities.astype(np.float32) - zero_point) * scale
        if len(probabilities) == 1 and len(labels) == 2:  # one output answers yes or no
            probabilities = np.array([1 - probabilities[0], probabilities[0]])
        best = probabilities.argmax()
        print(f"{path}\t{labels[best]}\t{probabilities[best]:.6f}")


if __name__ == "__main__":
    main()
