"""Reading the members of a body or a query: each reader names the type it wants, and says 422 to anything else."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid

from .wire import nearest_double, read_timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)
INT64 = 2**63 - 1
_T = TypeVar("_T")


class Fields:
    """Members by name. Null reads as absent; an absent member is None unless it is ``required``."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self._read: set[str] = set()

    def unread(self) -> set[str]:
        """Names that were not read."""
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

    def contact(self, name: str, *, required: bool = False) -> int | None:
        """A contact id."""
        return self.integer(name, least=1, most=INT64, required=required)

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        """A number: the double that is nearest, as the shortest decimal that means it."""
        value = self._take(name, required=required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            _wrong(name, "a number")
        double = nearest_double(value)
        if not double.is_finite():
            raise invalid(f"{name} is not a number that a double holds", "out_of_range")
        return double

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
        """``value`` when it is whole, as ``524.0`` is."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return None
        return int(value) if isfinite(value) and value == int(value) else None

    def _flag(self, value: Any) -> bool | None:
        return value if isinstance(value, bool) else None


class QueryFields(Fields):
    """The members of a query string, where numbers and flags are text."""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Names and values of ``metadata[name]=value``."""
        found = ((_METADATA.fullmatch(name), value) for name, value in self._members.items())
        return tuple((name[1], value) for name, value in found if name is not None)

    def _integer(self, value: Any) -> int | None:
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None

    def _flag(self, value: Any) -> bool | None:
        return {"true": True, "false": False}.get(value)


def present(value: _T | None) -> _T:
    """``value``, which a reader with ``required`` never leaves out."""
    assert value is not None
    return value


def read_uuid(name: str, value: object) -> str:
    """``value`` as a UUID in the usual form; 422 when it is none."""
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        _wrong(name, "a UUID")
    return value.lower()


def _missing(name: str) -> Refusal:
    return invalid(f"{name} is required", "missing_parameter")


def _wrong(name: str, wanted: str) -> NoReturn:
    raise invalid(f"{name} must be {wanted}")
