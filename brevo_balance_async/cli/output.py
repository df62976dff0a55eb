"""Write records as table, json, jsonl or csv, page by page, so that memory does not grow with the listing.

Amounts are written with their exact decimal digits, in JSON as a string (``"12.50"``), so that no reader turns them
into a binary float by accident.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import attrs

from .cells import csv_line, dumps, fields, text
from .table import Table, cell_width
from .terminal import CommandError, console, printable, say, width, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brevo_balance_async import Paginator

T = TypeVar("T")

Format: TypeAlias = Literal["table", "json", "jsonl", "csv"]


async def export(
    walk: Paginator[T],
    kind: type[T],
    columns: Sequence[str],
    output: Format,
    *,
    limit: int | None = None,
    seen: Callable[[Sequence[T]], None] = lambda _: None,
) -> None:
    """Write a listing to stdout, page by page: all of it, or ``limit`` rows. ``seen`` is given each page.

    A table shows ``columns``, the other formats every field. If the walk fails, JSON lacks its closing bracket, so
    that nobody takes a part for the whole listing.
    """
    lines = writer(output, kind, columns)
    written = 0
    walk = walk if limit is None else walk.take(limit)
    try:
        with _bar() as advance:
            async for page in walk.pages():
                lines.page(page.items)
                seen(page.items)
                written += len(page.items)
                total = page.count if limit is None or page.count is None else min(page.count, limit)
                advance(len(page.items), total)
    except asyncio.CancelledError:  # Ctrl-C
        say(f"interrupted: {written:,} rows were written, which is not the whole listing")
        raise
    lines.end()


@contextmanager
def _bar() -> Iterator[Callable[[int, int | None], None]]:
    """Give a function that takes the number of new rows, and of all of them if it is known."""
    if sys.stdout.isatty() or not sys.stderr.isatty():  # on stdout the rows themselves show the progress
        yield lambda *_: None
        return
    from .progress import progress  # noqa: PLC0415  (loads slowly, and most commands do without it)

    with progress() as display:
        task = display.add_task("reading", total=None)
        yield lambda more, total: display.update(task, advance=more, total=total)


class Writer(Protocol):
    """Writes a listing to stdout."""

    def page(self, records: Sequence[Any]) -> None:
        """Write some more records."""

    def end(self) -> None:
        """Write the end of the format, after the last record."""


def writer(output: Format, kind: type[Any], columns: Sequence[str]) -> Writer:
    """The writer of a format for records of one model; the first of ``columns`` are the most important."""
    match output:
        case "table":
            return Table(columns)
        case "json":
            return _Json()
        case "jsonl":
            return _JsonLines()
        case "csv":
            return _Csv([field.name for field in attrs.fields(kind)])


def show(record: Any, output: Format) -> None:
    """Write one record: as a JSON object, a csv with one row, or a table of names and values."""
    match output:
        case "json":
            write(_json(record, indent=2) + "\n")
        case "table":
            _card(record)
        case _:
            lines = writer(output, type(record), ())
            lines.page([record])
            lines.end()


def show_done(record: Any, output: Format) -> None:
    """``show`` the result of a write. If it cannot be shown, the write was made all the same: the exit code is 6."""
    with _done():
        show(record, output)
        sys.stdout.flush()


@contextmanager
def _done() -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        if isinstance(error, OSError):
            drop_output()
        raise CommandError(
            f"it was done, but the result could not be written: {error}",
            hint="do not send it again before you have looked at what is there",
            code=6,
        ) from error


def drop_output() -> None:
    """Forget what stdout could not write, or the interpreter prints an error when it flushes stdout at exit."""
    import os  # noqa: PLC0415

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _card(record: Any) -> None:
    cells = {name: text(value) for name, value in fields(record).items()}
    cells = {name: printable(value) for name, value in cells.items() if value}
    longest = max(map(cell_width, cells), default=0)
    bold = None if width() is None else console()
    for name, value in cells.items():
        if bold is None:
            write(name.ljust(longest))
        else:
            bold.out(name.ljust(longest), style="bold", end="")
        write(f"  {value}\n")


class _Json:
    def __init__(self) -> None:
        self._separator = "[\n"

    def page(self, records: Sequence[Any]) -> None:
        for record in records:
            write(self._separator + _json(record))
            self._separator = ",\n"

    def end(self) -> None:
        write("[]\n" if self._separator == "[\n" else "\n]\n")


class _JsonLines:
    def page(self, records: Sequence[Any]) -> None:
        for record in records:
            write(_json(record) + "\n")

    def end(self) -> None:
        pass


class _Csv:
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        write(csv_line(names))

    def page(self, records: Sequence[Any]) -> None:
        for record in records:
            write(csv_line(text(getattr(record, name)) for name in self._names))

    def end(self) -> None:
        pass


def _json(record: Any, indent: int | None = None) -> str:
    # Any encoding can carry JSON, if other characters are escaped.
    return dumps(record, indent, ascii_only=not is_utf8())


def is_utf8() -> bool:
    """Whether stdout can carry any text."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
