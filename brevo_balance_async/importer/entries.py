"""One credit or debit that somebody wants: what the importer takes, whoever made it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from brevo_balance_async.core import codec, validation

if TYPE_CHECKING:
    from uuid import UUID

    from brevo_balance_async.models import Amount

_EXACT: Final = Context(prec=28)
"""An amount has at most 17 digits that count; the thread's own context may round to fewer."""

_decoder: Final = json.JSONDecoder(parse_float=Decimal)  # json.loads would make one at every call


def _definition(value: str | UUID) -> str:
    return validation.uuid("balance_definition_id", value).lower()


def _amount(value: Amount) -> Decimal:
    """Without zeros at the end: ``12.50`` and ``12.5`` are one amount, and one text in the journal."""
    number = validation.number("amount", value)
    if number == number.to_integral_value():
        return Decimal(int(number))  # Decimal.normalize would make 1E+2 of 100
    return number.normalize(_EXACT)


def _event_time(value: datetime | None) -> datetime | None:
    return None if value is None else validation.timestamp("event_time", value).astimezone(UTC)


def _meta(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """A copy, as Brevo would give it back: what JSON cannot carry is refused here."""
    if value is None:
        return None
    copy: dict[str, Any] = _decoder.decode(codec.encode(validation.mapping("meta", value), "meta").decode())
    return copy


def _expiry(value: int | None) -> int | None:
    return None if value is None else validation.integer("balance_expiry_in_minutes", value, least=1)


@frozen(kw_only=True)
class Entry:
    """One credit (a positive ``amount``) or debit (a negative one), under the caller's own ``reference``.

    Every value is checked and brought to one form, so that equal entries compare equal: an entry can be compared
    with what a journal keeps. ``InvalidRequestError`` names the argument that was refused.

    An amount of zero is a value like any other here. Brevo takes no transaction of zero, so the importer refuses
    the entry without a request.
    """

    reference: str = field(converter=validation.reference)
    """The business key, ``"order-42"``: 1 to 400 characters, in Unicode's NFC form, no white space around it and
    no control characters in it. At most one credit or debit is ever applied for it."""
    balance_definition_id: str = field(converter=_definition)
    """A UUID, kept as text in small letters."""
    amount: Decimal = field(converter=_amount)
    """Exact, without zeros at the end; an ``int``, a ``Decimal``, a ``float`` or numeric text is taken."""
    contact_id: int = field(converter=validation.contact_id)
    """A whole number of 1 or more, and an ``int``: text is for the readers to convert."""
    event_time: datetime | None = field(default=None, converter=_event_time)
    """When it happened: aware, in UTC."""
    meta: dict[str, Any] | None = field(default=None, converter=_meta, hash=False)
    """A JSON object (a copy; numbers with a fraction are ``Decimal``)."""
    balance_expiry_in_minutes: int | None = field(default=None, converter=_expiry)
    """How long credited points live, 1 minute or more."""
    line: int | None = field(default=None, eq=False)
    """Where it stands in its file, counted from 1. It says nothing about the entry: two that differ in it only
    are equal."""
