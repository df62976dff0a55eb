"""The one cattrs converter: JSON text to models and bodies to JSON text.

Wire names are the attributes' names in camel case, or what an attribute's ``wire`` metadata says. Reading is
tolerant (drift is a fact of this API): fields may be null or absent, numbers may come as text, words may be new,
and what no attribute names goes to ``extra``. A fast converter decodes; only when it fails does a second, slow
one go over the same answer to say where and why.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, get_args, get_origin
from uuid import UUID

import attrs
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override

from brevo_balance_async.errors import BODY_START, DecodeError, InvalidRequestError
from brevo_balance_async.models import SubscriptionBalances, TransactionStatus, Unset

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Words of before 3 September 2026, still found in Brevo's guides and in the enums of older SDKs.
_OLD_WORDS: Final = {"pending": TransactionStatus.DRAFT, "complete": TransactionStatus.COMPLETED}


@cache
def camel(name: str) -> str:
    """``balance_definition_id`` as the wire spells it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _wire_name(attribute: attrs.Attribute[Any]) -> str:
    return str(attribute.metadata.get("wire") or camel(attribute.name))


@attrs.frozen
class Json:
    """Parsed JSON as it is, for a route that has no model."""

    value: Any


# Reading -----------------------------------------------------------------------------------------------------


def _decimal(value: Any, _: object = None) -> Decimal | None:
    kind = type(value)
    if value is None or isinstance(value, Decimal):
        return value
    if kind is int or kind is str:
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise ValueError(f"expected a number, got {value!r}")


def _timestamp(value: Any, _: object = None) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _timestamp_or_text(value: Any, _: object = None) -> datetime | str | None:
    try:
        return _timestamp(value)
    except ValueError:
        return _text(value)


def _text(value: Any, _: object = None) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) in {int, Decimal}:
        return str(value)
    raise ValueError(f"expected text, got {value!r}")


def _id(value: Any, _: object = None) -> str:
    return _text(value) or ""


def _integer(value: Any, _: object = None) -> int | None:
    if value is None or type(value) is int:
        return value
    if type(value) in {str, Decimal} and (number := Decimal(value)) == number.to_integral_value():
        return int(number)
    raise ValueError(f"expected a whole number, got {value!r}")


def _boolean(value: Any, _: object = None) -> bool | None:
    if value is None or type(value) is bool:
        return value
    raise ValueError(f"expected true or false, got {value!r}")


def _mapping(value: Any, _: object = None) -> dict[str, Any] | None:
    if value is None or type(value) is dict:
        return value
    raise ValueError(f"expected an object, got {value!r}")


def _open_enum(kind: type[StrEnum]) -> Callable[[Any, object], StrEnum | str | None]:
    words: dict[str, StrEnum] = {member.value: member for member in kind}
    if kind is TransactionStatus:
        words.update(_OLD_WORDS)

    def structure(value: Any, _: object = None) -> StrEnum | str | None:
        return words.get(value) or _text(value)

    return structure


_BY_TYPE: Final[dict[Any, Callable[..., Any]]] = {
    str: _id,
    str | None: _text,
    int | None: _integer,
    bool | None: _boolean,
    Decimal | None: _decimal,
    datetime | None: _timestamp,
    datetime | str | None: _timestamp_or_text,
    dict[str, Any] | None: _mapping,
}


def _is_open_enum(kind: Any) -> bool:
    members = get_args(kind)
    return any(isinstance(member, type) and issubclass(member, StrEnum) for member in members)


def _enum_hook(kind: Any) -> Callable[..., Any]:
    return _open_enum(next(member for member in get_args(kind) if issubclass(member, StrEnum)))


def _structure_model(kind: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    """A generated structure function, wrapped so that unknown members are kept."""
    fields = attrs.fields(kind)
    names: dict[str, Any] = {a.name: override(rename=_wire_name(a)) for a in fields if a.name != "extra"}
    generated = make_dict_structure_fn(kind, converter, extra=override(omit=True), **names)
    known = frozenset(_wire_name(a) for a in fields if a.name != "extra")
    keeps_extra = any(a.name == "extra" for a in fields)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise ValueError(f"expected an object, got {value!r:.80}")
        result = generated(value, kind)
        if keeps_extra and not value.keys() <= known:
            result.extra.update((name, value[name]) for name in value.keys() - known)
        return result

    return structure


def _structure_rows(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    rows_of = next((arg for arg in get_args(kind) if get_origin(arg) is tuple), kind)
    row = get_args(rows_of)[0]
    structure = converter.get_structure_hook(row)

    def rows(value: Any, _: Any) -> tuple[Any, ...]:
        if value is None:
            return ()
        if type(value) is not list:
            raise ValueError(f"expected a list, got {value!r:.80}")
        return tuple([structure(item, row) for item in value])

    return rows


def _make_converter(*, detailed: bool) -> Converter:
    converter = Converter(detailed_validation=detailed)
    for kind, hook in _BY_TYPE.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(_is_open_enum, _enum_hook)
    converter.register_structure_hook_factory(attrs.has, lambda kind: _structure_model(kind, converter))
    converter.register_structure_hook_factory(
        lambda kind: any(get_origin(each) is tuple for each in (kind, *get_args(kind))),
        lambda kind: _structure_rows(kind, converter),
    )
    balances = converter.get_structure_hook(SubscriptionBalances)

    def subscription_balances(value: Any, kind: Any) -> Any:
        # The guides show a bare array, the reference an object: read both.
        return balances({"balance": value} if type(value) is list else value, kind)

    converter.register_structure_hook(Json, lambda value, _: Json(value))
    converter.register_structure_hook(SubscriptionBalances, subscription_balances)
    return converter


@cache
def _fast() -> Converter:
    return _make_converter(detailed=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def parse(body: bytes) -> Any:
    """JSON with ``Decimal`` for every number that has a fraction; ``DecodeError`` if it is no JSON."""
    try:
        return _decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        start = body[:BODY_START].decode("utf-8", "replace")
        raise DecodeError(
            f"the answer is no JSON, it begins {start[:200]!r}" if body else "the answer has no body",
            problems=(f"$: {error}",),
            body=body,
            garbled=True,
        ) from error


def structure(value: Any, kind: type[T], body: bytes) -> T:
    """``value`` (parsed from ``body``) as a model; ``DecodeError`` with lines of path and reason otherwise."""
    try:
        return _fast().structure(value, kind)
    except Exception as error:  # whatever a hostile answer provokes
        start = body[:BODY_START].decode("utf-8", "replace")
        raise DecodeError(
            f"the answer does not have the shape of a {kind.__name__}, it begins {start[:200]!r}",
            problems=_explain(value, kind) or (f"$: {error}",),
            body=body,
        ) from error


def _explain(value: Any, kind: type[Any]) -> tuple[str, ...]:
    """Go over a failed answer once more, slowly, for lines of path and reason."""
    try:
        _make_converter(detailed=True).structure(value, kind)
    except Exception as error:  # noqa: BLE001  (explained below, never hidden)
        return tuple(transform_error(error, format_exception=lambda inner, _: str(inner)))
    return ()


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as a model."""
    return structure(parse(body), kind, body)


# Writing -----------------------------------------------------------------------------------------------------


def _json_number(value: Decimal) -> int | float:
    """Exact: ``checks.number`` lets only amounts through that a double carries."""
    return int(value) if value == value.to_integral_value() else float(value)


def wire_time(value: datetime) -> str:
    """RFC 3339 in UTC, with ``Z``; milliseconds where there are no finer parts, as Brevo writes it."""
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """What ``json`` asks for when it meets a value of another kind, in a caller's ``meta`` say."""
    if isinstance(value, Decimal) and value.is_finite():
        number = _json_number(value)
        if Decimal(repr(number)) == value:
            return number
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return wire_time(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r} cannot be written as JSON exactly")


_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


@cache
def _wire_names(kind: type) -> tuple[tuple[str, str], ...]:
    return tuple((a.name, _wire_name(a)) for a in attrs.fields(kind))


def encode(body: Any) -> bytes:
    """A request body as JSON; a value JSON cannot carry is an ``InvalidRequestError``."""
    kind: type = type(body)
    if attrs.has(kind):
        values = ((wire, getattr(body, name)) for name, wire in _wire_names(kind))
        body = {wire: value for wire, value in values if value is not Unset.UNSET}
    try:
        return _encoder.encode(body).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError("meta" if "meta" in body else "json", str(error)) from error
