"""JSON text and timestamps, exactly: an amount that came in as ``12.50`` is ``Decimal`` inside and ``12.5`` outside."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, Final, NoReturn

from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid, malformed

from .sharing import shared_mapping, shared_text

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DEEPEST = 100
"""Levels of a body; what is written from it is written recursively."""
_LONGEST_INTEGER = 308
"""Digits of the largest double."""
_WIDE = Context(prec=1000)
_PLAIN = 30


class Json(str):
    """JSON text that is ready to be written as it stands."""

    __slots__ = ()


def read_json(body: bytes) -> Any:
    """The JSON value of a body: whole numbers as ``int``, all others as ``Decimal``.

    400 when it is no JSON; 422 when it is nested too deeply or has a number that no double holds.
    """
    try:
        value = json.loads(
            body, parse_float=_read_number, parse_int=_read_integer, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise malformed(f"invalid JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep() from error
    if body.count(b"[") + body.count(b"{") > _DEEPEST and _is_deep(value):
        raise _too_deep()
    return value


def as_received(value: Any) -> Any:
    """A value as a request would deliver it; what no request can carry is refused the same way."""
    try:
        return read_json(write_json(value).encode())
    except RecursionError as error:
        raise _too_deep() from error


@lru_cache(maxsize=4096)
def _read_number(text: str) -> Decimal:
    double = float(text)
    if not isfinite(double):
        raise invalid("a number is too large", "out_of_range")
    return (
        Decimal(text) if double else Decimal(0)
    )  # what is as good as zero may have an exponent of any length


@lru_cache(maxsize=4096)
def nearest_double(number: float | Decimal) -> Decimal:
    """The double nearest to ``number``, as the shortest decimal that means it; infinite when it is too large."""
    try:
        return Decimal(repr(float(number)))
    except OverflowError:
        return Decimal("Infinity")


def _read_integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise invalid("a number is too large", "out_of_range")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _too_deep() -> Refusal:
    return invalid(f"the body is nested deeper than {_DEEPEST} levels", "out_of_range")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


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
    """``340`` for 340.00, ``12.5`` for 12.50: no trailing zeros, and an exponent only far from anybody's balance."""
    if not -_PLAIN <= number.adjusted() <= _PLAIN:
        return str(number.normalize(_WIDE))
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z``, the way Brevo's samples write it."""
    # Without a zone, because writing its offset would take as long as the rest.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat("T", "milliseconds") + "Z"


timestamp: Final = lru_cache(maxsize=4096)(rfc3339)
"""``rfc3339`` for moments that are met again: a row has the same one in several places."""


def forget_texts() -> None:
    """Empty the caches: what they hold stands between other things in memory, which could not be given back else."""
    for cache in (_read_number, number_text, timestamp, nearest_double, shared_text, shared_mapping):
        cache.cache_clear()


def read_timestamp(text: str) -> datetime | None:
    """The moment an RFC 3339 text names, cut to milliseconds; None when it is none or has no zone.

    A leap second, the 61st of a UTC day's last minute, is the first moment of the next day.
    """
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        return None
    minute, second, fraction, zone = parts.groups(default="")
    leap = second == "60"
    try:
        moment = datetime.fromisoformat(f"{minute}{'59' if leap else second}{fraction}{zone}".upper())
        moment = moment.astimezone(UTC)
        if leap:
            moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    if leap and (moment.hour, moment.minute) != (0, 0):
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
