"""Write records as table, json, jsonl or csv, page by page, so that memory does not grow with the listing.

Amounts are written with their exact decimal digits, in JSON as a string (``"12.50"``), so that no reader turns them
into a binary float by accident.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import attrs

from brevo_balance_async.core.codec import wire_time

from .progress import progress
from .terminal import console, printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async import Paginator

T = TypeVar("T")

Format: TypeAlias = Literal["table", "json", "jsonl", "csv"]


async def export(walk: Paginator[T], kind: type[T], columns: Sequence[str], output: Format) -> None:
    """Write a whole listing to stdout, page by page. A table shows ``columns``, the other formats every field.

    If the walk fails, JSON lacks its closing bracket, so that nobody takes a part for the whole listing.
    """
    lines = writer(output, kind, columns)
    written = 0
    try:
        # No bar if stdout is the terminal: the rows themselves show the progress.
        with progress(enabled=not sys.stdout.isatty()) as display:
            bar = display.add_task("reading", total=None)
            async for page in walk.pages():
                lines.page(page.items)
                written += len(page.items)
                display.update(bar, advance=len(page.items), total=page.count)
    except asyncio.CancelledError:  # Ctrl-C
        say(f"interrupted: {written:,} rows were written, which is not the whole listing")
        raise
    lines.end()


class Writer(Protocol):
    """Writes a listing to stdout."""

    def page(self, records: Sequence[Any]) -> None:
        """Write some more records."""

    def end(self) -> None:
        """Write the end of the format, after the last record."""


def writer(output: Format, kind: type[Any], columns: Sequence[str]) -> Writer:
    """The writer of a format for records of one model."""
    names = [field.name for field in attrs.fields(kind)]
    match output:
        case "table":
            return _Table(columns)
        case "json":
            return _Json()
        case "jsonl":
            return _JsonLines()
        case "csv":
            return _Csv(names)


def show(record: Any, output: Format) -> None:
    """Write one record: as a JSON object, a csv with one row, or a table of names and values."""
    match output:
        case "json":
            sys.stdout.write(_dumps(_plain(record), indent=2) + "\n")
        case "table":
            cells = {name: _cell(value) for name, value in _fields(record).items() if _present(value)}
            width = max(map(len, cells), default=0)
            out = console()
            for name, value in cells.items():
                out.out(name.ljust(width), style="bold", end="  ")
                out.out(printable(value))
        case _:
            lines = writer(output, type(record), ())
            lines.page([record])
            lines.end()


class _Json:
    def __init__(self) -> None:
        self._separator = "[\n"

    def page(self, records: Sequence[Any]) -> None:
        for record in records:
            sys.stdout.write(self._separator + _dumps(_plain(record)))
            self._separator = ",\n"

    def end(self) -> None:
        sys.stdout.write("[]\n" if self._separator == "[\n" else "\n]\n")


class _JsonLines:
    def page(self, records: Sequence[Any]) -> None:
        for record in records:
            sys.stdout.write(_dumps(_plain(record)) + "\n")

    def end(self) -> None:
        pass


class _Csv:
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        self._rows.writerow(names)

    def page(self, records: Sequence[Any]) -> None:
        self._rows.writerows([_text(getattr(record, name)) for name in self._names] for record in records)

    def end(self) -> None:
        pass


class _Table:
    """Columns are as wide as the first page needs. A wider cell of a later page only shifts its own row."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._widths: list[int] = []
        self._right: list[bool] = []

    def page(self, records: Sequence[Any]) -> None:
        rows = [[getattr(record, name) for name in self._columns] for record in records]
        cells = [[printable(_cell(value)) for value in row] for row in rows]
        if not self._widths:
            self._begin(rows, cells)
        for row in cells:
            sys.stdout.write(self._line(row) + "\n")

    def end(self) -> None:
        if not self._widths:
            self._begin([], [])

    def _begin(self, rows: Sequence[Sequence[Any]], cells: Sequence[Sequence[str]]) -> None:
        titles = [name.replace("_", " ") for name in self._columns]
        self._widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        self._right = [
            bool(column) and all(value is None or isinstance(value, (int, Decimal)) for value in column)
            for column in (zip(*rows, strict=True) if rows else [()] * len(titles))
        ]
        console().out(self._line(titles), style="bold")

    def _line(self, cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, self._widths, self._right, strict=True)
        )
        return "  ".join(aligned).rstrip()


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in attrs.fields(type(record))}


def _present(value: Any) -> bool:
    return value is not None and value != {}


def _plain(value: Any) -> Any:
    """The value as JSON types. ``extra`` of a model is left out if it is empty."""
    if attrs.has(type(value)):
        return {name: _plain(each) for name, each in _fields(value).items() if name != "extra" or each}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return _text(value) if isinstance(value, (Decimal, datetime)) else value


def _dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _text(value: Any) -> str:
    """The text of a cell; empty for None and for an empty map."""
    if isinstance(value, Decimal):
        # A server may send any exponent: 1e50000000 written out has 50 MB.
        return format(value, "f") if abs(value.adjusted()) < 100 else str(value)
    if isinstance(value, datetime):
        return _timestamp(value)
    if isinstance(value, (dict, list, tuple)):
        return _dumps(_plain(value)) if value else ""
    return "" if value is None else str(value)


def _timestamp(value: datetime) -> str:
    try:
        return wire_time(value)
    except OverflowError:  # in UTC it is before year 1 or after year 9999
        return value.isoformat()


def _cell(value: Any) -> str:
    return _text(value) or "-"
