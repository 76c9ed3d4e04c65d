"""Flatbuffer tables by a schema of a few lines, without generated code: written from dicts, read on demand.

    Schema({"Circle": "name:string radius:float", "Drawing": "title:string shapes:[Circle]"})

The text reads like a .fbs file: fields are numbered as they come, `[x]` is a vector. A union takes two numbers, the
first for which of its tables follows; its value is a pair of the table's name and the table.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
from flatbuffers import number_types as numbers
from flatbuffers.table import Table

SCALARS = {
    "byte": numbers.Int8Flags,
    "ubyte": numbers.Uint8Flags,
    "int": numbers.Int32Flags,
    "uint": numbers.Uint32Flags,
    "float": numbers.Float32Flags,
}

#: What reading a damaged buffer may raise.
READ_ERRORS = (struct.error, IndexError, TypeError, ValueError)


class Schema:
    """Tables, each with its fields as `name:kind` between blanks, and unions, each with the names of its tables.

    A field of an unknown kind, such as `_`, only takes up its number; it can be neither written nor read.
    """

    def __init__(self, tables: Mapping[str, str], unions: Mapping[str, Sequence[str]] | None = None) -> None:
        self.unions = unions or {}
        self.tables = {name: self._fields(text) for name, text in tables.items()}

    def _fields(self, text: str) -> dict[str, tuple[int, str]]:
        """Number and kind of each field; a union is known by the second of its numbers."""
        fields, number = {}, 0
        for name, kind in (field.split(":") for field in text.split()):
            number += kind in self.unions
            fields[name] = number, kind
            number += 1
        return fields

    def write(self, table: str, values: Mapping[str, Any], identifier: bytes) -> bytes:
        """A buffer with one root table and a file identifier of four bytes."""
        builder = flatbuffers.Builder()
        builder.Finish(self._put(builder, table, values), identifier)
        return bytes(builder.Output())

    def read(self, table: str, content: bytes) -> View:
        """The root table of a buffer. Damage shows when a field is read, as one of READ_ERRORS."""
        return View(self, table, content, int(Table(content, 0).Indirect(0)))

    def _put(self, builder: Any, kind: str, value: Any) -> int:
        """Write what does not fit into a slot, and return where it lies."""
        if kind == "string":
            return int(builder.CreateString(value))
        if kind.startswith("["):
            return self._put_vector(builder, kind[1:-1], value)
        slots = []  # what a table points to must be complete before the table begins
        for name, item in value.items():
            number, sort = self.tables[kind][name]
            if sort in self.unions:
                member, item = item
                slots.append((number - 1, numbers.Uint8Flags, self.unions[sort].index(member) + 1))
                sort = member
            scalar = SCALARS.get(sort)
            slots.append((number, scalar, item if scalar else self._put(builder, sort, item)))
        builder.StartObject(1 + max((number for number, _, _ in slots), default=-1))
        for number, scalar, item in slots:
            if scalar:
                builder.PrependSlot(scalar, number, item, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, item, 0)
        return int(builder.EndObject())

    def _put_vector(self, builder: Any, kind: str, items: Sequence[Any]) -> int:
        scalar = SCALARS.get(kind)
        parts = items if scalar else [self._put(builder, kind, item) for item in items]
        width = (scalar or numbers.UOffsetTFlags).bytewidth
        builder.StartVector(width, len(parts), width)
        for part in reversed(parts):
            if scalar:
                builder.Prepend(scalar, part)
            else:
                builder.PrependUOffsetTRelative(part)
        return int(builder.EndVector())


class View:
    """A table of a buffer. `view[field]` reads that field: None where it is absent, or 0 where it is a number."""

    def __init__(self, schema: Schema, kind: str, content: bytes, position: int) -> None:
        self._schema, self._kind, self._table = schema, kind, Table(content, position)

    def __getitem__(self, field: str) -> Any:
        number, kind = self._schema.tables[self._kind][field]
        if kind in self._schema.unions:
            which = self._slot(number - 1, "ubyte")
            if not which:
                return None
            kind = self._schema.unions[kind][which - 1]
            return kind, self._slot(number, kind)
        return self._slot(number, kind)

    def _slot(self, number: int, kind: str) -> Any:
        offset = self._table.Offset(4 + 2 * number)  # the list of offsets begins with two sizes of two bytes
        if not offset:
            return 0 if kind in SCALARS else None
        return self._at(self._table.Pos + offset, kind)

    def _at(self, place: int, kind: str) -> Any:
        if kind in SCALARS:
            return self._table.Get(SCALARS[kind], place)
        if kind == "string":
            return self._table.String(place).decode()
        if kind.startswith("["):
            return self._vector(self._table.Indirect(place), kind[1:-1])
        return View(self._schema, kind, self._table.Bytes, self._table.Indirect(place))

    def _vector(self, place: int, kind: str) -> Any:
        """A list; bytes where the elements are."""
        length, start = self._table.Get(numbers.UOffsetTFlags, place), place + 4
        width = SCALARS[kind].bytewidth if kind in SCALARS else 4
        if start + length * width > len(self._table.Bytes):
            raise ValueError(f"{length} elements of {kind} do not fit into the buffer")
        if kind == "ubyte":
            return self._table.Bytes[start : start + length]
        return [self._at(start + index * width, kind) for index in range(length)]
