"""Picture files to pixels and back: the one place that decides how a file becomes the input of a network."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .centring import centred
from .errors import InputError
from .files import named, read_regular, write_whole

if TYPE_CHECKING:
    from PIL import Image

#: Two of the filters that Pillow resizes with, by the names that torchvision and timm have for them.
INTERPOLATIONS = ("bilinear", "bicubic")


@dataclass(frozen=True)
class PictureRule:
    """What is done to the size of a picture before a network sees it.

    Attributes:
        shorter_side: Pixels that the shorter side is resized to before the middle is cropped, as ImageNet's networks
            are evaluated (torchvision: Resize, CenterCrop); None to crop the largest middle part and to resize that.
        interpolation: "bilinear" or "bicubic", with antialiasing.
        ink_box: Pixels of the longer side of a digit in a gray picture, which is found, turned light on dark, and
            centred by its mass (see `centring.centred`), in place of the rest; None to do without. Pictures without
            ink, and in colour, are cropped and resized as the rest says.

    Raises:
        InputError: there is no such interpolation, or the side or the box is not positive.
    """

    shorter_side: int | None = None
    interpolation: str = "bilinear"
    ink_box: int | None = None

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise InputError(f"There is no interpolation {self.interpolation!r}; choose one of {known}.")
        for what, side in (("shorter side", self.shorter_side), ("box of the ink", self.ink_box)):
            if side is not None and (type(side) is not int or side < 1):
                raise InputError(f"The {what} is {side!r}; give a positive whole number of pixels.")

    def to_json(self) -> dict[str, Any]:
        """The rule for a bundle: in words, so that others can do the same, and in numbers for programs."""
        if self.shorter_side is None:
            size = {
                "crop": "the largest centred rectangle with the aspect ratio of the input",
                "resize": (
                    f"{self.interpolation} with antialiasing (Pillow's {self.interpolation.upper()}); a picture of the "
                    "right size is not resampled"
                ),
            }
        else:
            size = {
                "resize": (
                    f"the shorter side to {self.shorter_side} pixels, {self.interpolation} with antialiasing (Pillow's "
                    f"{self.interpolation.upper()}), the longer side in proportion, rounded down"
                ),
                "crop": "then the centred rectangle of the size of the input",
            }
        rule = {**READING, **size, "shorter_side": self.shorter_side, "interpolation": self.interpolation}
        if self.ink_box is not None:
            rule |= {"centring": CENTRING.format(box=self.ink_box), "ink_box": self.ink_box}
        return rule

    def without_centring(self) -> PictureRule:
        """The same rule for pictures that are to be taken as they are."""
        return replace(self, ink_box=None)


#: What is done to every picture, whatever its size.
READING: dict[str, str] = {
    "orientation": "the first frame of the file, turned upright as its EXIF orientation says",
    "transparency": "composited on white",
    "color": (
        "RGB, or grayscale with ITU-R 601 weights (0.299 red, 0.587 green, 0.114 blue); 16-bit values are "
        "divided by 257, floats are taken as 0..1 or else as 0..255; colour profiles are not applied"
    ),
}

#: What is done to a gray picture in place of `crop` and `resize` where the rule has an `ink_box`.
CENTRING = (
    "in place of crop and resize, for a picture that is not of one value: Otsu's threshold divides it into background "
    "and ink; where most pixels of the edge are light, the picture is turned into its negative; if it then has the "
    "size of the input, all that is not black fits into {box}x{box} pixels and its centre of mass is within a pixel "
    "of the middle, it is left so; otherwise the mean of the background becomes 0 and that of the ink 255, the "
    "smallest rectangle with all ink is resized until its longer side has {box} pixels, and is put on black with its "
    "centre of mass in the middle"
)

#: How pictures are read where nothing else is said.
USUAL = PictureRule()

#: The formats that are read. Pillow knows more: some start other programs (EPS), and some are not pictures.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: How the names of files in these formats end, in lower case; a folder is searched for them.
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

#: Bytes of the largest file that is read as a picture, and of the largest picture in memory: 89 million pixels in RGBA.
LARGEST_FILE, LARGEST_DECODED = 256 << 20, 360_000_000

#: Scans of a progressive JPEG file; encoders write about ten, and each is decoded over the whole picture.
MOST_SCANS = 200


def read_picture(source: Path | bytes, height: int, width: int, channels: int, rule: PictureRule = USUAL) -> np.ndarray:
    """Read a picture as a network sees it.

    Args:
        source: the file, or its bytes.
        height, width: size of the result in pixels.
        channels: 1 for grayscale, 3 for RGB.
        rule: how it comes to that size.

    Returns:
        uint8 [height, width, channels], values 0..255.

    Raises:
        InputError: the file is missing, empty, cut short, not a picture or too large; or the wanted shape is not
            possible.
    """
    check_shape(height, width, channels)
    image = _open(source)
    image = _sized(image.convert("L" if channels == 1 else "RGB"), height, width, rule)
    return np.array(image, np.uint8).reshape(height, width, channels)


def check_shape(height: int, width: int, channels: int) -> None:
    """Raise InputError for a shape that no picture can be read as."""
    if channels not in (1, 3) or height < 1 or width < 1:
        raise InputError(
            f"A picture cannot be read as {height}x{width}x{channels}: "
            "height and width are at least 1, channels is 1 (grayscale) or 3 (RGB)."
        )


def picture_files(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that are named, and the pictures in folders that are named, however deep, sorted by their paths.

    A name is taken as it is; in a folder the ending decides, and what begins with a dot is left alone.

    Raises:
        InputError: nothing is named, or a folder has no picture.
    """
    files: list[Path] = []
    several = isinstance(given, Iterable) and not isinstance(given, str) and not hasattr(given, "shape")  # no array
    names: Iterable[object] = given if several and isinstance(given, Iterable) else [given]
    for name in names:
        place = Path(named(name, "A picture"))
        if not place.is_dir():
            files.append(place)
            continue
        inside = (path.relative_to(place) for path in sorted(place.rglob("*")) if path.suffix.lower() in SUFFIXES)
        shown = [place / path for path in inside if not any(part.startswith(".") for part in path.parts)]
        found = [path for path in shown if not path.is_dir()]
        if not found:
            raise InputError(f"{place} holds no picture ({', '.join(SUFFIXES)}); name another folder, or files.")
        files += found
    if not files:
        raise InputError("no pictures were given; name one or more picture files.")
    return files


def _sized(image: Image.Image, height: int, width: int, rule: PictureRule) -> Image.Image:
    """A picture of the wanted size, as the rule says."""
    from PIL import Image

    interpolation = Image.Resampling[rule.interpolation.upper()]
    if rule.ink_box is not None and image.mode == "L":
        found = centred(np.asarray(image), height, width, rule.ink_box, interpolation)
        if found is not None:
            return Image.fromarray(found)
    if rule.shorter_side is None:
        image = image.crop(_centre_box(image.width, image.height, width, height))
        return image if image.size == (width, height) else image.resize((width, height), interpolation)
    # The side of the input where that is larger: a part of nothing is never cropped.
    size = resized(image.width, image.height, max(rule.shorter_side, height, width))
    limit = Image.MAX_IMAGE_PIXELS or 0
    if size[0] * size[1] > limit:
        raise InputError(
            f"A picture of {image.width}x{image.height} pixels would have {size[0]}x{size[1]} when its shorter side is "
            f"resized, which is more than {limit:,}; crop it first."
        )
    if image.size != size:
        image = image.resize(size, interpolation)
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)  # as torchvision rounds
    return image.crop((left, top, left + width, top + height))


def resized(width: int, height: int, shorter_side: int) -> tuple[int, int]:
    """Width and height of a picture whose shorter side is resized to a number of pixels."""
    if width <= height:
        return shorter_side, shorter_side * height // width
    return shorter_side * width // height, shorter_side


def resize_pictures(images: np.ndarray, height: int, width: int, rule: PictureRule = USUAL) -> np.ndarray:
    """Pictures in another size, each as `read_picture` would have read it.

    Args:
        images: uint8 [n, h, w, 1 or 3].
        height, width: size of the result in pixels.
        rule: how they come to that size.

    Returns:
        uint8 [n, height, width, 1 or 3].
    """
    from PIL import Image

    found = np.empty((len(images), height, width, images.shape[3]), np.uint8)
    for place, image in zip(found, images, strict=True):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        place[:] = np.asarray(_sized(picture, height, width, rule)).reshape(place.shape)
    return found


def picture_size(source: Path | bytes) -> tuple[int, int]:
    """Height and width in pixels of a picture after it was turned upright. Raises what `read_picture` raises."""
    image = _open(source)
    return image.height, image.width


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write uint8 [height, width, 1 or 3] as a PNG file; a failure leaves no half-written file."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
        raise InputError(
            f"{path} cannot be written: a picture is uint8 [height, width, 1 or 3], "
            f"and this array is {image.dtype} {list(image.shape)}."
        )
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(buffer, format="PNG")
    write_whole(path, buffer.getvalue())


def _open(source: Path | bytes) -> Image.Image:
    """Decode the first frame: upright, 8 bits a value, nothing transparent, mode L or RGB."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    name, content = _content(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as file:
                _refuse_size(file, name, content)
                file.load()
                image = _opaque(_to_8_bits(ImageOps.exif_transpose(file), name))
                # A mode without a conversion to RGB (CIE L*a*b*) fails here, where the message has the file's name.
                return image if image.mode in ("L", "RGB") else image.convert("RGB")
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is not a picture ({', '.join(FORMATS)} are read).") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = Image.MAX_IMAGE_PIXELS or 0
        raise InputError(f"{name} has more than {limit:,} pixels, too many to be safely opened.") from None
    except Exception as error:  # Decoders raise almost any exception when a file is damaged.
        raise InputError(f"{name} is damaged or cut short, and cannot be read as a picture ({error}).") from error


def _content(source: Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        name, content = f"The picture of {len(source):,} bytes", source
    else:
        name = str(source)
        try:
            content = read_regular(Path(source), LARGEST_FILE, "picture")
        except OSError as error:
            raise InputError(f"{name} cannot be read as a picture ({error.strerror or error}).") from None
    if not content:
        raise InputError(f"{name} is empty, so it is not a picture.")
    return name, content


def _refuse_size(file: Image.Image, name: str, content: bytes) -> None:
    """Raise if decoding the picture would take more memory or time than any photo does; its header alone is known."""
    a_value = 8 if file.mode == "F" or file.mode.startswith("I") else 1  # `_to_8_bits` computes with float64
    bands = 4 if file.mode == "P" or file.has_transparency_data else len(file.getbands())
    if (needed := file.width * file.height * bands * a_value) > LARGEST_DECODED:
        raise InputError(
            f"{name} has {file.width}x{file.height} pixels of {bands * a_value} bytes, {needed:,} in all; pictures "
            f"of up to {LARGEST_DECODED:,} bytes are read."
        )
    # Pillow calls a JPEG file with a list of further pictures MPO, and opens it where JPEG files are.
    if file.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > MOST_SCANS:
        raise InputError(
            f"{name} is a JPEG file with more than {MOST_SCANS} scans, which would take minutes to decode."
        )


def _to_8_bits(image: Image.Image, name: str) -> Image.Image:
    """16-bit and float pictures as mode L. Pillow's own conversion would clip every value over 255."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    from PIL import Image

    values = np.asarray(image, np.float64)
    low, high = values.min(), values.max()
    if image.mode == "F":
        top = 1.0 if high <= 1 else 255.0
    else:
        top = 65_535.0
        if isinstance(transparent := image.info.get("transparency"), int):
            values = np.where(values == transparent, top, values)  # becomes white, as `READING` says
    if not (low >= 0 and high <= top):  # also true of NaN
        raise InputError(
            f"{name} holds values from {low:g} to {high:g}; "
            "whole numbers are read from 0..65,535, floats from 0..1 or 0..255."
        )
    return Image.fromarray(np.rint(values * (255 / top)).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    from PIL import Image

    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _centre_box(width: int, height: int, wanted_width: int, wanted_height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the largest centred box with the wanted aspect ratio."""
    box_width = min(width, max(1, round(height * wanted_width / wanted_height)))
    box_height = min(height, max(1, round(width * wanted_height / wanted_width)))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height
