"""Classify pictures with the .onnx file of a bundle. Needs: pip install onnxruntime numpy pillow

python classify_onnxruntime.py BUNDLE PICTURE... [--model model.int8.onnx]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
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
    parser.add_argument("--model", default="model.onnx", help="another .onnx file of the bundle")
    arguments = parser.parse_args()

    try:
        rule = json.loads((arguments.bundle / "bundle.json").read_bytes())["picture"]
        how = (rule.get("shorter_side"), rule.get("interpolation", "bilinear"))
        labels = (arguments.bundle / "labels.txt").read_text(encoding="utf-8").splitlines()
        session = onnxruntime.InferenceSession(arguments.bundle / arguments.model, providers=["CPUExecutionProvider"])
        image = session.get_inputs()[0]
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        sys.exit(f"{arguments.bundle} cannot be run; give the folder of a bundle that has {arguments.model} ({error}).")
    channels_first = image.shape[3] not in (1, 3)
    channels, height, width = image.shape[1:] if channels_first else (image.shape[3], *image.shape[1:3])

    for path in arguments.pictures:
        try:
            pixels = read_picture(path, height, width, channels, *how)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            sys.exit(f"{path} is not a picture that can be read ({error}).")
        if channels_first:
            pixels = pixels.transpose(2, 0, 1)
        feed = pixels[np.newaxis].astype(np.uint8 if image.type == "tensor(uint8)" else np.float32)
        probabilities = session.run(["probabilities"], {"image": feed})[0][0]
        if len(probabilities) == 1 and len(labels) == 2:  # one output answers yes or no
            probabilities = np.array([1 - probabilities[0], probabilities[0]])
        best = probabilities.argmax()
        print(f"{path}\t{labels[best]}\t{probabilities[best]:.6f}")


if __name__ == "__main__":
    main()
