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
    path: str,
    height: int,
    width: int,
    channels: int,
    side: int | None = None,
    interpolation: str = "bilinear",
    ink_box: int | None = None,
) -> np.ndarray:
    """uint8 [height, width, channels]: upright, on white, gray or RGB, and the middle in that size.

    `side`: pixels that the shorter side is resized to before the middle is cropped; None crops first and resizes then.
    `ink_box`: a digit in a gray picture is centred as MNIST's are, see `centred`; None takes the picture as it is.
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
    gray = np.asarray(picture)
    if ink_box and channels == 1 and gray.min() < gray.max():
        return centred(gray, height, width, ink_box, method).reshape(height, width, 1)
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


def centred(gray: np.ndarray, height: int, width: int, box: int, method: Image.Resampling) -> np.ndarray:
    """The ink of a picture, light on dark, in a box, its centre of mass in the middle: `centring` in bundle.json."""
    pixels = np.bincount(gray.ravel(), minlength=256)  # Otsu's threshold between background and ink
    count, total = (np.cumsum(pixels * by)[:-1].astype(float) for by in (1, np.arange(256)))
    apart = float((pixels * np.arange(256)).sum()) * count - total * gray.size
    inside = (count > 0) & (count < gray.size)
    limit = np.where(inside, apart * apart / np.where(inside, count * (gray.size - count), 1), -1).argmax()
    edge = np.concatenate([gray[0], gray[-1], gray[1:-1, 0], gray[1:-1, -1]])
    if 2 * (edge > limit).sum() > edge.size:  # dark on light
        gray, limit = 255 - gray, 254 - limit

    def span(there: np.ndarray) -> slice:
        found = np.flatnonzero(there)
        return slice(found[0], found[-1] + 1)

    def mass_and_moment(values: np.ndarray, axis: int) -> tuple[int, int]:
        weights = values.sum(axis=1 - axis, dtype=np.int64)
        return int(weights.sum()), int((weights * np.arange(len(weights))).sum())

    if gray.shape == (height, width):  # as MNIST's own are, it stays so
        spans = [span(gray.any(axis=1)), span(gray.any(axis=0))]
        masses = [mass_and_moment(gray, axis) for axis in (0, 1)]
        near = (abs(2 * b + a - n * a) <= 2 * a for (a, b), n in zip(masses, gray.shape, strict=True))
        if all(one.stop - one.start <= box for one in spans) and all(near):
            return gray
    ink = gray > limit
    low, high = ((2 * int(part.sum()) + part.size) // (2 * part.size) for part in (gray[~ink], gray[ink]))
    stretched = np.clip((gray.astype(np.int64) - low) * 255 // (high - low), 0, 255).astype(np.uint8)
    cut = stretched[span(ink.any(axis=1)), span(ink.any(axis=0))]
    box, longer = min(box, height, width), max(cut.shape)
    rows, columns = (max(1, (2 * box * side + longer) // (2 * longer)) for side in cut.shape)
    if cut.shape != (rows, columns):
        cut = np.asarray(Image.fromarray(cut).resize((columns, rows), method))
    found = np.zeros((height, width), np.uint8)
    starts = []
    for axis, (whole, side) in enumerate(zip((height, width), cut.shape, strict=True)):
        mass, moment = mass_and_moment(cut, axis)
        starts.append(min(max((whole * mass - 2 * moment) // (2 * mass), 0), whole - side))
    found[starts[0] : starts[0] + rows, starts[1] : starts[1] + columns] = cut
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the most probable class of each picture and its probability.")
    parser.add_argument("bundle", type=Path, help="the folder that an export wrote")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--model", default="model.onnx", help="another .onnx file of the bundle")
    parser.add_argument("--no-centre", action="store_true", help="take digits as they are, light on dark")
    arguments = parser.parse_args()

    try:
        rule = json.loads((arguments.bundle / "bundle.json").read_bytes())["picture"]
        box = None if arguments.no_centre else rule.get("ink_box")
        how = (rule.get("shorter_side"), rule.get("interpolation", "bilinear"), box)
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
