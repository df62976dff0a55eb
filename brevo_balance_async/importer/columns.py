"""The known columns (or keys) of a file of entries, and how each value is read. Names must match exactly."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from attrs import define, field

from brevo_balance_async.core.readers import decimal_text
from brevo_balance_async.core.validation import shown
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.importer.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REQUIRED: Final = ("reference", "contact_id", "amount")
NAMES: Final = (*REQUIRED, "balance_definition_id", "event_time", "meta", "balance_expiry_in_minutes")
_WITHOUT_UNDERSCORES: Final = {name.replace("_", ""): name for name in NAMES}
_INTEGER: Final = re.compile(r"[1-9][0-9]{0,18}")
_MOST_IGNORED: Final = 100


@define(eq=False)
class Schema:
    """What is known about a file's columns or keys."""

    balance_definition_id: str | None
    """For rows without one."""
    ignored: dict[str, None] = field(factory=dict)
    """Names that are ignored, in file order."""

    def ignore(self, name: str) -> None:
        """Remember a name that is ignored.

        Raises ``InvalidRequestError`` for a misspelt known name (``eventTime``), whose values would be lost.
        """
        if name in self.ignored:
            return
        meant = _WITHOUT_UNDERSCORES.get("".join(filter(str.isalnum, name)).lower())
        if meant:
            raise InvalidRequestError(name, f"is not a known name: write {meant}")
        if len(self.ignored) < _MOST_IGNORED:
            self.ignored[name] = None

    def entry(self, line: int, values: dict[str, Any]) -> Entry:
        """The entry of one row; the optional values may be None."""
        if values.get("balance_definition_id") is None:
            if self.balance_definition_id is None:
                raise InvalidRequestError(
                    "balance_definition_id", "is missing, and none was given for the file"
                )
            values["balance_definition_id"] = self.balance_definition_id
        for name in REQUIRED:
            if name not in values:
                raise InvalidRequestError(name, "is missing")
        return Entry(**values, line=line)


def _text(text: str) -> str:
    return text


def _text_or_none(text: str) -> str | None:
    return text or None


def _integer(text: str) -> int | str:
    """An integer. Other text is returned as it is, and ``Entry`` refuses it and shows it in the error."""
    return int(text) if _INTEGER.fullmatch(text) else text


def _integer_or_none(text: str) -> int | str | None:
    return _integer(text) if text else None


def timestamp(text: str) -> datetime:
    """A timestamp in ISO 8601. Without an offset its meaning would depend on the machine."""
    with suppress(TypeError, ValueError):  # TypeError: the JSON value is not text
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise InvalidRequestError(
        "event_time", f"must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not {shown(text)}"
    )


def _timestamp_or_none(text: str) -> datetime | None:
    return timestamp(text) if text else None


def _object_or_none(text: str) -> dict[str, Any] | None:
    return json_object(text, "meta") if text else None


FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "reference": _text,
    "contact_id": _integer,
    "amount": _text,
    "balance_definition_id": _text_or_none,
    "event_time": _timestamp_or_none,
    "meta": _object_or_none,
    "balance_expiry_in_minutes": _integer_or_none,
}


def repeated(names: Iterable[str]) -> str | None:
    """The first name that is in ``names`` a second time, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"the key {shown(repeated(name for name, _ in pairs))} stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=decimal_text, parse_constant=_refuse_constant
)


def json_object(text: str, argument: str = "") -> dict[str, Any]:
    """The JSON object in ``text``. Numbers with a fraction are ``Decimal``; a repeated key is refused."""
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(argument, f"must be one JSON object on one line: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(argument, f"must be a JSON object, not {shown(value)}")
    return value
