"""The errors that a user can mend: each message is one sentence that says what was wrong, where, and what to do."""

from __future__ import annotations

import contextlib
import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator


class _SentenceError(Exception):
    """An error whose message repeats texts from outside, of which no hidden character but a line break is left."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable_lines(message))


class InputError(_SentenceError, ValueError):
    """Something that was handed in (a name, a shape, a file, an option) cannot be used as it is."""


class DatasetError(InputError):
    """A data set is missing, damaged, or not what it says it is."""


class DivergedError(InputError):
    """A training run met a number that is not finite."""


class ExportError(_SentenceError, RuntimeError):
    """A model cannot be written in the asked-for format, or the written file is not the model."""


class NoFormError(ExportError):
    """A network has no form in one format, because of one layer or operation, which the message names."""


class VerificationError(_SentenceError, RuntimeError):
    """A file of a bundle does not hold what the bundle promises."""


#: What the command line turns into one line on standard error; anything else is a defect and keeps its traceback.
EXPECTED = (InputError, ExportError, VerificationError)


#: Whether a person reads the messages who gave a command, and not a program that called a function.
_on_command_line = False


@contextlib.contextmanager
def on_command_line() -> Iterator[None]:
    """Inside, messages name options as the command line takes them; elsewhere as keywords of Python functions."""
    global _on_command_line
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before


def option(keyword: str, value: object = None, *, flag: str = "") -> str:
    """An option for a message, as whoever reads it can give it.

        option("data_dir")          --data-dir          data_dir
        option("opset", 18)         --opset 18          opset=18
        option("resume", True)      --resume            resume=True

    Args:
        keyword: of the Python function.
        value: that is advised, if there is one.
        flag: of the command, without its dashes, where it is not the keyword with hyphens.
    """
    written = f"--{flag or keyword.replace('_', '-')}"
    command = written if value is None or value is True else f"{written} {value}"
    return either(command, keyword if value is None else f"{keyword}={value!r}")


def either(command: str, python: str) -> str:
    """What a message advises to somebody at the command line, or to somebody who calls functions."""
    return command if _on_command_line else python


def close_names(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that a mistyped one may have meant, the closest first."""
    return difflib.get_close_matches(name, list(known), n=most)


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str:
    """A question that a message goes on with: "did you mean 'resnet20'? ", or "" where no known name is close."""
    near = close_names(name, known, most)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""


def printable(text: str, most: int = 300) -> str:
    """A text from outside, safe for a terminal, a log or a table: on one line, and without a hidden character.

    Control characters (among them escape sequences and line breaks), characters that turn the direction of writing or
    take no room, and parts of characters are written as Python would escape them; a text longer than `most`
    characters is cut.
    """
    shown = "".join(_escaped(character) for character in text[: most + 1])
    return shown if len(text) <= most else f"{shown[:most]}..."


def markdown(text: str) -> str:
    """A text from outside for a line of Markdown or a cell of its tables, where it is shown and not interpreted.

    It is made `printable` and keeps its length, blanks in a row become one, and what CommonMark, HTML or a formula of
    GitHub's would begin with has a backslash before it.
    """
    shown = " ".join(printable(" ".join(text.split()), most=len(text)).split())
    return _AT_THE_BEGINNING.sub(lambda at: f"{at[1] or ''}\\{at[2] or at[3]}", _MARKDOWN.sub(r"\\\g<0>", shown))


def code(text: str) -> str:
    """A text from outside for between two backticks of Markdown, whose own backticks become apostrophes."""
    return printable(text).replace("`", "'")


def printable_lines(text: str) -> str:
    """The lines of a message of this package, each `printable` and whole."""
    return "\n".join(printable(line, most=len(line)) for line in text.split("\n"))


#: What has a meaning anywhere in a line, an underscore only at the end of a word, and what has one where a line begins.
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~&#$]|(?<![^\W_])_|_(?![^\W_])")
_AT_THE_BEGINNING = re.compile(r"\A(\d*)([-+.)])(?=\s|\Z)|\A([-=])(?=[-=]*\Z)")


def _escaped(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return character.encode("unicode_escape", "surrogatepass").decode("ascii") if hidden else character
