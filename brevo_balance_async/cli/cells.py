"""Values as text: exact amounts, times of UTC, JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from brevo_balance_async.core.codec import wire_time

if TYPE_CHECKING:
    from collections.abc import Iterable


def fields(record: Any) -> dict[str, Any]:
    """The fields of a model, by their names."""
    return {field.name: getattr(record, field.name) for field in attrs.fields(type(record))}


def plain(value: Any) -> Any:
    """The value as JSON types. ``extra`` of a model is left out if it is empty."""
    if attrs.has(type(value)):
        return {name: plain(each) for name, each in fields(value).items() if name != "extra" or each}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return text(value) if isinstance(value, (Decimal, datetime)) else value


def dumps(value: Any, indent: int | None = None, *, ascii_only: bool = False) -> str:
    """The value as JSON, amounts and times as strings."""
    return json.dumps(plain(value), ensure_ascii=ascii_only, indent=indent)


def text(value: Any) -> str:
    """The text of a cell; empty for None and for an empty map."""
    if isinstance(value, Decimal):
        # A server may send any exponent: 1e50000000 written out has 50 MB.
        return format(value, "f") if abs(value.adjusted()) < 100 else str(value)
    if isinstance(value, datetime):
        return _timestamp(value)
    if isinstance(value, (dict, list, tuple)):
        return dumps(value) if value else ""
    return "" if value is None else str(value)


def short(value: Any) -> str:
    """The text of a cell of a table: a dash for nothing, a time to the second."""
    if isinstance(value, datetime):
        try:
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        except OverflowError:
            return _timestamp(value)
    return text(value) or "-"


def csv_line(values: Iterable[str]) -> str:
    """A line of CSV. A field with a comma, a quote or any line break in it is quoted.

    Before Python 3.13 the standard library leaves a carriage return bare, and a reader takes it for the end of a row.
    """
    return ",".join(map(_quoted, values)) + "\n"


def _quoted(value: str) -> str:
    return f'"{value.replace(chr(34), chr(34) * 2)}"' if any(c in value for c in ',"\r\n') else value


def _timestamp(value: datetime) -> str:
    try:
        return wire_time(value)
    except OverflowError:  # in UTC it is before year 1 or after year 9999
        return value.isoformat()
