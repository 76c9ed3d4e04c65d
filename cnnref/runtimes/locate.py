"""Find a bundle or a .keras file by its path, or by the name of a bundle that comes with the package."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError, did_you_mean
from ..files import named
from .bundle import MANIFEST
from .integrity import KERAS_FILE, model_file
from .manifest import read_bundle

_PACKAGE = Path(__file__).parent.parent

#: The folders of shipped bundles: inside an installed package, and beside the package in a checkout.
BUNDLE_FOLDERS = (_PACKAGE / "saved_models", _PACKAGE.parent / "saved_models")


def list_bundles() -> list[str]:
    """Names of the bundles that come with the package."""
    return sorted({path.parent.name for folder in BUNDLE_FOLDERS for path in folder.glob("*/bundle.json")})


def find_model(name_or_path: object) -> Path:
    """The .keras file that is named by itself, by its folder (of a bundle or a finished run), or by a shipped bundle.

    An object that knows its folder, as a `Bundle` and a `Run` do, stands for it.

    Raises:
        InputError: there is none.
        VerificationError: it is not the file that the bundle lists.
    """
    name_or_path = named(name_or_path, "A model")
    path = Path(name_or_path)
    if path.suffix == ".keras" and not path.is_dir():
        if not path.is_file():
            raise InputError(f"There is no file {path}.")
        return path
    if path.is_file():
        raise InputError(f"{path} is no Keras model; give a .keras file, a bundle or the folder of a finished run.")
    folder = find_bundle(name_or_path)
    if (folder / MANIFEST).is_file():
        return model_file(read_bundle(folder))
    found = folder / KERAS_FILE
    if not found.is_file():
        raise InputError(f"There is no model.keras in {found.parent}; give a bundle or the folder of a finished run.")
    return found


def find_bundle(name_or_path: object) -> Path:
    """The folder of a bundle: a path, or the name of one that comes with the package; or of a `Bundle` itself.

    Raises:
        InputError: there is none.
    """
    name_or_path = named(name_or_path, "A bundle")
    places = [Path(name_or_path), *(folder / str(name_or_path) for folder in BUNDLE_FOLDERS)]
    for place in places:
        if place.is_dir():
            return place
    known = list_bundles()
    raise InputError(
        f"There is no bundle {str(name_or_path)!r}; {did_you_mean(str(name_or_path), known)}give a folder that "
        f"`cnnref export` wrote, or one of those that come with the package: {', '.join(known) or 'none'}."
    )
