"""Which data sets there are, and where each is looked for: a data folder, Keras' cache, Keras' download."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DatasetError, InputError, did_you_mean
from .cifar import CIFAR10, CIFAR100, Cifar
from .dataset import Dataset
from .digits import read_digits
from .downloads import cache_folder, fetch
from .folder import read_folder
from .mnist import FASHION_MNIST, MNIST, Mnist

PUBLISHED: dict[str, Mnist | Cifar] = {known.name: known for known in (MNIST, FASHION_MNIST, CIFAR10, CIFAR100)}
#: Environment variable with the data folder, for when none is given.
VARIABLE = "CNNREF_DATA"
FOLDER = "folder:"


def names() -> list[str]:
    """Names that `load` takes, beside folder:PATH."""
    return [*PUBLISHED, "digits"]


def load(
    name: str,
    data_dir: Path | str | None = None,
    *,
    image_shape: tuple[int, int, int] | None = None,
    download: bool = True,
) -> Dataset:
    """Read a complete data set, or raise an error.

    Args:
        name: one of `names()` in any usual spelling (fashion-mnist, CIFAR-10), or folder:PATH for a folder
            with one sub-folder of pictures a class.
        data_dir: folder with the published files; by default the one that CNNREF_DATA names. Keras' cache and
            then Keras' download are tried when the set is not in it.
        image_shape: height, width and channels that pictures are read as. By default those of folder:PATH have the
            size of the first one, in RGB, and every other set has its own; in another size they are resized as
            `pictures.RULE` says.
        download: False looks at this machine only.

    Raises:
        InputError: there is no such set, or it has another number of channels.
        DatasetError: the files are missing everywhere, damaged, or not what they say they are.
    """
    folder = None if data_dir is None else _existing(Path(data_dir), "")
    if name.startswith(FOLDER):
        return read_folder(Path(name.removeprefix(FOLDER)).expanduser(), image_shape)
    known = _known_name(name)
    dataset = read_digits() if known == "digits" else _published(PUBLISHED[known], folder or _usual_folder(), download)
    if image_shape is None:
        return dataset
    if image_shape[2] != dataset.image_shape[2]:
        raise InputError(
            f"Images of {known} are {_shape(dataset.image_shape)}, and {_shape(image_shape)} is asked for; "
            "they can be resized, but have as many channels as they have."
        )
    return dataset.resized(*image_shape[:2])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _known_name(name: str) -> str:
    """The name as `names` spells it."""
    spellings = {_bare(known): known for known in names()}
    if _bare(name) in spellings:
        return spellings[_bare(name)]
    hint = did_you_mean(name.lower().replace("-", "_"), names())
    raise InputError(f"There is no data set {name!r}; {hint}choose {', '.join(names())} or {FOLDER}PATH.")


def _bare(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _usual_folder() -> Path | None:
    """The data folder that the environment names, if it names one."""
    named = os.environ.get(VARIABLE)
    return _existing(Path(named), f" (from {VARIABLE})") if named else None


def _existing(folder: Path, origin: str) -> Path:
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DatasetError(f"The data folder {folder}{origin} does not exist or is no folder; name another.")
    return folder


def _published(known: Mnist | Cifar, folder: Path | None, download: bool) -> Dataset:
    cache = cache_folder()
    places = [place for place in (folder, cache) if place is not None]
    for place in places:
        if dataset := known.read(place):
            return dataset
    if not download:
        raise DatasetError(
            f"{known.title} is not in {' or '.join(map(str, places))}; name the folder that has it with --data-dir."
        )
    try:
        fetched = fetch(known.downloads)
    except Exception as error:  # Keras raises a bare Exception, among others.
        hint = "" if folder else f", or into a folder that --data-dir or {VARIABLE} names"
        raise DatasetError(
            f"{known.title} is not in {' or '.join(map(str, places))}, and its download failed ({error}). "
            f"Put {known.accepted} into {places[0]}{hint}."
        ) from error
    dataset = known.read(fetched)
    if dataset is None:
        raise DatasetError(f"{known.title} was downloaded to {fetched} but is not there.")
    return dataset
