"""A data set made of your own pictures: a folder with one sub-folder for each class."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import DatasetError, InputError, printable
from ..files import cache_folder, sha256_of
from ..pictures import LARGEST_FILE, SUFFIXES, USUAL, PictureRule, picture_size
from ..stored_pictures import ImageSource
from .dataset import Dataset
from .decoding import in_memory, listed, unreadable
from .picture_cache import Divided, Part, cached_pictures

#: Files that Windows creates in folders of pictures, in lower case.
WINDOWS_FILES = ("thumbs.db", "desktop.ini")
#: Possible names of the folder of the test part; exactly one of them must be beside train/.
TEST_NAMES = ("test", "val", "valid", "validation")
#: Seed of the division of a folder without train/ and test/.
SPLIT_SEED = 0
#: One in this many pictures is for the test.
TEST_ONE_IN = 5
#: Environment variable: how many megabytes of decoded pictures are held in memory, where nothing is said 256. A folder
#: with more is decoded into a cache.
MEMORY_VARIABLE, USUAL_MEGABYTES = "CNNREF_FOLDER_MEGABYTES", 256


def read_folder(
    path: Path,
    image_shape: tuple[int, int, int] | None,
    *,
    cache: Path | None = None,
    quiet: bool = False,
    rule: PictureRule = USUAL,
    skip_bad: bool = False,
) -> Dataset:
    """Read a folder of pictures; the sorted names of the sub-folders are the labels.

    With train/ and test/ (or val/, valid/, validation/) inside, these are the two parts; otherwise about a fifth of
    each class is the test part, which `held_out` chooses. Files and folders whose name begins with a dot are
    ignored, and so are Thumbs.db and desktop.ini.

    Args:
        path: the folder.
        image_shape: height, width and channels that every picture is read as (see `pictures.PictureRule`); None
            takes the size of the first picture, in RGB.
        cache: the folder that more pictures than are held in memory are decoded into, once (see `picture_cache`); by
            default one in the user's cache.
        quiet: whether nothing is said on standard error while they are decoded.
        rule: how they come to the size.
        skip_bad: leave out what cannot be read as a picture, instead of refusing the folder; `Dataset.skipped` has it.

    Returns:
        The data set; its name is folder: and the last part of the path, its source is the whole path.

    Raises:
        InputError: a picture cannot be read, or the image shape is invalid.
        DatasetError: the folder does not have this layout, or a class has too few pictures.
    """
    if not path.is_dir():
        raise DatasetError(f"{path} is not a folder; folder:PATH takes a folder with one sub-folder for each class.")
    where = Path(os.path.abspath(path))  # unlike resolve(), this keeps the name of a symbolic link
    train_path, test_path = _parts(path)
    odd: dict[Path, str] = {}
    train = _classes(train_path, 2, odd)
    test = None if test_path is None else _classes(test_path, 1, odd)
    shape = image_shape or _size_of_first(train, skip_bad=skip_bad or bool(odd))
    if odd and not skip_bad:
        raise _refusal(odd | unreadable(_files(train, test), shape, rule))
    if test is not None and (alone := sorted(test.keys() ^ train.keys())):
        raise DatasetError(f"{train_path} and {test_path} must hold the same classes; only one has {', '.join(alone)}.")

    def divide() -> Divided:
        bad = odd | (unreadable(_files(train, test), shape, rule) if skip_bad else {})
        ours, theirs = _without(train, bad, 2), None if test is None else _without(test, bad, 1)
        skipped = [_reason(file, why, path) for file, why in sorted(bad.items())]
        if theirs is not None:
            return _part(ours), _part(theirs), skipped
        held = _division(ours)
        return _chosen(ours, ~held), _chosen(ours, held), skipped

    classes = [train] if test is None else [train, test]
    count = sum(len(files) for part in classes for files in part.values())
    train_images: ImageSource
    test_images: ImageSource
    if count * math.prod(shape) <= 10**6 * _megabytes_in_memory():
        ours, theirs, skipped = divide()
        parts = (ours, theirs)
        images = in_memory([file for part in parts for file in part.files], shape, rule)
        train_images, test_images = images[: len(parts[0].files)], images[len(parts[0].files) :]
        train_labels, test_labels = (part.labels for part in parts)
    else:
        place = cache or cache_folder() / "pictures"
        every = [*classes, {"": sorted(odd)}]
        train_images, train_labels, test_images, test_labels, skipped = cached_pictures(
            where, every, shape, divide, cache=place, quiet=quiet, rule=rule, skip_bad=skip_bad
        )
    return Dataset(
        name=f"folder:{where.name or where}",  # without the path, because bundles that are published hold it
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        labels=tuple(train),
        source=str(where),
        skipped=tuple(skipped),
    )


def held_out(classes: Mapping[str, set[str]]) -> set[str]:
    """Which pictures of each class are for the test; a picture is represented by a hash of its content.

    A picture is held out if its hash lies in the lowest fifth of all possible hashes. The decision depends on nothing
    else, so adding or removing pictures moves no other picture to the other part, and copies stay together, even in two
    classes. The price is that a class has about a fifth and not exactly a fifth (of 100 pictures 16 to 24 in two cases
    of three). The lowest fifth by rank would be exact, but every third added picture would move another one. If one
    part of a class would be empty, the picture with the nearest hash is moved there, until the class has another one.

    Args:
        classes: the hashes of each class, in hexadecimal digits of equal length.

    Returns:
        The hashes that are held out. One part of a class may still be empty if the class has a single picture, or
        shares its pictures with other such small classes.
    """
    held = {text for texts in classes.values() for text in texts if TEST_ONE_IN * int(text, 16) < 16 ** len(text)}
    for texts in classes.values():
        if not texts & held:
            held.add(min(texts))
        elif texts <= held:
            held.remove(max(texts))
    return held


def _division(classes: Mapping[str, list[Path]]) -> np.ndarray:
    """Which pictures are for the test: a mask bool [n], class after class."""
    texts = {
        label: [_seeded(sha256_of(picture, LARGEST_FILE, "picture")) for picture in pictures]
        for label, pictures in classes.items()
    }
    held = held_out({label: set(found) for label, found in texts.items()})
    for label, found in texts.items():
        if len({text in held for text in found}) < 2:
            raise DatasetError(
                f"{classes[label][0].parent} has {len(found)} pictures and too few different ones for a training and a "
                "test part, because copies of a picture belong into the same part; add other pictures."
            )
    return np.array([text in held for found in texts.values() for text in found])


def _seeded(sha256: str) -> str:
    return hashlib.sha256(f"{SPLIT_SEED} {sha256}".encode()).hexdigest()


def _parts(path: Path) -> tuple[Path, Path | None]:
    """The folders of the training and the test part; the latter is None where the folder is not divided."""
    train = path / "train"
    # A folder train with pictures and no sub-folders is a class: that of pictures of trains.
    if not train.is_dir() or (_visible(train) and not any(entry.is_dir() for entry in _visible(train))):
        return path, None
    tests = [path / name for name in TEST_NAMES if (path / name).is_dir()]
    if not tests:
        raise DatasetError(
            f"{path} has train and no test; add a folder test with the same classes, or give {train} to have a fifth "
            "of its pictures taken for the test."
        )
    if len(tests) > 1:
        test, *others = (part.name for part in tests)
        raise DatasetError(
            f"{path} has {' and '.join([test, *others])} beside train, and only one can be the test part; keep {test}, "
            f"and move the pictures of {' and '.join(others)} into train, where the validation part is taken from."
        )
    return train, tests[0]


def _files(train: Mapping[str, list[Path]], test: Mapping[str, list[Path]] | None) -> list[Path]:
    """All files of both parts."""
    return [file for part in (train, test or {}) for files in part.values() for file in files]


def _size_of_first(classes: Mapping[str, list[Path]], *, skip_bad: bool) -> tuple[int, int, int]:
    """Height and width of the first picture, in RGB; with `skip_bad`, of the first that has any."""
    files = _files(classes, None)
    for file in files[:-1] if skip_bad else []:
        with contextlib.suppress(InputError):
            return (*picture_size(file), 3)
    return (*picture_size(files[-1] if skip_bad else classes[min(classes)][0]), 3)


def _reason(file: Path, why: str, folder: Path) -> str:
    """A picture that is left out, by its path inside of the folder, and why."""
    return printable(f"{file.relative_to(folder)}: {why.removeprefix(str(file)).lstrip(': ')}")


def _without(classes: Mapping[str, list[Path]], bad: Mapping[Path, str], at_least: int) -> dict[str, list[Path]]:
    """The classes without some files; each must keep `at_least` so many."""
    left = {label: [file for file in files if file not in bad] for label, files in classes.items()}
    for label, files in left.items():
        if bad and len(files) < at_least:
            raise DatasetError(
                f"The class {label} keeps {len(files) or 'no'} picture{'s' * (len(files) != 1)} without those that "
                f"cannot be read; it needs at least {at_least}."
            )
    return left


def _refusal(bad: Mapping[Path, str]) -> DatasetError:
    """The error for a folder with things that are no pictures, and with all that cannot be read besides."""
    only = f"a class folder may hold only {', '.join(SUFFIXES)} files"
    if len(bad) == 1:
        ((file, why),) = bad.items()
        return DatasetError(f"{file} {why.removeprefix('it ')}; {only}.")
    lines = [why if why.startswith(str(file)) else f"{file}: {why}" for file, why in sorted(bad.items())]
    return DatasetError(f"{len(bad):,} entries are not pictures or cannot be read, and {only}:\n{listed(lines)}")


def _classes(path: Path, at_least: int, passed_over: dict[Path, str]) -> dict[str, list[Path]]:
    """Pictures of each class, sorted by name. What is no picture by its name is put into `passed_over`."""
    entries = _visible(path)
    if stray := [entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.is_dir()]:
        raise DatasetError(f"{stray[0]} is in no class; put it into the sub-folder of its class.")
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) < 2:
        raise DatasetError(
            f"{path} has {len(folders) or 'no'} class folder{'s' * (not folders)}; "
            "it needs one sub-folder of pictures for each of at least two classes."
        )
    classes = {folder.name: _visible(folder) for folder in folders}
    every = [entry for found in classes.values() for entry in found]
    odd = [entry for entry in every if not entry.is_file() or entry.suffix.lower() not in SUFFIXES]
    passed_over |= {entry: _oddity(entry) for entry in odd}
    for folder in folders:
        pictures = [entry for entry in classes[folder.name] if entry not in passed_over]
        # Where something else lies in the folder, that is told first.
        if len(pictures) < at_least and len(pictures) == len(classes[folder.name]):
            raise DatasetError(
                f"{folder} holds {len(pictures) or 'no'} picture{'s' * (len(pictures) != 1)}; "
                f"a class needs at least {at_least}."
            )
        classes[folder.name] = pictures
    return classes


def _oddity(entry: Path) -> str:
    """Why something in a class folder is no picture."""
    if not entry.exists():
        return "it is a link to nothing"
    return "it is not a picture" if entry.is_file() or entry.is_dir() else "it is no regular file, so it is not read"


def _visible(path: Path) -> list[Path]:
    """The entries of a folder, sorted, without hidden files.

    Raises:
        DatasetError: the name of one has a hidden character, such as a line break, and would mislead where it is shown.
    """
    entries = sorted(
        entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.name.lower() not in WINDOWS_FILES
    )
    if odd := [shown for entry in entries if (shown := printable(entry.name)) != entry.name]:
        raise DatasetError(f"{path} holds '{odd[0]}', whose name has hidden characters; give it another name.")
    return entries


def _part(classes: Mapping[str, list[Path]]) -> Part:
    """All pictures, class after class."""
    return Part([file for files in classes.values() for file in files], [len(files) for files in classes.values()])


def _chosen(classes: Mapping[str, list[Path]], mask: np.ndarray) -> Part:
    """The pictures of a mask bool [n]."""
    part = _part(classes)
    files = [file for file, kept in zip(part.files, mask, strict=True) if kept]
    return Part(files, np.bincount(part.labels[mask], minlength=len(classes)).tolist())


def _megabytes_in_memory() -> int:
    """How many megabytes of decoded pictures are held in memory."""
    text = os.environ.get(MEMORY_VARIABLE) or str(USUAL_MEGABYTES)
    if not text.isdecimal():
        raise InputError(f"{MEMORY_VARIABLE} is {printable(text)!r}; give a whole number of megabytes.")
    return int(text)
