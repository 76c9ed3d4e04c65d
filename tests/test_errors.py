"""Texts from outside are written so that no terminal, table or log is misled by them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnref.errors import printable, printable_lines


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


def test_the_lines_of_a_message_stay_lines() -> None:
    assert printable_lines("one\ntwo\x07") == "one\ntwo\\x07"
