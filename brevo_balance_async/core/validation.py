"""Validation of arguments before anything is sent.

Each function returns the value to send, or raises ``InvalidRequestError`` with the name of the argument.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from unicodedata import normalize
from uuid import UUID

from brevo_balance_async.core.readers import decimal_text
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.models import UNSET, DurationUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from enum import StrEnum

_HEX = "[0-9a-fA-F]"  # half the time of re.IGNORECASE
_UUID = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")
_DAY = re.compile(r"(\d{2})/(\d{2})", re.ASCII)
# 29 February is allowed: Brevo takes dd/mm without a year.
_DAYS_IN = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_INT64 = 2**63 - 1
_SHOWN = 80
# Control characters, line separators and the byte order mark.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
MOST_REFERENCE = 400
"""Characters of the longest reference: it must fit into an index row of PostgreSQL (2,704 bytes)."""


Checked = ParamSpec("Checked")
T = TypeVar("T")


def shown(value: object) -> str:
    """The start of a value, for an error text."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (repr fails for an int of too many digits, or in the caller's own class)
        return "a huge int" if type(value) is int else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _total(check: Callable[Concatenate[str, Checked], T]) -> Callable[Concatenate[str, Checked], T]:
    """Wrap a check so that a value whose methods raise is refused (pandas' ``NaT``, a broken time zone)."""

    @wraps(check)
    def checked(argument: str, /, *args: Checked.args, **kwargs: Checked.kwargs) -> T:
        try:
            return check(argument, *args, **kwargs)
        except InvalidRequestError:
            raise
        except Exception as error:
            kind = type(args[0]).__name__
            raise InvalidRequestError(
                argument, f"cannot be used: this {kind} raises {type(error).__name__}"
            ) from error

    return checked


# Arguments of every begin are checked on a fast path for plain types; _total wraps only the slow path.


def uuid(argument: str, value: str | UUID) -> str:
    """The text of a UUID."""
    if type(value) is str and _is_uuid(value):
        return value
    return _uuid(argument, value)


@lru_cache(maxsize=256)  # most calls name the same few definitions
def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


@_total
def _uuid(argument: str, value: str | UUID) -> str:
    text = str(value) if isinstance(value, UUID) else value
    if not isinstance(text, str) or not _UUID.fullmatch(text):
        raise InvalidRequestError(argument, f"must be a UUID, not {shown(value)}")
    return _plain(text)


def _plain(text: str) -> str:
    """The text as a plain ``str``: a subclass may override the methods that are used on it."""
    return text if type(text) is str else str.__str__(text)


def integer(argument: str, value: int, *, least: int, most: int = _INT64) -> int:
    """A whole number within bounds."""
    if type(value) is int and least <= value <= most:
        return value
    return _integer(argument, value, least, most)


@_total
def _integer(argument: str, value: int, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        bounds = f"at least {least}" if most == _INT64 else f"from {least} to {most}"
        raise InvalidRequestError(argument, f"must be a whole number {bounds}, not {shown(value)}")
    return int.__int__(value)


def contact_id(value: int) -> int:
    """A contact id: an integer of at least 1."""
    return integer("contact_id", value, least=1)


def number(argument: str, value: Decimal | float | str) -> Decimal:
    """A finite number that a double carries exactly, because most servers read JSON numbers as doubles."""
    kind = type(value)
    if (kind is str or kind is Decimal) and _FEW_DIGITS.fullmatch(str(value)):
        return Decimal(value)
    return (_number if kind in _PLAIN_NUMBERS else _odd_number)(argument, value)


_PLAIN_NUMBERS = frozenset({str, int, float, Decimal})
_FEW_DIGITS = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")  # a double carries any 15 digits exactly


def _number(argument: str, value: Decimal | float | str) -> Decimal:
    if type(value) is float and -math.inf < value < math.inf:
        return Decimal(repr(value))  # the shortest text that gives the same double
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, float, str)):
        raise InvalidRequestError(
            argument, f"must be a Decimal, int, float or numeric text, not {shown(value)}"
        )
    if isinstance(value, str):
        try:
            amount = decimal_text(_plain(value))
        except ValueError:
            raise InvalidRequestError(argument, f"is no number: {shown(value)}") from None
    else:
        amount = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    if not amount.is_finite():
        raise InvalidRequestError(argument, f"must be finite, not {shown(value)}")
    double = float(amount)
    if math.isinf(double) or (amount and not double):
        raise InvalidRequestError(argument, f"{shown(value)} is out of the range of a JSON number")
    if Decimal(repr(double)) != amount:
        raise InvalidRequestError(
            argument,
            f"{shown(value)} has more digits than a JSON number carries exactly (about 15); round it first",
        )
    return amount


_odd_number = _total(_number)


def amount(value: Decimal | float | str) -> Decimal:
    """The amount of an operation: any number but zero (https://developers.brevo.com/docs/loyalty-transactions)."""
    result = number("amount", value)
    if not result:
        raise InvalidRequestError("amount", "must not be zero: positive credits, negative debits")
    return result


@_total
def text(argument: str, value: str, *, most: int | None = None, least: int = 0) -> str:
    """Text of a bounded length."""
    if not isinstance(value, str):
        raise InvalidRequestError(argument, f"must be text, not {shown(value)}")
    value = _plain(value)
    if len(value) < least or (not value.strip() and least):
        raise InvalidRequestError(argument, "must not be empty")
    if most is not None and len(value) > most:
        raise InvalidRequestError(argument, f"must have at most {most} characters, not {len(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(
            argument, f"holds half a surrogate pair, which UTF-8 cannot carry: {shown(value)}"
        ) from None
    return value


@_total
def texts(argument: str, value: Sequence[str]) -> list[str]:
    """A list of texts. A single text is refused, although it is a sequence of texts."""
    if isinstance(value, str):
        raise InvalidRequestError(argument, "must be a list of texts, not one text")
    return [text(argument, each) for each in value]


def reference(value: str) -> str:
    """A caller's business key, normalized to NFC, so that equal references compare equal."""
    if isinstance(value, str) and not value.isascii():
        value = normalize("NFC", value)  # before its length is checked: it may become longer
    text("reference", value, least=1, most=MOST_REFERENCE)
    if value != value.strip():
        raise InvalidRequestError("reference", f"must have no white space around it: {shown(value)}")
    if _CONTROLS.search(value):
        raise InvalidRequestError("reference", f"must have no control characters in it: {shown(value)}")
    return value


@_total
def header(argument: str, value: str) -> str:
    """Text that a request header can carry."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidRequestError(argument, f"must be printable ASCII text, not {shown(value)}")
    return _plain(value)


@_total
def choice(argument: str, value: str, choices: Collection[str]) -> str:
    """One of the values that Brevo accepts. Requests are strict, because a typing error would cost quota."""
    if not isinstance(value, str) or _plain(value) not in choices:
        raise InvalidRequestError(argument, f"must be one of {', '.join(choices)}, not {shown(value)}")
    return _plain(value)


def enum(argument: str, value: str, kind: type[StrEnum]) -> str:
    """The value of a member of ``kind``."""
    return choice(argument, value, _values_of(kind))


@cache
def _values_of(kind: type[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in kind)


@_total
def duration_unit(argument: str, value: str) -> str:
    """A unit of time that Brevo takes; ``hour`` appears in answers only."""
    if value == DurationUnit.HOUR:
        raise InvalidRequestError(argument, "must be one of day, week, month, year, not 'hour'")
    return enum(argument, value, DurationUnit)


@_total
def boolean(argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidRequestError(argument, f"must be True or False, not {shown(value)}")
    return value


@_total
def timestamp(argument: str, value: datetime) -> datetime:
    """An aware datetime in UTC. A naive one is refused: its meaning would depend on the machine."""
    if not isinstance(value, datetime):
        raise InvalidRequestError(argument, f"must be a datetime, not {shown(value)}")
    if value.utcoffset() is None:
        raise InvalidRequestError(
            argument, f"must carry a time zone (datetime.UTC, say), not be naive: {shown(value)}"
        )
    try:
        in_utc = value.astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(
            argument, f"must be in the years 1 to 9999 of UTC, not {shown(value)}"
        ) from None
    # Made anew: the caller's value may be of a subclass that overrides what is used later.
    day, time = in_utc.date(), in_utc.time()
    return datetime(day.year, day.month, day.day, time.hour, time.minute, time.second, time.microsecond, UTC)


@_total
def day_of_year(argument: str, value: str) -> str:
    """``dd/mm``, a day that exists; empty text clears it."""
    if not isinstance(value, str):
        raise InvalidRequestError(argument, f"must be dd/mm, not {shown(value)}")
    day_and_month = _plain(value)
    if not day_and_month:
        return day_and_month
    match = _DAY.fullmatch(day_and_month)
    if match is None:
        raise InvalidRequestError(argument, f"must be dd/mm, not {shown(value)}")
    day, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS_IN[month - 1]:
        raise InvalidRequestError(argument, f"{shown(value)} is no day of any year (it is read as dd/mm)")
    return day_and_month


def mapping(argument: str, value: dict[str, Any]) -> dict[str, Any]:
    """A copy of a dict with text keys."""
    if type(value) is dict and _TEXT.issuperset(map(type, value)):
        return value.copy()
    return _mapping(argument, value)


_TEXT = frozenset({str})


@_total
def _mapping(argument: str, value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InvalidRequestError(argument, f"must be a dict with text keys, not {shown(value)}")
    return dict(value)


def given(value: object) -> bool:
    """True for a value that needs validation: neither ``UNSET`` nor ``None``."""
    return value is not UNSET and value is not None


def not_both(first: str, first_value: object, second: str, second_value: object) -> None:
    """Refuse two arguments that exclude each other."""
    if given(first_value) and given(second_value):
        raise InvalidRequestError(second, f"cannot go together with {first}; give one of them")
