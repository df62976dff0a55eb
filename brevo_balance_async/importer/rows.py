"""Lines to entries: CSV records and JSON objects. A bad row becomes a ``Problem``, and the next row is read."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from attrs import define, field

from brevo_balance_async.core.readers import decimal_text
from brevo_balance_async.core.validation import shown
from brevo_balance_async.errors import InvalidRequestError, Problem
from brevo_balance_async.importer.entries import Entry
from brevo_balance_async.importer.lines import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Lines: TypeAlias = "Iterator[tuple[int, str]]"
Row: TypeAlias = "Entry | Problem"

_REQUIRED: Final = ("reference", "contact_id", "amount")
_NAMES: Final = (*_REQUIRED, "balance_definition_id", "event_time", "meta", "balance_expiry_in_minutes")
_SQUEEZED: Final = {name.replace("_", ""): name for name in _NAMES}
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,18}")
_RECORD: Final = re.compile(r'(?:"(?:[^"]|"")*+"|[^",]*+)(?:,(?:"(?:[^"]|"")*+"|[^",]*+))*+')
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_MOST_IGNORED: Final = 100


@define(eq=False)
class Schema:
    """What is known about a file's columns or keys."""

    balance_definition_id: str | None
    """For rows that name none."""
    ignored: dict[str, None] = field(factory=dict)
    """Names that are not read, in the order in which they were met."""

    def ignore(self, name: str) -> None:
        """Note a name that is not read; ``eventTime`` is no such name but a slip, and would lose the value."""
        if name in self.ignored:
            return
        meant = _SQUEEZED.get("".join(filter(str.isalnum, name)).lower())
        if meant:
            raise InvalidRequestError(name, f"is not a known name: write {meant}")
        if len(self.ignored) < _MOST_IGNORED:
            self.ignored[name] = None

    def entry(self, line: int, values: dict[str, Any]) -> Entry:
        """The entry of one row; the optional values may be None."""
        if values.get("balance_definition_id") is None:
            if self.balance_definition_id is None:
                raise InvalidRequestError(
                    "balance_definition_id", "is missing, and none was given for the file"
                )
            values["balance_definition_id"] = self.balance_definition_id
        for name in _REQUIRED:
            if name not in values:
                raise InvalidRequestError(name, "is missing")
        return Entry(**values, line=line)


def csv_rows(lines: Lines, schema: Schema) -> Iterator[Row]:
    """The rows of a CSV whose first line that is not blank is its header."""
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
    except csv.Error as error:  # a field beyond csv.field_size_limit
        raise InvalidRequestError("", str(error)) from None


def _columns(text: str, names: list[str], schema: Schema) -> list[tuple[int, str, Callable[[str], Any]]]:
    """Where the columns stand that are read, and how each is read."""
    missing = [name for name in _REQUIRED if name not in names]
    if schema.balance_definition_id is None and "balance_definition_id" not in names:
        missing.append("balance_definition_id")
    if missing:
        for delimiter, what in _DELIMITERS.items():
            if delimiter in text and len(names) < len(text.split(delimiter)):
                raise InvalidRequestError("", f"the columns are separated by {what}: save it with commas")
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            raise InvalidRequestError(name, f"the column stands twice in the header: {shown(name)}")
        if name not in _NAMES:
            schema.ignore(name)
    if missing:
        hint = " (or is given for the whole file)" if missing[-1] == "balance_definition_id" else ""
        raise InvalidRequestError(
            missing[0], f"column missing: {', '.join(missing)}{hint}; the header has {', '.join(names):.200}"
        )
    return [(names.index(name), name, _FROM_TEXT[name]) for name in _NAMES if name in names]


def jsonl_rows(lines: Lines, schema: Schema) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    for number, text in lines:
        try:
            given = _object(text)
            for name in given.keys() - _KNOWN:
                schema.ignore(name)
            values: dict[str, Any] = {name: given[name] for name in _NAMES if name in given}
            if values.get("event_time") is not None:
                values["event_time"] = _moment(values["event_time"])
            yield schema.entry(number, values)
        except InvalidRequestError as error:
            yield Problem(number, error.argument or None, error.reason)


# One value ---------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return text


def _text_or_none(text: str) -> str | None:
    return text or None


def _whole(text: str) -> int | str:
    """A number if it is written as one; all else stays text, which the entry refuses by showing it."""
    return int(text) if _WHOLE.fullmatch(text) else text


def _whole_or_none(text: str) -> int | str | None:
    return _whole(text) if text else None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):  # TypeError: JSON holds no text there
        raise InvalidRequestError(
            "event_time", f"must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not {shown(text)}"
        ) from None


def _moment_or_none(text: str) -> datetime | None:
    return _moment(text) if text else None


def _object_or_none(text: str) -> dict[str, Any] | None:
    return _object(text, "meta") if text else None


_FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "reference": _text,
    "contact_id": _whole,
    "amount": _text,
    "balance_definition_id": _text_or_none,
    "event_time": _moment_or_none,
    "meta": _object_or_none,
    "balance_expiry_in_minutes": _whole_or_none,
}
_KNOWN: Final = frozenset(_NAMES)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=decimal_text, parse_constant=_no_number
)


def _object(text: str, argument: str = "") -> dict[str, Any]:
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(argument, f"must be one JSON object on one line: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(argument, f"must be a JSON object, not {shown(value)}")
    return value
