"""Texts from outside are written so that no terminal, table or log is misled by them."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnref
from cnnref.errors import EXPECTED, either, on_command_line, option, printable, printable_lines

PACKAGE = Path(cnnref.__file__).parent


@given(st.text(st.characters(), max_size=400))
def test_what_is_printed_has_no_hidden_character_and_one_line(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown.splitlines() in ([], [shown])
    assert len(shown) <= 303


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 猫", "Grüße, 猫"),
        ("red \x1b[31m", r"red \x1b[31m"),
        ("two\nlines", r"two\nlines"),
        ("turned \u202e round", r"turned \u202e round"),
        ("half \ud800", r"half \ud800"),
        ("a" * 301, "a" * 300 + "..."),
    ],
)
def test_usual_texts_stay_and_hidden_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("error", EXPECTED)
def test_a_message_keeps_its_lines_and_no_hidden_character(error: type[Exception]) -> None:
    assert str(error("a \x1b[2J\nb \u202e")) == "a \\x1b[2J\nb \\u202e"
    assert str(error(str(error("a \x1b[2J")))) == "a \\x1b[2J", "told again, it is the same"


def test_the_lines_of_a_message_stay_lines() -> None:
    assert printable_lines("one\ntwo\x07") == "one\ntwo\\x07"


def test_an_option_is_named_as_its_reader_can_give_it() -> None:
    assert [option("data_dir"), option("opset", 18), option("resume", True)] == ["data_dir", "opset=18", "resume=True"]
    assert option("formats", "onnx", flag="format") == "formats='onnx'"
    with on_command_line():
        assert option("data_dir") == "--data-dir"
        assert [option("opset", 18), option("share", 1.0)] == ["--opset 18", "--share 1.0"]
        assert option("resume", True) == "--resume"
        assert option("formats", "onnx", flag="format") == "--format onnx"
        assert either("cnnref train", "train()") == "cnnref train"
    assert either("cnnref train", "train()") == "train()"


def messages(source: Path) -> list[str]:
    """The texts that a file raises, with a blank for each value in them."""
    found = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        for argument in node.exc.args:
            parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
            texts = [str(part.value) if isinstance(part, ast.Constant) else " " for part in parts]
            found.append("".join(texts))
    return found


def test_no_error_of_the_python_interface_speaks_of_an_option_of_the_command_line() -> None:
    """A whole command between backquotes is fine; the name of an option is what `option` makes of it."""
    below = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "commands" and path.name != "cli.py"]
    every = [(path.relative_to(PACKAGE), text) for path in below for text in messages(path)]
    assert len(every) > 300
    assert not [one for one in every if re.search(r"(^|\W)--[a-z]", re.sub("`[^`]*`", "", one[1]))]
