"""ImageNet's validation set as it is published: the files with their classes, which are read one after the other.

    DIR/n01440764/*.JPEG ...                                   one folder a class (or DIR/val/...)
    DIR/*.JPEG and val.txt                                     Caffe's list: "ILSVRC2012_val_00000001.JPEG 65"
    DIR/*.JPEG and LOC_val_solution.csv                        Kaggle's: "ILSVRC2012_val_00000001,n01751748 111 108 ..."
    DIR/*.JPEG and imagenet_2012_validation_synset_labels.txt  TensorFlow's: one identifier a line, in the files' order
    DIR/*.JPEG and ILSVRC2012_validation_ground_truth.txt      the development kit's: one number a line, in the files'
                                                               order; meta.mat beside it has their identifiers

The classes are counted in the order of WordNet's identifiers, as all networks do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import DatasetError, printable
from ..files import read_regular, read_text

NAMES = ("imagenet", "imagenet1k", "ilsvrc2012")
ENDINGS = (".jpeg", ".jpg", ".png")
#: The folder of the development kit, and bytes of the largest meta.mat that is read; the published one has 50,000.
KIT, LARGEST_META = "ILSVRC2012_devkit_t12", 16 << 20

Pictures = list[tuple[Path, int]]


def validation_pictures(folder: Path, identifiers: Sequence[str]) -> Pictures:
    """Every picture of the validation set with its class, ordered by file.

    Args:
        folder: one of the layouts above.
        identifiers: WordNet's identifier of each class, in the order of the classes.

    Raises:
        DatasetError: the folder has none of the layouts, or a picture that is listed is missing.
    """
    classes = {identifier: index for index, identifier in enumerate(identifiers)}
    for place in (folder, folder / "val", folder / "validation"):
        if found := _by_folders(place, classes) or _flat(place, classes):
            return found
    raise DatasetError(
        f"{folder} has no validation set of ImageNet: give a folder with one sub-folder of pictures for each class, "
        f"named by its identifier ({identifiers[0]}), or with the pictures and one of {', '.join(LISTS)}."
    )


def _by_folders(folder: Path, classes: dict[str, int]) -> Pictures:
    """One folder a class."""
    if not folder.is_dir():
        return []
    named = sorted(path for path in folder.iterdir() if path.name in classes and path.is_dir())
    return [(path, classes[inside.name]) for inside in named for path in _pictures(inside)]


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


def _flat(folder: Path, classes: dict[str, int]) -> Pictures:
    """All pictures in one folder, and a list of their classes in it, beside it, or in the development kit there."""
    for place in (folder, folder.parent, *(near / KIT / "data" for near in (folder, folder.parent))):
        for name, read in LISTS.items():
            if folder.is_dir() and (place / name).is_file():
                try:
                    return read(place / name, folder, classes)
                except (OSError, ValueError, KeyError, IndexError) as error:
                    raise DatasetError(f"{place / name} is no list of ImageNet's classes ({error}).") from None
    return []


def _of_caffe(path: Path, folder: Path, classes: dict[str, int]) -> Pictures:
    rows = [line.split() for line in read_text(path, "list").splitlines() if line.strip()]
    known = set(classes.values())
    if wrong := next((index for _, index in rows if int(index) not in known), None):
        raise ValueError(f"there is no class {wrong}")
    return sorted((_listed(folder / Path(name).name), int(index)) for name, index in rows)


def _of_kaggle(path: Path, folder: Path, classes: dict[str, int]) -> Pictures:
    rows = [row for row in csv.reader(io.StringIO(read_text(path, "list"))) if row and row[0] != "ImageId"]
    return sorted((_listed(folder / f"{name}.JPEG"), classes[told.split()[0]]) for name, told in rows)


def _of_tensorflow(path: Path, folder: Path, classes: dict[str, int]) -> Pictures:
    identifiers = read_text(path, "list").split()
    files = _pictures(folder)
    if len(files) != len(identifiers):
        raise ValueError(f"it has {len(identifiers):,} lines, and there are {len(files):,} pictures")
    return [(file, classes[identifier]) for file, identifier in zip(files, identifiers, strict=True)]


def _of_development_kit(path: Path, folder: Path, classes: dict[str, int]) -> Pictures:
    numbers, files = [int(line) for line in read_text(path, "list").split()], _pictures(folder)
    if len(files) != len(numbers):
        raise ValueError(f"it has {len(numbers):,} lines, and there are {len(files):,} pictures")
    identifiers = _identifiers_by_number(path.with_name("meta.mat"))
    if wrong := next((number for number in numbers if number not in identifiers), None):
        raise ValueError(f"meta.mat has no class number {wrong}")
    return [(file, classes[identifiers[number]]) for file, number in zip(files, numbers, strict=True)]


def _identifiers_by_number(path: Path) -> dict[int, str]:
    """WordNet's identifier by the number ILSVRC2012_ID, from the table of synsets in the kit's meta.mat.

    The numbers are in another order than the identifiers, and no other file of the kit has both.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise ValueError(f"its numbers are in an order of the kit's own, so put {path.name} of the kit beside it")
    content = io.BytesIO(read_regular(path, LARGEST_META, "meta.mat"))
    try:
        rows = loadmat(content, squeeze_me=True, variable_names=["synsets"])["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows}
    except Exception as error:  # scipy raises almost anything when a file is damaged
        raise ValueError(f"{path.name} beside it is damaged: {printable(str(error))}") from None


def _listed(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"the picture {path} is missing")
    return path


LISTS: dict[str, Callable[[Path, Path, dict[str, int]], Pictures]] = {
    "val.txt": _of_caffe,
    "LOC_val_solution.csv": _of_kaggle,
    "imagenet_2012_validation_synset_labels.txt": _of_tensorflow,
    "ILSVRC2012_validation_ground_truth.txt": _of_development_kit,
}
