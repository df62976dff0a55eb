"""Files of entries, as iterables that can be iterated several times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brevo_balance_async.core import validation
from brevo_balance_async.errors import MOST_PROBLEMS, InputFileError, Problem
from brevo_balance_async.importer.columns import Schema
from brevo_balance_async.importer.lines import BrokenFileError, Identity, numbered, opened
from brevo_balance_async.importer.rows import Row, csv_rows, jsonl_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from brevo_balance_async.importer.entries import Entry

    Parser = Callable[[Iterator[tuple[int, str]], Schema], Iterator[Row]]


class EntryFile:
    """The entries of one file, in file order, one in memory at a time. ``read_csv`` and ``read_jsonl`` make it.

    Every iteration reads the file again and raises ``InputFileError`` if it has changed since the first one (inode,
    size or time of modification). To read a corrected file, make a new ``EntryFile``.

    After the first bad row no more entries are given, but reading goes on to the end of the file or to the 20th
    problem. Then one ``InputFileError`` names them all. Entries before the first bad row were already given, so act on
    none of them before the iteration has ended.
    """

    def __init__(
        self, path: str | os.PathLike[str], parser: Parser, balance_definition_id: str | UUID | None
    ) -> None:
        self.path: Path = Path(path)
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
        """Names of columns (or keys) that are ignored, each once, in what was read so far; at most 100."""
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

    Required columns: ``reference``, ``contact_id`` and ``amount``. Optional ones, which may be empty:
    ``balance_definition_id``, ``event_time`` (ISO 8601 with an offset), ``meta`` (a JSON object) and
    ``balance_expiry_in_minutes``. Other columns are ignored and named in ``.ignored``. The argument
    ``balance_definition_id`` is for rows without one.

    A quoted field must end on its line. Otherwise a stray quote could not be told from a field of several lines, and
    the rows in between would be lost. Lines have at most 65,536 bytes; blank lines are skipped.

    Raises ``InvalidRequestError`` for a bad ``balance_definition_id``. Iterating raises ``InputFileError`` with the
    lines of all problems: bad values, a missing or repeated column, a record longer or shorter than the header, a file
    that changes while it is read, a pipe.
    """
    return EntryFile(path, csv_rows, balance_definition_id)


def read_jsonl(path: str | os.PathLike[str], *, balance_definition_id: str | UUID | None = None) -> EntryFile:
    """The entries of a file with one JSON object in each line. The keys are the columns of ``read_csv``.

    ``reference`` and ``event_time`` are text, ``contact_id`` is an integer and not text, ``amount`` a number (read
    exactly, not as a float) or text, ``meta`` an object; optional keys may be ``null``. A repeated key in an object,
    ``NaN`` and ``Infinity`` are refused. Limits and errors are those of ``read_csv``.
    """
    return EntryFile(path, jsonl_rows, balance_definition_id)
