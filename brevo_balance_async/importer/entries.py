"""``Entry``: one credit or debit to import, from a file or made by a program."""

from __future__ import annotations

import json
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from brevo_balance_async.core import codec, validation

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from brevo_balance_async.models import Amount

_EXACT: Final = Context(prec=28)
"""Used instead of the thread's context, which may round. An amount has at most 17 significant digits."""

_decoder: Final = json.JSONDecoder(
    parse_float=Decimal
)  # json.loads with arguments makes a new one in every call


def _definition(value: str | UUID) -> str:
    return validation.uuid("balance_definition_id", value).lower()


def _amount(value: Amount) -> Decimal:
    """Without trailing zeros, so that ``12.50`` and ``12.5`` are the same text in the journal."""
    number = validation.number("amount", value)
    if number == number.to_integral_value():
        return Decimal(int(number))  # Decimal.normalize would turn 100 into 1E+2
    return number.normalize(_EXACT)


def _event_time(value: datetime | None) -> datetime | None:
    return None if value is None else validation.timestamp("event_time", value)


def _meta(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """A copy that went through JSON, as Brevo would return it. Refuses values that JSON cannot carry."""
    if value is None:
        return None
    copy: dict[str, Any] = _decoder.decode(codec.encode(validation.mapping("meta", value), "meta").decode())
    return copy


def _expiry(value: int | None) -> int | None:
    return None if value is None else validation.integer("balance_expiry_in_minutes", value, least=1)


@frozen(kw_only=True)
class Entry:
    """One credit (a positive ``amount``) or debit (a negative one), under the caller's own ``reference``.

    Every value is validated and normalized, so that equal entries compare equal, also with what a journal has stored.
    Raises ``InvalidRequestError`` with the name of the argument.

    An amount of zero is allowed here. Brevo accepts no transaction of zero
    (https://developers.brevo.com/docs/loyalty-transactions), so an import refuses the entry without a request.
    """

    reference: str = field(converter=validation.reference)
    """The business key, for instance ``"order-42"``: 1 to 400 characters, normalized to Unicode's NFC, without
    surrounding white space and without control characters. At most one credit or debit is applied for it."""
    balance_definition_id: str = field(converter=_definition)
    """A UUID, stored as text in lower case."""
    amount: Decimal = field(converter=_amount)
    """Exact, without trailing zeros. An ``int``, ``Decimal``, ``float`` or numeric text is accepted."""
    contact_id: int = field(converter=validation.contact_id)
    """An ``int`` of 1 or more. Only the file readers accept text."""
    event_time: datetime | None = field(default=None, converter=_event_time)
    """When it happened: aware, in UTC."""
    meta: dict[str, Any] | None = field(default=None, converter=_meta, hash=False)
    """A JSON object (a copy; numbers with a fraction are ``Decimal``)."""
    balance_expiry_in_minutes: int | None = field(default=None, converter=_expiry)
    """Minutes until credited points expire, 1 or more."""
    line: int | None = field(default=None, eq=False)
    """Its line in a file, counted from 1. Not compared: entries that differ only in it are equal."""
