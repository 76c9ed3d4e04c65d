"""Joins JavaScript modules into one plain script: what a file imports comes before it, and no name is taken twice.

The modules are written with three forms only, each at the start of a line: `import { a, b } from "./file.js";`,
`import NAME from "./en.json";` for the texts of the page, and `export` before a function, a constant, a variable or a
class. All are taken out, so that the script needs no module loader, which browsers refuse to a page that is opened from
a file. Comments with lines of their own, and types, are taken out as well; `compact.py` takes out the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .texts import script_of_texts, texts_of, with_short_names

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";\n', re.MULTILINE)
#: A file of texts becomes a constant: the texts of the language of the page.
TEXTS = re.compile(r'^import (\w+) from "\./en\.json";.*\n', re.MULTILINE)
#: Comments that have lines of their own, and types inside of a line; the page goes without them.
LINES_OF_COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//.*)\n", re.MULTILINE)
TYPE = re.compile(r"/\*\* @type \{.*?\} \*/ ")
DECLARED = re.compile(r"^(export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


class BundleError(Exception):
    """The modules do not fit together; the message says which, and why."""


@dataclass(frozen=True)
class Module:
    """One JavaScript file: what it imports, declares and exports, and its text without the lines that say so."""

    imports: tuple[tuple[Path, tuple[str, ...]], ...]
    declared: tuple[str, ...]
    exported: frozenset[str]
    script: str
    texts: str = ""


@cache
def read_module(file: Path) -> Module:
    """Read a JavaScript file.

    Raises:
        BundleError: the file is missing, or has an import or export of another form.
    """
    if not file.is_file():
        raise BundleError(f"There is no file {file}, which another script imports.")
    text = file.read_text(encoding="utf-8")
    imports = tuple(
        ((file.parent / path).resolve(), tuple(name.strip() for name in names.split(",") if name.strip()))
        for names, path in IMPORT.findall(text)
    )
    plain = TYPE.sub("", LINES_OF_COMMENT.sub("", TEXTS.sub("", IMPORT.sub("", text))))
    found = DECLARED.findall(plain)
    script = re.sub(r"^export (?=async |function|const|let|class)", "", plain, flags=re.MULTILINE)
    other = re.search(r"^(?:import|export)\b.*", script, re.MULTILINE)
    if other:
        raise BundleError(f"{file} has a line that the bundler does not understand: {other[0]}")
    declared = tuple(name for _, name in found)
    exported = frozenset(name for export, name in found if export)
    named = TEXTS.search(text)
    name = named[1] if named else ""
    return Module(imports, (*declared, *([name] if name else [])), exported, script, name)


def ordered_files(entry: Path) -> list[Path]:
    """The file and all that it imports, directly or not, in an order in which each comes after what it imports.

    Raises:
        BundleError: files import each other in a circle, or a name that the other file does not export.
    """
    order: list[Path] = []
    _visit(entry.resolve(), [], order)
    return order


def _visit(file: Path, path: list[Path], order: list[Path]) -> None:
    if file in path:
        circle = " -> ".join(one.name for one in [*path[path.index(file) :], file])
        raise BundleError(f"Scripts import each other in a circle: {circle}.")
    if file in order:
        return
    for imported, names in read_module(file).imports:
        _visit(imported, [*path, file], order)
        for name in names:
            if name not in read_module(imported).exported:
                raise BundleError(f"{file.name} imports {name} from {imported.name}, which does not export it.")
    order.append(file)


def bundle_scripts(
    entry: Path, *, without: Collection[Path] = (), beside: Sequence[Path] = (), language: str = "en"
) -> str:
    """The file and all that it imports as one script.

    Args:
        entry: the file to begin with; it comes last.
        without: files that another script of the page already holds.
        beside: files of another script that uses the texts in this one.
        language: whose texts the script has; only those that a file names are in it.

    Raises:
        BundleError: see `ordered_files`; or two files declare the same name at their top level.
    """
    files = ordered_files(entry)
    check_names([*without, *(file for file in files if file not in without)])
    sources = [read_module(file).script for file in {*files, *beside}]
    texts = script_of_texts(texts_of(language), sources)
    parts = [_script(read_module(file), texts) for file in files if file not in without]
    return '"use strict";\n' + "\n".join(parts)


def _script(module: Module, texts: str) -> str:
    script = with_short_names(module.script)
    return f"const {module.texts} = {texts};\n{script}" if module.texts else script


def small_style(text: str) -> str:
    """A style sheet without its comments, the spaces that lines begin with, and spaces and zeros that nothing needs."""
    plain = re.sub(r"^[ \t]+|\n(?=\n)", "", re.sub(r"/\*.*?\*/\n?", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    plain = re.sub(r"^([\w-]+): ", r"\1:", plain, flags=re.MULTILINE)
    plain = re.sub(r"(?<![\w.#-])0(?=\.\d)", "", plain)
    return re.sub(r" ?([{}>]) ?\n?|([,;])[ \n]", r"\1\2", re.sub(r";\n\}", "}", plain))


def check_names(files: Sequence[Path]) -> None:
    """Raise BundleError where two files declare the same name at their top level."""
    home: dict[str, Path] = {}
    for file in files:
        for name in read_module(file).declared:
            if name in home:
                raise BundleError(f"{home[name].name} and {file.name} both declare {name} at their top level.")
            home[name] = file
