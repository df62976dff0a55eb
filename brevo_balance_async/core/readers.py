"""Read one JSON value into one attribute, by the attribute's annotation.

Reading is tolerant, because the API changes (https://developers.brevo.com/changelog/2026/9/3): numbers may be text,
enum values may be new or in capitals, timestamps may lack an offset, empty text is null. A value of the wrong type
raises ``ValueError`` or ``TypeError``, and the answer cannot be decoded. A timestamp that cannot be read raises
``UnreadableError``, and only this value is lost.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Renamed on 3 September 2026 (https://developers.brevo.com/changelog/2026/9/3). The guides still use the old values.
_OLD_STATUSES: Final = {"pending": TransactionStatus.DRAFT, "complete": TransactionStatus.COMPLETED}


_NUMBER: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_MIDNIGHT: Final = re.compile(r"(?<=T)24:00(:00(\.0+)?)?(?![:.\d])", re.ASCII)
_INT64_DIGITS: Final = 19


class UnreadableError(ValueError):
    """The text of a timestamp cannot be read: the attribute becomes None, and the text goes to ``extra``."""


class Reader(NamedTuple):
    """Reads the values of one annotation. The other fields say when the codec need not call ``read``."""

    read: Callable[[Any], Any]
    as_it_is: type | None = None
    """Values of exactly this type are used as they are."""
    null: bool = True
    """True: ``null`` becomes ``None``. False: ``read`` decides."""
    members: Mapping[Any, Any] = {}
    """The known values of an enum and their members; ``read`` is for all others."""
    timestamp: bool = False
    """Most values are texts that ``datetime.fromisoformat`` reads. ``read`` is for all others, and may raise
    ``UnreadableError``."""


def decimal_text(text: str) -> Decimal:
    """A finite number in ASCII digits. ``Decimal`` alone would accept ``1_000``, ``NaN`` and other scripts' digits."""
    if _NUMBER.fullmatch(text):
        try:
            return Decimal(text.strip())
        except InvalidOperation:  # the exponent is too large
            pass
    raise ValueError(f"expected a number, got {text!r:.80}")


def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    if type(value) is str:
        return decimal_text(value)
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    raise ValueError(f"expected a number, got {value!r:.80}")


def _timestamp(value: Any) -> datetime | None:
    try:
        timestamp = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        if value is None or value == "":
            return None
        timestamp = _unusual_timestamp(value)
    return timestamp if timestamp.tzinfo is not None else timestamp.replace(tzinfo=UTC)


def _unusual_timestamp(value: Any) -> datetime:
    """What RFC 3339 and ISO 8601 allow and Python does not read: lower-case ``t`` and ``z``, the hour 24."""
    if type(value) is not str:
        raise ValueError(f"expected a timestamp, got {value!r:.80}")
    text, midnights = _MIDNIGHT.subn("00:00:00", value.upper())
    try:
        return datetime.fromisoformat(text) + timedelta(days=midnights)
    except (ValueError, OverflowError):
        raise UnreadableError(f"expected a timestamp, got {value!r:.80}") from None


def _timestamp_or_text(value: Any) -> datetime | str | None:
    try:
        return _timestamp(value)
    except UnreadableError:
        return _text(value)


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) in {int, Decimal}:
        return str(value)
    raise ValueError(f"expected text, got {value!r:.80}")


def _id(value: Any) -> str:
    return _text(value) or ""


def _integer(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if type(value) is int:
        return value
    number = decimal_text(value) if type(value) is str else value
    # The limit on digits, because writing out 1e999999999 would never end.
    if type(number) is Decimal and number.adjusted() < _INT64_DIGITS and number == number.to_integral_value():
        return int(number)
    raise ValueError(f"expected a whole number, got {value!r:.80}")


def _boolean(value: Any) -> bool | None:
    if value is None or value == "":
        return None
    if type(value) is bool:
        return value
    raise ValueError(f"expected true or false, got {value!r:.80}")


def _mapping(value: Any) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    if type(value) is dict:
        return value
    if value == []:  # how PHP writes an empty map
        return {}
    raise ValueError(f"expected an object, got {value!r:.80}")


_READERS: Final[dict[Any, Reader]] = {
    str: Reader(_id, str, null=False),
    str | None: Reader(_text, str),
    int | None: Reader(_integer, int),
    bool | None: Reader(_boolean, bool),
    Decimal | None: Reader(_decimal, Decimal),
    datetime | None: Reader(_timestamp, timestamp=True),
    datetime | str | None: Reader(_timestamp_or_text, timestamp=True),
    dict[str, Any] | None: Reader(_mapping, dict),
}


def reader(annotation: Any) -> Reader:
    """The reader for ``annotation``: one of those above, or an open enum (``Kind | str | None``)."""
    known = _READERS.get(annotation)
    return known or _open_enum(next(kind for kind in get_args(annotation) if issubclass(kind, StrEnum)))


def _open_enum(kind: type[StrEnum]) -> Reader:
    members: dict[Any, StrEnum] = {member.value: member for member in kind}
    if kind is TransactionStatus:
        members.update(_OLD_STATUSES)
    lower_case = {value.lower(): member for value, member in members.items()}

    def unusual(value: Any) -> StrEnum | str | None:
        text = _text(value)
        # In capitals, as in https://developers.brevo.com/docs/loyalty-transactions, or not known yet.
        return lower_case.get(text.lower(), text) if text else None

    def enum(value: Any) -> StrEnum | str | None:
        return members.get(value) or unusual(value)

    return Reader(enum, members=members)
