"""Files of entries, as iterables that can be read as often as somebody likes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from brevo_balance_async.core import validation
from brevo_balance_async.errors import InputFileError, Problem
from brevo_balance_async.importer.columns import Schema
from brevo_balance_async.importer.lines import BrokenFileError, Identity, numbered, opened
from brevo_balance_async.importer.rows import Row, csv_rows, jsonl_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from brevo_balance_async.importer.entries import Entry

    Parser = Callable[[Iterator[tuple[int, str]], Schema], Iterator[Row]]

MOST_PROBLEMS: Final = 20
"""An error tells so many problems; reading stops there."""


class EntryFile:
    """The entries of one file, in file order, one in memory at a time. ``read_csv`` and ``read_jsonl`` make it.

    Every iteration opens and reads the file anew, and all of them must find the same file: the first remembers its
    inode, size and time of modification. To read a mended file make a new ``EntryFile``.

    After the first bad row no more entries are given, but reading goes on to the end of the file or to the 20th
    problem. Then one ``InputFileError`` tells them all, so that a file can be mended in one go. Entries that came
    before the first bad row have been given by then: act on none before the last has come.
    """

    def __init__(
        self, path: str | os.PathLike[str], parser: Parser, balance_definition_id: str | UUID | None
    ) -> None:
        self.path = Path(path)
        self._parser = parser
        self._schema = Schema(
            None
            if balance_definition_id is None
            else validation.uuid("balance_definition_id", balance_definition_id)
        )
        self._identity: Identity | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self.path)!r}>"

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of columns (or keys) that are not read, each once, as far as the file has been read.

        At most 100 of them are kept.
        """
        return tuple(self._schema.ignored)

    def __iter__(self) -> Iterator[Entry]:
        problems: list[Problem] = []
        empty = True
        try:
            with opened(self.path) as (file, identity):
                if self._identity not in {None, identity}:
                    raise BrokenFileError("has changed since it was read first: read it anew from the start")
                self._identity = identity
                for row in self._parser(numbered(self.path, file, identity), self._schema):
                    empty = False
                    if isinstance(row, Problem):
                        problems.append(row)
                        if len(problems) == MOST_PROBLEMS:
                            break
                    elif not problems:
                        yield row
            if empty:
                raise BrokenFileError("holds no rows")
        except BrokenFileError as error:
            problems.append(error.problem)
            raise InputFileError(self.path, problems) from error.__cause__
        if problems:
            raise InputFileError(self.path, problems)


def read_csv(path: str | os.PathLike[str], *, balance_definition_id: str | UUID | None = None) -> EntryFile:
    """The entries of a CSV: UTF-8, with or without a byte order mark, commas, a header, one record a line.

    Columns: ``reference``, ``contact_id`` and ``amount``; if there, also ``balance_definition_id``, ``event_time``
    (ISO 8601 with an offset), ``meta`` (a JSON object) and ``balance_expiry_in_minutes``, each of which may be empty.
    Other columns are ignored, and named in ``.ignored``. ``balance_definition_id`` here is for rows that name none.

    A quoted field must end on its line: a stray quote looks the same as a field of several lines, and would swallow
    the rows in between. Lines have at most 65,536 bytes; blank ones are skipped. What cannot be read raises
    ``InputFileError`` while iterating, with the line; a column twice or missing, a record longer or shorter than
    its header, a file that changes while it is read, and a pipe are among it.
    """
    return EntryFile(path, csv_rows, balance_definition_id)


def read_jsonl(path: str | os.PathLike[str], *, balance_definition_id: str | UUID | None = None) -> EntryFile:
    """The entries of a file with one JSON object a line, with the keys that ``read_csv`` has as columns.

    ``reference`` and ``event_time`` are text, ``contact_id`` is a whole number and no text, ``amount`` a number
    (read exactly, never through a float) or text, ``meta`` an object; the optional ones may be ``null``. A key twice
    in an object, ``NaN`` and ``Infinity`` are refused. All else is as with ``read_csv``.
    """
    return EntryFile(path, jsonl_rows, balance_definition_id)
