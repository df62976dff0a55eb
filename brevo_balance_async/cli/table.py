"""A table of records, as wide as its first page needs; on a terminal never wider than that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from .cells import short
from .terminal import console, printable, say, width, write

if TYPE_CHECKING:
    from collections.abc import Iterator

_GAP: Final = 2
_LEAST: Final = 8
"""Columns of a terminal that a shortened text keeps."""
_FIXED: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ|-")
"""An id or a time, which is of no use if it is shortened."""


class Table:
    """Columns, the most important first. A row of a later page with a wider number or id only shifts itself.

    What does not fit is cut, text first; then the last columns are left out, and at last ids are cut.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [*columns]
        self._widths: list[int] = []
        self._right: list[bool] = []
        self._cut: list[bool] = []
        self._left_out: list[str] = []

    def page(self, records: Sequence[Any]) -> None:
        """Write some more records; the first ones decide about the columns."""
        if not self._widths:
            self._begin(records)
        for row in self._cells(records):
            write(self._line(row) + "\n")

    def end(self) -> None:
        """Write the head of an empty table, and say which columns did not fit."""
        if not self._widths:
            self._begin([])
        if self._left_out:
            say(f"no room for {', '.join(self._left_out)}: widen the terminal, or use --output json")

    def _cells(self, records: Sequence[Any]) -> Iterator[list[str]]:
        for record in records:
            yield [printable(short(getattr(record, name))) for name in self._columns]

    def _begin(self, records: Sequence[Any]) -> None:
        titles = [name.replace("_", " ") for name in self._columns]
        values = [[getattr(record, name) for record in records] for name in self._columns]
        cells = [list(column) for column in zip(*self._cells(records), strict=True)] or [[] for _ in titles]
        self._right = [bool(each) and all(map(_is_number, each)) for each in values]
        self._cut = [
            not right and not all(map(_FIXED.fullmatch, column))
            for right, column in zip(self._right, cells, strict=True)
        ]
        self._widths = [
            max(cell_width(cell) for cell in (title, *column))
            for title, column in zip(titles, cells, strict=True)
        ]
        if (room := width()) is not None:
            self._fit(room)
        head = self._line([name.replace("_", " ") for name in self._columns])
        if room is None:
            write(head + "\n")
        else:
            console().out(head, style="bold")

    def _fit(self, room: int) -> None:
        self._shorten(room, [at for at, cut in enumerate(self._cut) if cut], _LEAST)
        while self._excess(room) and len(self._columns) > 2 and not self._right[-1]:
            self._left_out.insert(0, self._columns.pop().replace("_", " "))
            for each in (self._widths, self._right, self._cut):
                each.pop()
        ids = [at for at, right in enumerate(self._right) if not right]
        for at in ids if self._excess(room) else ():
            self._cut[at] = True
        self._shorten(room, ids, _LEAST)

    def _shorten(self, room: int, columns: Sequence[int], least: int) -> None:
        """Take from the widest of these columns, one after another, until the table fits or nothing is left."""
        while self._excess(room) and columns:
            widest = max(columns, key=lambda at: self._widths[at])
            if self._widths[widest] <= least:
                return
            self._widths[widest] -= 1

    def _excess(self, room: int) -> bool:
        return sum(self._widths) + _GAP * (len(self._widths) - 1) > room

    def _line(self, cells: Sequence[str]) -> str:
        return (" " * _GAP).join(map(self._placed, cells, self._widths, self._right, self._cut)).rstrip()

    @staticmethod
    def _placed(cell: str, wanted: int, right: bool, cut: bool) -> str:
        if cut and cell_width(cell) > wanted:
            cell = _shortened(cell, wanted)
        padding = " " * (wanted - cell_width(cell))
        return padding + cell if right else cell + padding


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415  (most tables do without it)

    return cell_len(text)


def _shortened(text: str, wanted: int) -> str:
    from rich.cells import set_cell_size  # noqa: PLC0415

    return set_cell_size(text, wanted - 1).rstrip() + "…"


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, Decimal))
