"""Names that every format and its runtime take, from the names that users give layers and outputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: Longer ones only cost bytes.
LONGEST = 60


def safe_name(name: str, otherwise: str) -> str:
    """The name in the letters A to Z, digits and underscores, beginning with a letter.

    Accents are dropped ("größe" becomes "grosse"), whatever else is not among them becomes an underscore; `otherwise`
    stands for a name of which nothing is left.
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode("ascii")
    safe = re.sub("[^A-Za-z0-9]+", "_", plain).strip("_") if plain != name or not _is_safe(name) else name
    if not safe:
        return otherwise
    return (safe if safe[0].isalpha() else f"{otherwise}_{safe}")[:LONGEST]


def _is_safe(name: str) -> bool:
    return re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) is not None


def distinct(names: Iterable[str], reserved: Iterable[str] = ()) -> list[str]:
    """The names in their order; what is `reserved`, or there before, gets a number behind it: mask, mask_2."""
    used, found = set(reserved), []
    for name in names:
        candidate, number = name, 1
        while candidate in used:
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate)
        found.append(candidate)
    return found
