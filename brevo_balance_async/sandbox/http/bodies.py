"""Request bodies: which members each has, and what they may be."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.rules.refusals import invalid, malformed

from .fields import INT64, Fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from brevo_balance_async.sandbox.rules.switches import Switches

UNITS = frozenset(
    {"POINTS", "EUR", "USD", "MXN", "GBP", "INR", "CAD", "SGD", "RON"}
    | {"JPY", "MYR", "CLP", "PEN", "MAD", "AUD", "CHF", "BRL"}
)
PERIODS = frozenset({"day", "week", "month", "year"})
KINDS = frozenset({"credit", "debit"})
ROUNDINGS = frozenset({"lower", "upper", "natural"})
MODIFIERS = frozenset({"noModification", "startOfPeriod", "endOfPeriod"})

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # one form of the many that fromisoformat takes
LONGEST_SECONDS = 10**9
LONGEST_MINUTES = 10**7
MOST_PERIODS = 1000


def read_body(
    body: Any, switches: Switches, read: Callable[[Fields, Switches], dict[str, Any]]
) -> dict[str, Any]:
    """The terms that ``read`` finds in a body; 422 for a member it may not have.

    For a body that is no object it is 422 or 400, whichever the switch says.
    """
    if not isinstance(body, dict):
        raise malformed("the body must be a JSON object", int(switches.malformed_body))
    fields = Fields(body)
    terms = read(fields, switches)
    unknown = fields.unread()
    if unknown and switches.unknown_fields == "422":
        raise invalid(f"unknown field: {', '.join(sorted(unknown))}")
    return terms


def definition_terms(body: Fields, switches: Switches) -> dict[str, Any]:
    """A definition's terms: name and unit required, a fixed expiry day or a duration, not both."""
    terms: dict[str, Any] = {
        "name": body.text("name", required=True, max_length=128),
        "unit": body.word("unit", UNITS, required=True),
        "description": body.text("description", max_length=256),
        "image_ref": body.text("imageRef"),
        "min_amount": body.number("minAmount"),
        "max_amount": body.number("maxAmount"),
        "max_credit": body.number("maxCreditAmountLimit"),
        "max_debit": body.number("maxDebitAmountLimit"),
        "overtaking": body.word("balanceOptionAmountOvertakingStrategy", ("strict", "partial")),
        "credit_rounding": body.word("balanceOptionCreditRounding", ROUNDINGS),
        "debit_rounding": body.word("balanceOptionDebitRounding", ROUNDINGS),
        "duration_value": body.integer("balanceAvailabilityDurationValue", least=1, most=MOST_PERIODS),
        "duration_unit": body.word("balanceAvailabilityDurationUnit", PERIODS),
        "duration_modifier": body.word("balanceAvailabilityDurationModifier", MODIFIERS),
        "expires_on": _expiration_day(body.text("balanceExpirationDate"), switches),
        "meta": body.mapping("meta"),
    }
    _check_bounds(terms["min_amount"], terms["max_amount"])
    duration = [terms[name] for name in ("duration_value", "duration_unit", "duration_modifier")]
    if terms["expires_on"] is not None and any(part is not None for part in duration):
        raise invalid("balanceExpirationDate and a duration exclude each other")
    if (terms["duration_value"] is None) != (terms["duration_unit"] is None):
        raise invalid("balanceAvailabilityDurationValue and balanceAvailabilityDurationUnit go together")
    return terms


def limit_terms(body: Fields, _: Switches) -> dict[str, Any]:
    """A limit's terms; requests know neither ``hour`` nor a fractional value."""
    return {
        "counts": body.word("constraintType", ("transaction", "amount"), required=True),
        "kind": body.word("transactionType", KINDS, required=True),
        "duration_unit": body.word("durationUnit", PERIODS, required=True),
        "duration_value": body.integer("durationValue", least=1, most=MOST_PERIODS, required=True),
        "value": body.integer("value", least=0, most=INT64, required=True),
        "sliding": body.flag("slidingSchedule") or False,
    }


def begin_terms(body: Fields, _: Switches) -> dict[str, Any]:
    """A transaction's terms. The subscription id has a capital letter here and nowhere else."""
    terms: dict[str, Any] = {
        "definition_id": body.uuid("balanceDefinitionId", required=True),
        "amount": _amount(body),
        "contact_id": body.contact("contactId"),
        "subscription_id": body.text("LoyaltySubscriptionId") or None,
        "kind": body.word("transactionType", KINDS),
        "ttl": body.integer("ttl", least=10, most=LONGEST_SECONDS),
        "points_lifetime": body.integer("balanceExpiryInMinutes", least=1, most=LONGEST_MINUTES),
        "event_time": body.moment("eventTime"),
        "auto_complete": body.flag("autoComplete") or False,
        "meta": body.mapping("meta"),
    }
    if terms["points_lifetime"] is not None and not terms["auto_complete"]:
        raise invalid("balanceExpiryInMinutes only applies with autoComplete")
    return terms


def order_terms(body: Fields, _: Switches) -> dict[str, Any]:
    """An order's terms."""
    terms: dict[str, Any] = {
        "definition_id": body.uuid("balanceDefinitionId", required=True),
        "contact_id": body.contact("contactId", required=True),
        "amount": _amount(body),
        "due_at": body.moment("dueAt", required=True),
        "source": body.word("source", ("engine", "user"), required=True),
        "expires_at": body.moment("expiresAt"),
        "meta": body.mapping("meta"),
    }
    if terms["expires_at"] is not None and terms["expires_at"] <= terms["due_at"]:
        raise invalid("expiresAt must lie after dueAt")
    return terms


def balance_terms(body: Fields, _: Switches) -> dict[str, Any]:
    """Which balance to open."""
    return {"definition_id": body.uuid("balanceDefinitionId", required=True)}


def _amount(body: Fields) -> Decimal | None:
    amount = body.number("amount", required=True)
    if not amount:
        raise invalid("amount must not be zero")
    return amount


def _check_bounds(least: Decimal | None, most: Decimal | None) -> None:
    if least is not None and most is not None and least > most:
        raise invalid("minAmount must not exceed maxAmount")


def _expiration_day(text: str | None, switches: Switches) -> tuple[int, int] | None:
    """Day and month of ``dd/mm`` (the documents' text) or of an ISO date (their schema); empty: none."""
    if not text:
        return None
    form = switches.expiration_date_form
    if form != "iso" and len(text) == 5 and text[2] == "/":
        day, month = text[:2], text[3:]
        if (
            (day + month).isascii()
            and (day + month).isdigit()
            and 1 <= int(month) <= 12
            and 1 <= int(day) <= monthrange(2024, int(month))[1]
        ):
            return int(day), int(month)
    if form != "ddmm" and _ISO_DATE.fullmatch(text):
        try:
            parsed = date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return parsed.day, parsed.month
    wanted = {"both": "dd/mm or an ISO date", "ddmm": "dd/mm", "iso": "an ISO date"}[form]
    raise invalid(f"balanceExpirationDate must be {wanted}")
