"""Reading the members of a body or a query: each reader names the type it wants, and says 422 to anything else."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid

from .wire import read_timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER_DIGITS = 15
_DECIMAL_PLACES = 12


class Fields:
    """Members by name. Null reads as absent; an absent member is None unless it is ``required``."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self._read: set[str] = set()

    def unread(self) -> set[str]:
        """Names that nobody asked for."""
        return self._members.keys() - self._read

    def text(self, name: str, *, required: bool = False, max_length: int | None = None) -> str | None:
        """A string."""
        value = self._take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            _wrong(name, "a string")
        if required and not value:
            raise _missing(name)
        if max_length is not None and len(value) > max_length:
            raise invalid(f"{name} must have at most {max_length} characters", "out_of_range")
        return value

    def word(self, name: str, words: Collection[str], *, required: bool = False) -> str | None:
        """One of ``words``."""
        value = self._take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or value not in words:
            _wrong(name, f"one of {', '.join(sorted(words))}")
        return value

    def uuid(self, name: str, *, required: bool = False) -> str | None:
        """A UUID, in lower case."""
        value = self._take(name, required=required)
        return None if value is None else read_uuid(name, value)

    def integer(
        self, name: str, *, least: int | None = None, most: int | None = None, required: bool = False
    ) -> int | None:
        """A whole number within bounds."""
        value = self._take(name, required=required)
        if value is None:
            return None
        number = self._integer(value)
        if number is None:
            _wrong(name, "an integer")
        if least is not None and number < least:
            raise invalid(f"{name} must be at least {least}", "out_of_range")
        if most is not None and number > most:
            raise invalid(f"{name} must be at most {most}", "out_of_range")
        return number

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        """A number of sane size, exact."""
        value = self._take(name, required=required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            _wrong(name, "a number")
        number = Decimal(value)
        exponent = number.as_tuple().exponent
        if number.adjusted() >= _INTEGER_DIGITS or (
            isinstance(exponent, int) and exponent < -_DECIMAL_PLACES
        ):
            raise invalid(f"{name} has too many digits", "out_of_range")
        return number

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self._take(name, required=False)
        if value is None:
            return None
        flag = self._flag(value)
        if flag is None:
            _wrong(name, "true or false")
        return flag

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """An RFC 3339 timestamp with its zone."""
        value = self._take(name, required=required)
        if value is None:
            return None
        moment = read_timestamp(value) if isinstance(value, str) else None
        if moment is None:
            _wrong(name, "an RFC 3339 timestamp")
        return moment

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A JSON object."""
        value = self._take(name, required=False)
        if value is not None and not isinstance(value, dict):
            _wrong(name, "an object")
        return value

    def _take(self, name: str, *, required: bool) -> Any:
        self._read.add(name)
        value = self._members.get(name)
        if value is None and required:
            raise _missing(name)
        return value

    def _integer(self, value: Any) -> int | None:
        return value if type(value) is int else None

    def _flag(self, value: Any) -> bool | None:
        return value if isinstance(value, bool) else None


class QueryFields(Fields):
    """The members of a query string, where numbers and flags are text."""

    def _integer(self, value: Any) -> int | None:
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None

    def _flag(self, value: Any) -> bool | None:
        return {"true": True, "false": False}.get(value)


def read_uuid(name: str, value: object) -> str:
    """``value`` as a UUID in the usual form; 422 when it is none."""
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        _wrong(name, "a UUID")
    return value.lower()


def _missing(name: str) -> Refusal:
    return invalid(f"{name} is required", "missing_parameter")


def _wrong(name: str, wanted: str) -> NoReturn:
    raise invalid(f"{name} must be {wanted}")
