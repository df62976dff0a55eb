"""What all values have in common: they are compared, shown, and written as JSON.

Whoever writes a value, this module or a library that knows its fields, writes the same: attributes by their Python
names, amounts as text with all their digits, timestamps as in RFC 3339 with the offset that they have.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Any, ClassVar, Final
from uuid import UUID

from attrs import fields

_MOST_DIGITS: Final = 400
_NO_OFFSET: Final = timedelta(0)


class Value:
    """``__eq__`` and ``__repr__`` of the models. attrs would compile both for each class, which slows the import.

    The models have no slot for weak references: the codec fills a second class with the same slots and then assigns
    ``__class__``, and Python 3.11 refuses that for classes with such a slot.
    """

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, each.name) == getattr(other, each.name) for each in fields(type(self))
        )

    # Values hold dicts (meta, extra), so they cannot be hashed.
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(type(self)))
        return f"{type(self).__name__}({inside})"

    def to_dict(self) -> dict[str, Any]:
        """The attributes by their Python names, as JSON can carry them: amounts are text, so nobody rounds them.

        ``extra`` is in it, with what Brevo sent and no attribute names. Raises ``TypeError`` if ``meta`` of a value
        that you made yourself has something in it that JSON has no form for.
        """
        return {each.name: to_plain(getattr(self, each.name)) for each in fields(type(self))}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Pairs: ``dict(value)`` is ``value.to_dict()``. FastAPI writes it if an endpoint has no return type."""
        return iter(self.to_dict().items())

    def to_json(self) -> str:
        """``to_dict`` as JSON text, without line breaks."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def __structlog__(self) -> dict[str, Any]:
        """What structlog writes in JSON."""
        return self.to_dict()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """What pydantic asks for when a value is the type of a field, of a body or of FastAPI's answer."""
        from brevo_balance_async.models.schema import schema  # noqa: PLC0415  (only pydantic asks, so it is installed)

        return schema(cls, handler, to_plain)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        """The part of an OpenAPI document: what is written has every attribute, what is read may leave some out."""
        told = handler.resolve_ref_schema(handler(core))
        if handler.mode == "serialization":
            told["required"] = [each.name for each in fields(cls)]
        return told


def to_plain(value: Any) -> Any:
    """``value`` as JSON can carry it: ``default=`` of ``json.dumps`` and ``orjson.dumps``, ``enc_hook=`` of msgspec.

    A value of this package becomes its ``to_dict()``, ``Decimal`` and ``UUID`` become text, ``datetime`` RFC 3339; what
    is in a dict, list or tuple likewise. Raises ``TypeError`` for anything else, as those libraries expect.
    """
    write = _WRITE.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, StrEnum):
        return value.value
    raise TypeError(f"{value!r:.80} cannot be written as JSON")


def _same(value: Any) -> Any:
    return value


def _digits(value: Decimal) -> str:
    # The limit, because writing out 1e999999999 would never end.
    return format(value, "f") if abs(value.adjusted()) < _MOST_DIGITS else str(value)


def _time(value: datetime) -> str:
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if value.utcoffset() == _NO_OFFSET else text


def _mapping(value: dict[Any, Any]) -> dict[Any, Any]:
    return {name: to_plain(each) for name, each in value.items()}


def _sequence(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    return [to_plain(each) for each in value]


_WRITE: Final[dict[type, Callable[[Any], Any]]] = {
    **dict.fromkeys((str, int, float, bool, NoneType), _same),
    Decimal: _digits,
    datetime: _time,
    UUID: str,
    dict: _mapping,
    list: _sequence,
    tuple: _sequence,
}
