"""A data set of one's own: a folder with one sub-folder of pictures for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import DatasetError, InputError
from ..pictures import picture_size, read_picture
from .dataset import Dataset, a_fifth, pick

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")
#: Names of the sub-folder with the test part, the first that is there.
TEST_NAMES = ("test", "val")
#: Seed of the division where the folder has no division of its own.
SPLIT_SEED = 0


def read_folder(path: Path, image_shape: tuple[int, int, int] | None) -> Dataset:
    """Read a folder of pictures; the sorted names of the sub-folders are the labels.

    With train/ and test/ (or val/) inside, these are the two parts; otherwise a fifth of each class, chosen
    with a fixed seed, is the test part. Files and folders whose name begins with a dot are passed over.

    Args:
        path: the folder.
        image_shape: height, width and channels that every picture is read as (see `pictures.RULE`); None
            takes the size of the first picture, in RGB.

    Raises:
        InputError: a picture cannot be read, or the image shape makes no sense.
        DatasetError: the folder is not laid out as above, or a class has too few pictures.
    """
    if not path.is_dir():
        raise DatasetError(f"{path} is not a folder; folder:PATH takes a folder with one sub-folder a class.")
    train_path, test_path = _parts(path)
    train = _classes(train_path, at_least=2)
    shape = image_shape or (*picture_size(train[min(train)][0]), 3)
    labels = tuple(train)
    if test_path is None:
        images, targets = _read(train, labels, shape)
        held = pick(targets, a_fifth(np.bincount(targets)), SPLIT_SEED)
        train_images, train_labels = images[~held], targets[~held]
        test_images, test_labels = images[held], targets[held]
    else:
        test = _classes(test_path, at_least=1)
        if odd := sorted(test.keys() ^ train.keys()):
            raise DatasetError(
                f"{train_path} and {test_path} must hold the same classes; only one has {', '.join(odd)}."
            )
        train_images, train_labels = _read(train, labels, shape)
        test_images, test_labels = _read(test, labels, shape)
    return Dataset(
        name=f"folder:{path}",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        labels=labels,
        source=str(path),
    )


def _parts(path: Path) -> tuple[Path, Path | None]:
    """The folders of the training and the test part; the latter is None where there is no division."""
    test = next((path / name for name in TEST_NAMES if (path / name).is_dir()), None)
    if (path / "train").is_dir() and test is not None:
        return path / "train", test
    return path, None


def _classes(path: Path, at_least: int) -> dict[str, list[Path]]:
    """Pictures of each class, sorted by name."""
    entries = _visible(path)
    if stray := [entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.is_dir()]:
        raise DatasetError(f"{stray[0]} is in no class; put it into the sub-folder of its class.")
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) < 2:
        raise DatasetError(
            f"{path} has {len(folders) or 'no'} class folder{'s' * (not folders)}; "
            "it needs one sub-folder of pictures for each of at least two classes."
        )
    classes = {}
    for folder in folders:
        pictures = _visible(folder)
        for picture in pictures:
            if picture.is_dir() or picture.suffix.lower() not in SUFFIXES:
                raise DatasetError(f"{picture} is no picture; a class folder holds {', '.join(SUFFIXES)} files only.")
        if len(pictures) < at_least:
            raise DatasetError(
                f"{folder} holds {len(pictures) or 'no'} picture{'s' * (len(pictures) != 1)}; "
                f"a class needs at least {at_least}."
            )
        classes[folder.name] = pictures
    return classes


def _visible(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))


def _read(
    classes: dict[str, list[Path]], labels: tuple[str, ...], shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, *shape] and labels [n], class after class."""
    counts = [len(classes[label]) for label in labels]
    try:
        images = np.empty((sum(counts), *shape), np.uint8)
    except (MemoryError, ValueError) as error:
        raise InputError(
            f"{sum(counts):,} pictures of shape {list(shape)} cannot be held in memory ({error})."
        ) from None
    pictures = (picture for label in labels for picture in classes[label])
    for place, picture in zip(images, pictures, strict=True):
        place[:] = read_picture(picture, *shape)
    return images, np.repeat(np.arange(len(labels), dtype=np.int64), counts)
