"""How one JSON value becomes one attribute, by the attribute's annotation.

Tolerant, since drift is a fact of this API: numbers may come as text, words may be new, timestamps may lack an
offset. A value of the wrong kind raises ``ValueError`` (or ``TypeError``), which the codec explains.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Words of before 3 September 2026, still found in Brevo's guides and in the enums of older SDKs.
_OLD_WORDS: Final = {"pending": TransactionStatus.DRAFT, "complete": TransactionStatus.COMPLETED}


class Reader(NamedTuple):
    """Reads the values of one annotation."""

    read: Callable[[Any], Any]
    as_it_is: type | None = None
    """Values of exactly this type need no reading."""
    null: bool = True
    """``null`` stays ``None``; otherwise ``read`` decides what it becomes."""
    words: Mapping[Any, Any] = {}
    """What these values become; ``read`` is for all others."""


def _decimal(value: Any) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    if type(value) is int or type(value) is str:
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise ValueError(f"expected a number, got {value!r}")


def _timestamp(value: Any) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _timestamp_or_text(value: Any) -> datetime | str | None:
    try:
        return _timestamp(value)
    except ValueError:
        return _text(value)


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) in {int, Decimal}:
        return str(value)
    raise ValueError(f"expected text, got {value!r}")


def _id(value: Any) -> str:
    return _text(value) or ""


def _integer(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    if type(value) in {str, Decimal} and (number := Decimal(value)) == number.to_integral_value():
        return int(number)
    raise ValueError(f"expected a whole number, got {value!r}")


def _boolean(value: Any) -> bool | None:
    if value is None or type(value) is bool:
        return value
    raise ValueError(f"expected true or false, got {value!r}")


def _mapping(value: Any) -> dict[str, Any] | None:
    if value is None or type(value) is dict:
        return value
    raise ValueError(f"expected an object, got {value!r}")


_READERS: Final[dict[Any, Reader]] = {
    str: Reader(_id, str, null=False),
    str | None: Reader(_text, str),
    int | None: Reader(_integer, int),
    bool | None: Reader(_boolean, bool),
    Decimal | None: Reader(_decimal, Decimal),
    datetime | None: Reader(_timestamp),
    datetime | str | None: Reader(_timestamp_or_text),
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

    def word(value: Any) -> StrEnum | str | None:
        return words.get(value) or _text(value)

    return Reader(word, words=words)
