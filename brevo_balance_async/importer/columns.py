"""What a row of a file may hold, and how each value is read. Names are exact."""

from __future__ import annotations

import json
import re
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
_SQUEEZED: Final = {name.replace("_", ""): name for name in NAMES}
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,18}")
_MOST_IGNORED: Final = 100


@define(eq=False)
class Schema:
    """What is known about a file's columns or keys."""

    balance_definition_id: str | None
    """For rows that name none."""
    ignored: dict[str, None] = field(factory=dict)
    """Names that are not read, in the order in which they were met."""

    def ignore(self, name: str) -> None:
        """Note a name that is not read; ``eventTime`` is no such name but a slip, and would lose the value."""
        if name in self.ignored:
            return
        meant = _SQUEEZED.get("".join(filter(str.isalnum, name)).lower())
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


def _whole(text: str) -> int | str:
    """A number if it is written as one; all else stays text, which the entry refuses by showing it."""
    return int(text) if _WHOLE.fullmatch(text) else text


def _whole_or_none(text: str) -> int | str | None:
    return _whole(text) if text else None


def moment(text: str) -> datetime:
    """A time in ISO 8601; the entry asks for the offset."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):  # TypeError: JSON holds no text there
        raise InvalidRequestError(
            "event_time", f"must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not {shown(text)}"
        ) from None


def _moment_or_none(text: str) -> datetime | None:
    return moment(text) if text else None


def _object_or_none(text: str) -> dict[str, Any] | None:
    return json_object(text, "meta") if text else None


FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "reference": _text,
    "contact_id": _whole,
    "amount": _text,
    "balance_definition_id": _text_or_none,
    "event_time": _moment_or_none,
    "meta": _object_or_none,
    "balance_expiry_in_minutes": _whole_or_none,
}


def repeated(names: Iterable[str]) -> str | None:
    """The first name that was there before."""
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


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=decimal_text, parse_constant=_no_number
)


def json_object(text: str, argument: str = "") -> dict[str, Any]:
    """The object that a text is; numbers with a fraction are ``Decimal``, a key stands once."""
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(argument, f"must be one JSON object on one line: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(argument, f"must be a JSON object, not {shown(value)}")
    return value
