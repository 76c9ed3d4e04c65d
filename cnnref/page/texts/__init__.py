"""The texts of the page, one JSON file a language: English is en.json, and the file beside it says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ...errors import InputError

#: A sentence, or its forms by the names of CLDR's plurals ("one", "other"); what is in braces is put in.
Text = str | Mapping[str, str]
FOLDER = Path(__file__).parent
PLACE = re.compile(r"\{(\w+)\}")
CALLED = re.compile(r"\bphrases?\b(?= ?[=(])")
QUOTED = re.compile(r'"([a-z][\w.-]*\.[\w.-]+)"')


def languages() -> list[str]:
    """The languages that there are, English first."""
    return sorted((file.stem for file in FOLDER.glob("*.json")), key=lambda code: (code != "en", code))


@cache
def texts_of(language: str) -> Mapping[str, Text]:
    """The texts of a language, by their keys.

    Raises:
        InputError: there are none in this language.
    """
    if language not in languages():
        known = ", ".join(f"{code} ({texts_of(code)['name']})" for code in languages())
        raise InputError(f"The page has no texts in the language {language!r}; it has them in {known}.")
    read: Mapping[str, Text] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return read


def script_of_texts(texts: Mapping[str, Text], scripts: Iterable[str]) -> str:
    """The texts of scripts, without those of Python, as an expression of JavaScript that can be in a script element."""
    names, named = short_names(), {"language"}.union(*(QUOTED.findall(script) for script in scripts))
    named |= {key for key in texts if ":" in key and not key.startswith("page.")}
    used = {names.get(key, _quoted(key)): text for key, text in texts.items() if key in named}
    return f"{{{','.join(f'{name}:{_quoted(text)}' for name, text in used.items())}}}"


def _quoted(text: Text) -> str:
    """As JavaScript writes it; no "<" is left that could end the script element it lies in."""
    return json.dumps(text, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def short_names() -> Mapping[str, str]:
    """Numbers for the keys, which take less room in the page. Keys with a colon, which scripts compose, have none."""
    return {key: str(number) for number, key in enumerate(texts_of("en")) if "." in key and ":" not in key}


def with_short_names(script: str) -> str:
    """A script with short names in the place of the keys in it, and for the functions that take them."""
    short = QUOTED.sub(lambda found: short_names().get(found[1], found[0]), script)
    return CALLED.sub(lambda found: "$$" if found[0] == "phrases" else "$", short)


def phrase(language: str, key: str, **values: object) -> str:
    """A sentence that Python writes into the page, with the values of the names in braces."""
    text = texts_of(language)[f"page.{key}"]
    return PLACE.sub(lambda found: str(values[found[1]]), str(text))


def has_phrase(key: str) -> bool:
    """Whether Python has such a sentence to write into the page."""
    return f"page.{key}" in texts_of("en")


def thousands(language: str, count: int) -> str:
    """A count with the language's marks between thousands: "61,706"."""
    return f"{count:,}".replace(",", str(texts_of(language)["page.thousands"]))
