"""Decode JSON to models, and encode request bodies as JSON.

JSON names are the attributes' names in camel case, or the attribute's ``wire`` metadata. Decoding is tolerant: fields
may be null or absent, and unknown fields go to ``extra``. Each model is decoded by a function that is generated for
it once. Only if that fails, cattrs decodes the same answer again, slowly, to find the path and the reason. Both use
the readers of ``readers``. A timestamp that cannot be read becomes ``None`` and its text goes to ``extra``: Brevo
declares some of them as plain strings, and one bad value must not make a whole page unreadable.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from brevo_balance_async.core.readers import Reader, UnreadableError, reader
from brevo_balance_async.errors import BODY_START, DecodeError, InvalidRequestError
from brevo_balance_async.models import UNSET, SubscriptionBalances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cattrs import Converter

T = TypeVar("T")


@cache
def camel(name: str) -> str:
    """The JSON name: ``balanceDefinitionId`` for ``balance_definition_id``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _wire_name(attribute: attrs.Attribute[Any]) -> str:
    return str(attribute.metadata.get("wire") or camel(attribute.name))


@attrs.frozen(eq=False, repr=False)
class Json:
    """Parsed JSON as it is, for a route that has no model."""

    value: Any


# Reading -----------------------------------------------------------------------------------------------------


def _row_of(annotation: Any) -> Any:
    """The model of a listing's rows (``tuple[Model, ...]``, perhaps with ``None``), or None."""
    for each in (annotation, *get_args(annotation)):
        if get_origin(each) is tuple:
            return get_args(each)[0]
    return None


def _rows_reader(row: Any, *, null: bool) -> Reader:
    read_row = _reader_of(row)

    def rows(value: Any) -> tuple[Any, ...]:
        if value is None:
            return ()
        if type(value) is not list:
            raise ValueError(f"expected a list, got {value!r:.80}")
        return tuple([read_row(item) for item in value])

    return Reader(rows, null=null)


def _reading(how: Reader, at: int, wire_name: str) -> list[str]:
    """The lines of code that convert the variable of attribute number ``at``."""
    if how.timestamp:
        return [
            f"  if v{at} is not None:",
            "    try:",
            f"      v{at} = timestamp(v{at})",
            f"      if v{at}.tzinfo is None: v{at} = v{at}.replace(tzinfo=UTC)",
            "    except (TypeError, ValueError):",
            f"      try: v{at} = read{at}(v{at})",
            f"      except Unreadable: extra[{wire_name!r}], v{at} = v{at}, None",
        ]
    tests = [f"v{at} is not None"] if how.null else []
    tests += [f"type(v{at}) is not type{at}"] if how.as_it_is else []
    guard = f"if {' and '.join(tests)}: " if tests else ""
    known_member = f"members{at}.get(v{at}) or " if how.members else ""
    return [f"  {guard}v{at} = {known_member}read{at}(v{at})"]


@cache
def _reader_of(kind: Any) -> Callable[[Any], Any]:
    """The function that makes one model from parsed JSON.

    It is generated as source text and compiled: a loop over the attributes would take twice as long. Setting the
    attributes of a frozen class is slow. So the function fills an object of ``twin``, a class with the same slots
    that is not frozen, and then assigns ``__class__``: that takes a third of the time.
    """
    twin = type(kind.__name__, kind.__bases__, {"__slots__": kind.__slots__})
    names: dict[str, Any] = {
        "kind": kind,
        "twin": twin,
        "timestamp": datetime.fromisoformat,
        "UTC": UTC,
        "Unreadable": UnreadableError,
    }
    attributes = [each for each in attrs.fields(kind) if each.name != "extra"]
    wire_names = [_wire_name(each) for each in attributes]
    values = ", ".join(f"v{at}" for at in range(len(attributes)))
    names |= {"blank": dict.fromkeys(wire_names), "pick": itemgetter(*wire_names)}
    lines = [
        "def read(value):",
        "  if type(value) is not dict: raise ValueError(f'expected an object, got {value!r:.80}')",
        "  self = twin()",
        f"  if len(value) != {len(attributes)}: value = blank | value",
        f"  try: {values} = pick(value)",
        f"  except KeyError: value = blank | value; {values} = pick(value)",
    ]
    if len(attributes) < len(attrs.fields(kind)):
        lines += [
            f"  if len(value) == {len(attributes)}: self.extra = extra = {{}}",
            "  else: self.extra = extra = {k: v for k, v in value.items() if k not in blank}",
        ]
    annotations = get_type_hints(kind)
    for at, attribute in enumerate(attributes):
        annotation = annotations[attribute.name]
        row = _row_of(annotation)
        how = reader(annotation) if row is None else _rows_reader(row, null=NoneType in get_args(annotation))
        names |= {f"read{at}": how.read, f"type{at}": how.as_it_is, f"members{at}": how.members}
        lines += _reading(how, at, wire_names[at])
        lines.append(f"  self.{attribute.name} = v{at}")
    lines += ["  self.__class__ = kind", "  return self"]
    exec(compile("\n".join(lines), f"<reader of {kind.__name__}>", "exec"), names)  # noqa: S102  (the text is made of attribute names of this package only)
    read: Callable[[Any], Any] = names["read"]
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def parse(body: bytes) -> Any:
    """Parsed JSON, with a ``Decimal`` for every number that has a fraction; ``DecodeError`` if it is not JSON."""
    try:
        text = body.decode("utf-8")
        if text[:1] in {"{", "["}:
            value, end = _decoder.raw_decode(text)
            if end == len(text):
                return value
        # White space around it, a byte order mark before it, or an error.
        return _decoder.decode(text.removeprefix("\ufeff"))
    except Exception as error:
        # Beside ValueError: RecursionError for deep nesting, InvalidOperation for a huge exponent.
        start = body[:BODY_START].decode("utf-8", "replace")
        raise DecodeError(
            f"the answer is no JSON, it begins {start[:200]!r}" if body else "the answer has no body",
            problems=(f"$: {error}",),
            body=body,
            garbled=True,
        ) from error


def structure(value: Any, kind: type[T], body: bytes) -> T:
    """``value`` (parsed from ``body``) as a model; ``DecodeError`` with lines of path and reason otherwise."""
    if kind is SubscriptionBalances and type(value) is list:
        # The guide https://developers.brevo.com/docs/loyalty-member-data shows a bare array, the reference an object.
        value = {"balance": value}
    model: Any = kind
    read: Callable[[Any], T] = _reader_of(model)
    try:
        return read(value)
    except Exception as error:  # noqa: BLE001  (a hostile answer may cause any exception)
        start = body[:BODY_START].decode("utf-8", "replace")
        raise DecodeError(
            f"the answer does not have the shape of a {kind.__name__}, it begins {start[:200]!r}",
            problems=_explain(value, kind) or (f"$: {error}",),
            body=body,
        ) from error.with_traceback(None)  # its frames hold a half-filled model, whose repr would raise


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as a model."""
    value = parse(body)
    if kind is Json:
        return Json(value)  # type: ignore[return-value]  # T is Json
    return structure(value, kind, body)


def _explain(value: Any, kind: type[Any]) -> tuple[str, ...]:
    """Decode a failed answer again with cattrs, for lines of path and reason."""
    # Imported here because it takes a fifth of the package's import time and is hardly ever needed.
    from cattrs import Converter, transform_error  # noqa: PLC0415

    try:
        _explaining(Converter(detailed_validation=True)).structure(value, kind)
    except Exception as error:  # noqa: BLE001  (it is turned into lines of text)
        return tuple(transform_error(error, format_exception=lambda inner, _: str(inner)))
    return ()


def _explaining(converter: Converter) -> Converter:
    """Make ``converter`` accept exactly what the generated functions accept."""
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415  (see above)

    def model(kind: type[Any]) -> Callable[[Any, Any], Any]:
        names: dict[str, Any] = {
            a.name: override(rename=_wire_name(a)) for a in attrs.fields(kind) if a.name != "extra"
        }
        structure = make_dict_structure_fn(kind, converter, extra=override(omit=True), **names)

        def checked(value: Any, _: Any) -> Any:
            if type(value) is not dict:
                raise ValueError(f"expected an object, got {value!r:.80}")
            return structure(value, kind)

        return checked

    def rows(annotation: Any) -> Callable[[Any, Any], Any]:
        row_list: Any = list.__class_getitem__(_row_of(annotation))

        def listed(value: Any, _: Any) -> Any:
            if value is not None and type(value) is not list:
                raise ValueError(f"expected a list, got {value!r:.80}")
            return converter.structure(value or [], row_list)

        return listed

    def plain(annotation: Any) -> Callable[[Any, Any], Any]:
        read = reader(annotation).read

        def value_or_none(value: Any, _: Any) -> Any:
            try:
                return read(value)
            except UnreadableError:
                return None

        return value_or_none

    converter.register_structure_hook_factory(_is_plain, plain)
    converter.register_structure_hook(str, plain(str))  # cattrs does not use the factory for str
    converter.register_structure_hook_factory(attrs.has, model)
    converter.register_structure_hook_factory(lambda kind: _row_of(kind) is not None, rows)
    return converter


def _is_plain(annotation: Any) -> bool:
    return not attrs.has(annotation) and get_origin(annotation) is not list


# Writing -----------------------------------------------------------------------------------------------------


class _Names(dict[str, str]):
    """JSON names in request bodies, by our names."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, camel(name))


_BODY_NAMES: Final = _Names(loyalty_subscription_id="LoyaltySubscriptionId")
"""A capital L in request bodies, and only there (https://developers.brevo.com/reference/begin-transaction)."""


def _json_number(value: Decimal) -> int | float:
    """The number for JSON; exact, because ``validation.number`` refuses what a double cannot carry."""
    number = float(value)
    return int(number) if number.is_integer() else number


def wire_time(value: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, and milliseconds as in Brevo's examples; microseconds only if they are needed."""
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


_MOST_DIGITS: Final = 400


def _plain(value: Any) -> Any:
    """The JSON value for a type that ``json`` does not know, for instance in a caller's ``meta``."""
    # The limit on digits, because writing out 1e999999999 would never end.
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _MOST_DIGITS:
        number = _json_number(value)
        if Decimal(repr(number)) == value:
            return number
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return wire_time(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r:.80} cannot be written as JSON exactly")


_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _encoding() -> Callable[[Any], str]:
    """``_encoder.encode`` makes a C encoder for each call; this makes one for all, where there is one."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    # Without a record of what it is in, it ends a value that holds itself by its depth.
    encode = make(None, _plain, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(encode(value, 0))


_encode: Final = _encoding()


def encode(value: Any, argument: str = "json") -> bytes:
    """JSON text. Raises ``InvalidRequestError`` that names ``argument`` for a value that JSON cannot carry."""
    try:
        return _encode(value).encode()
    except Exception as error:  # methods of the caller's objects may raise anything
        raise InvalidRequestError(argument, reason(error)) from error


def reason(error: Exception) -> str:
    """The text of an error of a caller's object; ``str(error)`` itself may raise."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  (see above)
        return type(error).__name__


def encode_body(fields: Mapping[str, Any]) -> bytes:
    """A request body from arguments by our names: ``UNSET`` is left out, ``None`` is sent as ``null``."""
    names = _BODY_NAMES
    body = {
        names[name]: _json_number(value) if type(value) is Decimal else value
        for name, value in fields.items()
        if value is not UNSET
    }
    return encode(body, "meta")  # all other values of a body have been validated
