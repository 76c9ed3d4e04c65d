"""Flatbuffer tables come back as they were written."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from cnnref.runtimes.flatbuffer_tables import READ_ERRORS, Schema, View

DRAWING = Schema(
    tables={
        "Drawing": "title:string flags:byte shape:Shape count:uint words:[string] points:[Point] raw:[ubyte] shift:int",
        "Point": "x:float y:float",
        "Circle": "radius:float centre:Point",
        "Square": "side:uint",
    },
    unions={"Shape": ("Circle", "Square")},
)
NUMBER = st.floats(width=32, allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
POINT = st.fixed_dictionaries({"x": NUMBER, "y": NUMBER})
CIRCLE = st.tuples(st.just("Circle"), st.fixed_dictionaries({"radius": NUMBER}, optional={"centre": POINT}))
SQUARE = st.tuples(st.just("Square"), st.fixed_dictionaries({"side": st.integers(0, 2**32 - 1)}))
DRAWINGS = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXT,
        "flags": st.integers(-128, 127),
        "shape": CIRCLE | SQUARE,
        "count": st.integers(0, 2**32 - 1),
        "words": st.lists(TEXT, max_size=4),
        "points": st.lists(POINT, max_size=4),
        "raw": st.binary(max_size=20),
        "shift": st.integers(-(2**31), 2**31 - 1),
    },
)
#: What a reader gives for a field that was not written.
ABSENT = {"flags": 0, "count": 0, "shift": 0}


def plain(kind: str, view: View) -> dict[str, Any]:
    """A table with all its fields, as a dict."""

    def value(field: str) -> Any:
        found, sort = view[field], DRAWING.tables[kind][field][1]
        if found is None or sort in ("string", "byte", "uint", "int", "float", "[string]", "[ubyte]"):
            return found
        if sort == "Shape":
            return found[0], plain(*found)
        return [plain(sort[1:-1], part) for part in found] if sort[0] == "[" else plain(sort, found)

    return {field: value(field) for field in DRAWING.tables[kind]}


def complete(drawing: dict[str, Any]) -> dict[str, Any]:
    """`drawing` as a reader sees it."""
    whole: dict[str, Any] = {field: ABSENT.get(field) for field in DRAWING.tables["Drawing"]} | drawing
    if whole["shape"] and whole["shape"][0] == "Circle":
        whole["shape"] = "Circle", {"centre": None} | whole["shape"][1]
    return whole


@settings(max_examples=60, deadline=None)
@given(DRAWINGS)
def test_every_field_comes_back_as_it_was_written(drawing: dict[str, Any]) -> None:
    content = DRAWING.write("Drawing", drawing, b"TEST")
    assert content[4:8] == b"TEST"
    assert plain("Drawing", DRAWING.read("Drawing", content)) == complete(drawing)
    assert DRAWING.write("Drawing", drawing, b"TEST") == content


def test_a_union_takes_two_numbers_and_a_placeholder_takes_one() -> None:
    assert [number for number, _ in DRAWING.tables["Drawing"].values()] == [0, 1, 3, 4, 5, 6, 7, 8]
    content = DRAWING.write("Drawing", {"title": "t", "flags": 5}, b"TEST")
    partial = Schema({"Drawing": "_:_ flags:byte"})
    assert partial.read("Drawing", content)["flags"] == 5


def test_a_table_of_a_newer_schema_is_read_as_far_as_it_is_known() -> None:
    newer = Schema({"Point": "x:float y:float z:float"})
    content = newer.write("Point", {"x": 1.0, "y": 2.0, "z": 3.0}, b"TEST")
    assert DRAWING.read("Point", content)["y"] == 2.0


def test_damage_shows_as_an_error_that_is_announced() -> None:
    drawing = {
        "title": "title",
        "shape": ("Square", {"side": 3}),
        "words": ["a", "b"],
        "points": [{"x": 1.0, "y": 2.0}],
    }
    content = DRAWING.write("Drawing", drawing, b"TEST")
    noticed = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        for whole in (bytes(damaged), content[:position]):
            try:
                plain("Drawing", DRAWING.read("Drawing", whole))
            except READ_ERRORS:
                noticed += 1
    assert noticed > len(content)


def test_a_vector_that_claims_more_than_the_buffer_holds_is_refused() -> None:
    content = DRAWING.write("Drawing", {"raw": b"abcd"}, b"TEST")
    place = content.index(b"\4\0\0\0abcd")
    longer = content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]
    with pytest.raises(ValueError, match="4294967295 elements of ubyte do not fit"):
        DRAWING.read("Drawing", longer)["raw"]
