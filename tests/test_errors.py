"""Texts from outside are written so that no terminal, table or log is misled by them."""

from __future__ import annotations

import ast
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import cnnref
from cnnref import notebooks
from cnnref.errors import (
    EXPECTED,
    InputError,
    code,
    either,
    markdown,
    on_command_line,
    option,
    printable,
    printable_lines,
)
from cnnref.files import check_labels

PACKAGE = Path(cnnref.__file__).parent


@given(st.text(st.characters(), max_size=400))
def test_what_is_printed_has_no_hidden_character_and_one_line(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown.splitlines() in ([], [shown])
    assert len(shown) <= 303


@given(st.text(st.characters(), max_size=300))
def test_what_is_escaped_means_the_same_text_and_escaped_again_it_is_the_same(text: str) -> None:
    shown = printable(text, most=4000)
    assert printable(shown, most=4000) == shown
    if "\\" not in text:
        read = re.sub(r"\\(x..|u....|U........|[nrt])", lambda found: ast.literal_eval(f"'{found[0]}'"), shown)
        assert read == text


#: Texts of what Markdown interprets, and any others.
MEANT = st.one_of(st.text(st.sampled_from("\\`*_[]()<>|~&#$!+-=.:1a \n\t\x1b"), max_size=30), st.text(st.characters()))


READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@settings(max_examples=50)
@given(MEANT.filter(lambda text: bool(text.strip())))
@example("1. a")
@example("---")
@example("=")
@example("2026-11-23")
@example("a_b __c__ snake_case")
@example("| a | b |\n|---|---|")
def test_a_text_in_markdown_is_shown_and_not_interpreted(text: str) -> None:
    wanted = " ".join(printable(" ".join(text.split()), most=len(text)).split())
    for before, after in (("", ""), ("# ", ""), ("| ", " |\n|---|")):
        (found,) = (token for token in READER.parse(before + markdown(text) + after) if token.type == "inline")
        assert {child.type for child in found.children or []} == {"text"}
        assert "".join(child.content for child in found.children or []) == wanted
    found = READER.parse(f"a `{code(text)}` b")[1]
    assert [child.type for child in found.children or []] == ["text", "code_inline", "text"]


class Cells(HTMLParser):
    """The elements of a page, and the texts of its table's cells."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag in ("td", "th", "b"):
            self.texts.append("")
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


@given(st.lists(st.text(st.characters(), max_size=40), min_size=5, max_size=5))
def test_a_table_of_html_holds_texts_and_no_elements_of_theirs(texts: list[str]) -> None:
    title, *cells = texts
    found = Cells(notebooks.table(title, cells[:2], [cells[2:]]))
    assert found.elements == ["p", "b", "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert found.texts == [printable(text) for text in texts]


@given(st.lists(st.text(st.characters(), max_size=8), max_size=4))
def test_the_names_of_classes_are_a_list_with_a_name_a_line_or_refused(labels: list[str]) -> None:
    try:
        check_labels(labels, "it")
    except InputError:
        return
    assert "".join(f"{label}\n" for label in labels).splitlines() == labels
    assert len(set(labels)) == len(labels)
    assert all(printable(label) == label for label in labels)


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
