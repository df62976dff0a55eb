"""Turn lines into entries: CSV records and JSON objects. A bad row becomes a ``Problem``, and reading goes on."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from brevo_balance_async.core.validation import shown
from brevo_balance_async.errors import InvalidRequestError, Problem
from brevo_balance_async.importer.columns import FROM_TEXT, NAMES, REQUIRED, json_object, repeated, timestamp
from brevo_balance_async.importer.lines import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevo_balance_async.importer.columns import Schema
    from brevo_balance_async.importer.entries import Entry

Lines: TypeAlias = "Iterator[tuple[int, str]]"
Row: TypeAlias = "Entry | Problem"

_RECORD: Final = re.compile(r'(?:"(?:[^"]|"")*+"|[^",]*+)(?:,(?:"(?:[^"]|"")*+"|[^",]*+))*+')
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


def csv_rows(lines: Lines, schema: Schema) -> Iterator[Row]:
    """The rows of a CSV. The first line that is not blank is its header."""
    first = next(lines, None)
    if first is None:
        raise BrokenFileError("is empty")
    try:
        names = _fields(first[1])
        columns = _columns(first[1], names, schema)
    except InvalidRequestError as error:
        raise BrokenFileError(error.reason, first[0], error.argument or None) from None
    for number, text in lines:
        try:
            fields = _fields(text)
            if len(fields) != len(names):
                raise InvalidRequestError(
                    "", f"the record has {len(fields)} fields, its header (line {first[0]}) has {len(names)}"
                )
            yield schema.entry(number, {name: read(fields[at]) for at, name, read in columns})
        except InvalidRequestError as error:
            yield Problem(number, error.argument or None, error.reason)


def _fields(text: str) -> list[str]:
    if '"' in text and not _RECORD.fullmatch(text):
        raise InvalidRequestError(
            "",
            "a stray quote: a quoted field is quoted as a whole, ends on its line, and doubles the quotes inside it",
        )
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:  # a field is longer than csv.field_size_limit
        raise InvalidRequestError("", str(error)) from None


def _columns(text: str, names: list[str], schema: Schema) -> list[tuple[int, str, Callable[[str], Any]]]:
    """Index, name and reader of each known column. Raises ``InvalidRequestError`` for a bad header."""
    missing = [name for name in REQUIRED if name not in names]
    if schema.balance_definition_id is None and "balance_definition_id" not in names:
        missing.append("balance_definition_id")
    if missing:
        for delimiter, what in _DELIMITERS.items():
            if delimiter in text and len(names) < len(text.split(delimiter)):
                raise InvalidRequestError("", f"the columns are separated by {what}: save it with commas")
    if (twice := repeated(names)) is not None:
        raise InvalidRequestError(twice, f"the column stands twice in the header: {shown(twice)}")
    for name in names:
        if name not in FROM_TEXT:
            schema.ignore(name)
    if missing:
        hint = " (or is given for the whole file)" if missing[-1] == "balance_definition_id" else ""
        raise InvalidRequestError(
            missing[0], f"column missing: {', '.join(missing)}{hint}; the header has {', '.join(names):.200}"
        )
    return [(names.index(name), name, FROM_TEXT[name]) for name in NAMES if name in names]


def jsonl_rows(lines: Lines, schema: Schema) -> Iterator[Row]:
    """The rows of a file with one JSON object in each line."""
    for number, text in lines:
        try:
            given = json_object(text)
            for name in given:
                if name not in FROM_TEXT:
                    schema.ignore(name)
            values: dict[str, Any] = {name: given[name] for name in NAMES if name in given}
            if values.get("event_time") is not None:
                values["event_time"] = timestamp(values["event_time"])
            yield schema.entry(number, values)
        except InvalidRequestError as error:
            yield Problem(number, error.argument or None, error.reason)
