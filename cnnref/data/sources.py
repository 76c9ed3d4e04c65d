"""Finding a data set by its name: in a data folder, in Keras' cache, in the system's, or by Keras' download."""

from __future__ import annotations

import os
from pathlib import Path

from ..centring import MNIST_BOX, MNIST_SIDE
from ..errors import DatasetError, InputError, did_you_mean, option
from ..files import named
from ..pictures import USUAL, PictureRule
from .cifar import CIFAR10, CIFAR100, Cifar
from .dataset import Dataset
from .digits import read_digits
from .downloads import cache_folder, fetch
from .folder import read_folder
from .mnist import FASHION_MNIST, MNIST, Mnist

PUBLISHED: dict[str, Mnist | Cifar] = {known.name: known for known in (MNIST, FASHION_MNIST, CIFAR10, CIFAR100)}
#: Environment variable that names the data folder where none is given.
VARIABLE = "CNNREF_DATA"
#: Where Debian's packages put data sets: dataset-fashion-mnist, into fashion-mnist/.
SYSTEM = Path("/usr/share/datasets")
FOLDER = "folder:"


def names() -> list[str]:
    """The names that `load` takes, besides folder:PATH."""
    return [*PUBLISHED, "digits"]


def load(
    name: str,
    data_dir: Path | str | None = None,
    *,
    image_shape: tuple[int, int, int] | None = None,
    download: bool = True,
    cache: Path | None = None,
    quiet: bool = False,
    rule: PictureRule = USUAL,
    skip_bad: bool = False,
) -> Dataset:
    """Read a data set.

    Args:
        name: one of `names()` in any usual spelling (fashion-mnist, CIFAR-10), or folder:PATH for a folder
            with one sub-folder of pictures for each class.
        data_dir: folder with the published files; by default the one that CNNREF_DATA names. If the data set is not in
            it, Keras' cache, the folder of Debian's packages and then Keras' download are tried.
        image_shape: height, width and channels of the pictures. By default those of folder:PATH have the size of the
            first picture, in RGB, and every other data set has its own shape. Pictures of another size are resized
            as `pictures.PictureRule` says.
        download: whether files may be downloaded.
        cache: where a folder: that is larger than memory is decoded into; by default the user's cache.
        quiet: whether nothing is said on standard error meanwhile.
        rule: how the picture files of folder:PATH come to their size; the rule of a bundle when it is tested on them.
        skip_bad: leave pictures of a folder: out that cannot be read; `Dataset.skipped` names them.

    Raises:
        InputError: there is no such data set, or it has another number of channels.
        DatasetError: the files are not found, damaged, or belong to another data set.
    """
    name = str(named(name, "A data set"))
    folder = None if data_dir is None else _existing(Path(named(data_dir, "A data folder")), "")
    if name.startswith(FOLDER):
        path = Path(os.path.expanduser(name.removeprefix(FOLDER)))
        return read_folder(path, image_shape, cache=cache, quiet=quiet, rule=rule, skip_bad=skip_bad)
    known = _known_name(name)
    dataset = (
        read_digits()
        if known == "digits"
        else _published(PUBLISHED[known], folder or _folder_from_environment(), download)
    )
    if image_shape is None:
        return dataset
    if image_shape[2] != dataset.image_shape[2]:
        raise InputError(
            f"Images of {known} are {_shape(dataset.image_shape)}, but {_shape(image_shape)} was requested; "
            "their size can be changed, but not their number of channels."
        )
    return dataset.resized(*image_shape[:2])


def picture_rule(name: str | None, shape: tuple[int, ...]) -> PictureRule:
    """How picture files are read for a network of that data set and shape [height, width, channels].

    Digits are centred as MNIST's own are; the clothes of Fashion-MNIST, which has the same files, never were.
    """
    if name != MNIST.name or len(shape) != 3 or shape[2] != 1:
        return USUAL
    return PictureRule(ink_box=max(1, MNIST_BOX * min(shape[:2]) // MNIST_SIDE))


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _known_name(name: str) -> str:
    """The spelling of a name in `names()`."""
    spellings = {_simplified(known): known for known in names()}
    if _simplified(name) in spellings:
        return spellings[_simplified(name)]
    hint = did_you_mean(name.lower().replace("-", "_"), names())
    raise InputError(f"There is no data set {name!r}; {hint}choose {', '.join(names())} or {FOLDER}PATH.")


def _simplified(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _folder_from_environment() -> Path | None:
    """The data folder that CNNREF_DATA names; None if it is not set."""
    named = os.environ.get(VARIABLE)
    return _existing(Path(named), f" (from {VARIABLE})") if named else None


def _existing(folder: Path, origin: str) -> Path:
    folder = Path(os.path.expanduser(folder))  # unlike Path.expanduser, it leaves what is nobody's
    if not folder.is_dir():
        raise DatasetError(f"The data folder {folder}{origin} does not exist or is not a folder; name another.")
    return folder


def _published(known: Mnist | Cifar, folder: Path | None, download: bool) -> Dataset:
    cache = cache_folder()
    places = [place for place in (folder, cache, SYSTEM) if place is not None]
    for place in places:
        if dataset := known.read(place):
            return dataset
    if not download:
        raise DatasetError(
            f"{known.title} is not in {' or '.join(map(str, places))}; name the folder that has it with "
            f"{option('data_dir')}."
        )
    try:
        fetched = fetch(known.downloads)
    except Exception as error:  # Keras raises a bare Exception, among others.
        hint = "" if folder else f", or into a folder that {option('data_dir')} or {VARIABLE} names"
        raise DatasetError(
            f"{known.title} is not in {' or '.join(map(str, places))}, and its download failed ({error}). "
            f"Put {known.accepted} into {places[0]}{hint}."
        ) from error
    dataset = known.read(fetched)
    if dataset is None:
        raise DatasetError(f"{known.title} was downloaded to {fetched} but is not there.")
    return dataset
