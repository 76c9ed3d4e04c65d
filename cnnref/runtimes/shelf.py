"""The bundles that come with the package."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

_PACKAGE = Path(__file__).parent.parent

#: Inside an installed package, and beside the package in a checkout.
SHELVES = (_PACKAGE / "saved_models", _PACKAGE.parent / "saved_models")


def list_bundles() -> list[str]:
    """Names of the bundles that come with the package."""
    return sorted({path.parent.name for shelf in SHELVES for path in shelf.glob("*/bundle.json")})


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle: a path, or the name of one that comes with the package.

    Raises:
        InputError: there is none.
    """
    places = [Path(name_or_path), *(shelf / str(name_or_path) for shelf in SHELVES)]
    for place in places:
        if place.is_dir():
            return place
    raise InputError(
        f"There is no bundle {str(name_or_path)!r}; give a folder that `cnnref export` wrote, or one of those that "
        f"come with the package: {', '.join(list_bundles()) or 'none'}."
    )
