"""JSON text and timestamps, exactly: an amount that came in as ``12.50`` is ``Decimal`` inside and ``12.5`` outside."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, NoReturn

from brevo_balance_async.sandbox.rules.refusals import malformed

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Json(str):
    """JSON text that is ready to be written as it stands."""

    __slots__ = ()


def read_json(body: bytes) -> Any:
    """The JSON value of a body: whole numbers as ``int``, all others as ``Decimal``; 400 when it is none."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise malformed(f"invalid JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def write_json(value: Any) -> str:
    """Compact JSON text; a ``Decimal`` becomes the shortest exact number, which the standard encoder cannot write."""
    kind = type(value)
    if kind is str:
        return quoted(value)
    if value is None:
        return "null"
    if kind is Decimal:
        return number_text(value)
    if kind is int:
        return str(value)
    if kind is datetime:
        return f'"{timestamp(value)}"'
    if kind is bool:
        return "true" if value else "false"
    if kind is Json:
        return str(value)
    if kind is dict:
        return "{" + ",".join([f"{quoted(key)}:{write_json(item)}" for key, item in value.items()]) + "}"
    if kind is list:
        return "[" + ",".join([write_json(item) for item in value]) + "]"
    if kind is float and isfinite(value):  # a switch or a scripted body; amounts are never floats
        return repr(value)
    raise TypeError(f"{value!r} has no JSON form here")


@lru_cache(maxsize=4096)
def number_text(number: Decimal) -> str:
    """``340`` for 340.00, ``12.5`` for 12.50: plain digits, no exponent, no trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z``, the way Brevo's samples write it."""
    # Without a zone, because writing its offset would take as long as the rest.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "milliseconds") + "Z"


timestamp = lru_cache(maxsize=4096)(rfc3339)
"""``rfc3339`` for moments that are met again: a row has the same one in several places."""


def read_timestamp(text: str) -> datetime | None:
    """The moment an RFC 3339 text names, cut to milliseconds; None when it is none or has no zone."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
