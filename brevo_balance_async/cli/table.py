"""A table of records, as wide as its first page needs; on a terminal never wider than that is."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from .cells import short
from .terminal import console, printable, say, width, write

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP: Final = 2
_LEAST: Final = 8
"""Columns of a terminal that a shortened text keeps."""
_NUMBERS: Final = (int, Decimal)
_FIXED: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ|-")
"""An id or a time, which is of no use if it is shortened."""


class Table:
    """Columns, the most important first. A row of a later page with a wider number or id only shifts itself.

    On a terminal columns are left out until the rest fits, at first empty ones, then from the last on, but never the
    first two or a number. Of the rest texts are cut, and if that is not enough, ids too.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [_Column(name) for name in columns]
        self._began = False
        self._left_out: list[str] = []

    def page(self, records: Sequence[Any]) -> None:
        """Write some more records; the first ones decide about the columns."""
        if not self._began:
            self._begin(records)
        for record in records:
            self._write([printable(short(getattr(record, column.name))) for column in self._columns])

    def end(self) -> None:
        """Write the head of an empty table, and say which columns did not fit."""
        if not self._began:
            self._begin([])
        if self._left_out:
            say(f"no room for {', '.join(self._left_out)}; --output json shows all")

    def _begin(self, records: Sequence[Any]) -> None:
        self._began = True
        for column in self._columns:
            column.measure([getattr(record, column.name) for record in records])
        if (room := width()) is None:
            self._write([column.title for column in self._columns])
            return
        self._fit(room)
        console().out(self._line([column.title for column in self._columns]), style="bold")

    def _fit(self, room: int) -> None:
        while not self._shorten(room, [column for column in self._columns if column.is_text]):
            if (column := self._dispensable()) is None:
                self._shorten(room, [column for column in self._columns if not column.is_number])
                return
            self._columns.remove(column)
            self._left_out.append(column.title)

    def _dispensable(self) -> _Column | None:
        rest = self._columns[:1:-1]
        empty = [column for column in rest if column.is_empty]
        return next(iter(empty or (column for column in rest if not column.is_number)), None)

    def _shorten(self, room: int, columns: Sequence[_Column]) -> bool:
        """Narrow the widest of these columns, one after another; False if the table does not fit even then."""
        gaps = _GAP * (len(self._columns) - 1)
        for column in self._columns:
            column.width = column.natural
        while sum(column.width for column in self._columns) + gaps > room:
            widest = max(columns, key=lambda column: column.width, default=None)
            if widest is None or widest.width <= _LEAST:
                return False
            widest.width -= 1
        return True

    def _write(self, cells: Sequence[str]) -> None:
        write(self._line(cells) + "\n")

    def _line(self, cells: Sequence[str]) -> str:
        placed = (column.place(cell) for column, cell in zip(self._columns, cells, strict=True))
        return (" " * _GAP).join(placed).rstrip()


class _Column:
    def __init__(self, name: str) -> None:
        self.name = name
        self.title = name.replace("_", " ")
        self.natural = self.width = len(self.title)
        self.is_number = self.is_text = self.is_empty = False

    def measure(self, values: Sequence[Any]) -> None:
        """Take the width of the widest value, and find out what the values are."""
        cells = [printable(short(value)) for value in values]
        self.natural = self.width = max(map(cell_width, (self.title, *cells)))
        self.is_empty = all(value is None for value in values)
        self.is_number = bool(values) and all(
            value is None or isinstance(value, _NUMBERS) for value in values
        )
        self.is_text = not self.is_number and not all(map(_FIXED.fullmatch, cells))

    def place(self, cell: str) -> str:
        """The cell as wide as the column. A wider one is cut if the column was narrowed, and is left as it is else."""
        room = self.width - cell_width(cell)
        if room < 0 and self.width < self.natural:
            cell = _cut(cell, self.width)
            room = self.width - cell_width(cell)
        return " " * room + cell if self.is_number else cell + " " * room


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415  (most tables do without it)

    return cell_len(text)


def _cut(text: str, columns: int) -> str:
    from rich.cells import set_cell_size  # noqa: PLC0415

    return set_cell_size(text, columns - 1).rstrip() + "…"
