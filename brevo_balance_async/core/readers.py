"""How one JSON value becomes one attribute, by the attribute's annotation.

Tolerant, since drift is a fact of this API: numbers may come as text, words may be new or in capitals, timestamps may
lack an offset, empty text is null. A value of the wrong kind raises ``ValueError`` (or ``TypeError``), which the codec
explains; a timestamp that cannot be read raises ``UnreadableError``, which spoils nothing else.
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

# Words of before 3 September 2026, still found in Brevo's guides and in the enums of older SDKs.
_OLD_WORDS: Final = {"pending": TransactionStatus.DRAFT, "complete": TransactionStatus.COMPLETED}


_NUMBER: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_MIDNIGHT: Final = re.compile(r"(?<=T)24:00(:00(\.0+)?)?(?![:.\d])", re.ASCII)
_INT64_DIGITS: Final = 19


class UnreadableError(ValueError):
    """Text where a timestamp should be: the value becomes None, and the text goes to ``extra``."""


class Reader(NamedTuple):
    """Reads the values of one annotation."""

    read: Callable[[Any], Any]
    as_it_is: type | None = None
    """Values of exactly this type need no reading."""
    null: bool = True
    """``null`` stays ``None``; otherwise ``read`` decides what it becomes."""
    words: Mapping[Any, Any] = {}
    """What these values become; ``read`` is for all others."""
    moment: bool = False
    """Most values are texts that ``datetime.fromisoformat`` reads; ``read`` is for all others, and may raise
    ``UnreadableError``."""


def decimal_text(text: str) -> Decimal:
    """A finite number in ASCII digits: ``Decimal`` itself takes ``1_000``, ``NaN`` and the digits of any script."""
    if _NUMBER.fullmatch(text):
        try:
            return Decimal(text.strip())
        except InvalidOperation:  # an exponent of twenty digits
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
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        if value is None or value == "":
            return None
        moment = _unusual_timestamp(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _unusual_timestamp(value: Any) -> datetime:
    """What RFC 3339 and ISO 8601 allow, and Python does not read: a small ``t`` or ``z``, the 24th hour."""
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
    # The bound on digits: to write out 1e999999999 would take for ever.
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
    datetime | None: Reader(_timestamp, moment=True),
    datetime | str | None: Reader(_timestamp_or_text, moment=True),
    dict[str, Any] | None: Reader(_mapping, dict),
}


def reader(annotation: Any) -> Reader:
    """What reads values of ``annotation``: one of the plain kinds, or an open enum (``Kind | str | None``)."""
    known = _READERS.get(annotation)
    return known or _open_enum(next(kind for kind in get_args(annotation) if issubclass(kind, StrEnum)))


def _open_enum(kind: type[StrEnum]) -> Reader:
    words: dict[Any, StrEnum] = {member.value: member for member in kind}
    if kind is TransactionStatus:
        words.update(_OLD_WORDS)
    in_small = {word.lower(): member for word, member in words.items()}

    def unusual(value: Any) -> StrEnum | str | None:
        text = _text(value)
        return in_small.get(text.lower(), text) if text else None  # the guides write PENDING

    def word(value: Any) -> StrEnum | str | None:
        return words.get(value) or unusual(value)

    return Reader(word, words=words)
