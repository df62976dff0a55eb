"""The validated request body of a begin (https://developers.brevo.com/reference/begin-transaction)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.core import validation
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.models import UNSET, TransactionType, Unset

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from brevo_balance_async.models import Amount


def begin_body(
    *,
    amount: Amount,
    balance_definition_id: str | UUID,
    contact_id: int | None,
    loyalty_subscription_id: str | None,
    transaction_type: TransactionType | str | None = None,
    auto_complete: bool | Unset | None = UNSET,
    ttl: int | Unset | None = UNSET,
    event_time: datetime | Unset | None,
    balance_expiry_in_minutes: int | Unset | None = UNSET,
    meta: dict[str, Any] | Unset | None,
) -> dict[str, Any]:
    """The body of a begin by our names; ``InvalidRequestError`` for an argument that Brevo would refuse."""
    body: dict[str, Any] = {
        "amount": validation.amount(amount),
        "balance_definition_id": validation.uuid("balance_definition_id", balance_definition_id),
    }
    if contact_id is not None:
        body["contact_id"] = validation.integer("contact_id", contact_id, least=1)
    elif loyalty_subscription_id is None:
        raise InvalidRequestError("contact_id", "is missing: give it, or loyalty_subscription_id")
    if loyalty_subscription_id is not None:
        validation.not_both("contact_id", contact_id, "loyalty_subscription_id", loyalty_subscription_id)
        body["loyalty_subscription_id"] = validation.text(
            "loyalty_subscription_id", loyalty_subscription_id, least=1
        )
    if transaction_type is not None:
        body["transaction_type"] = kind = validation.enum(
            "transaction_type", transaction_type, TransactionType
        )
        if (kind == TransactionType.DEBIT) is (body["amount"] > 0):
            raise InvalidRequestError(
                "amount", f"contradicts transaction_type={kind!r}: positive credits, negative debits"
            )
    if auto_complete is not UNSET:
        body["auto_complete"] = optional(validation.boolean, "auto_complete", auto_complete)
    if ttl is not UNSET:
        body["ttl"] = None if ttl is None else validation.integer("ttl", ttl, least=10)
    if event_time is not UNSET:
        body["event_time"] = optional(validation.timestamp, "event_time", event_time)
    if balance_expiry_in_minutes is not UNSET:
        body["balance_expiry_in_minutes"] = _expiry(balance_expiry_in_minutes, auto_complete)
    if meta is not UNSET:
        body["meta"] = None if meta is None else validation.mapping("meta", meta)
    return body


def positive(amount: Amount) -> Decimal:
    """The amount of a ``credit`` or ``debit`` call, which must be positive."""
    value = validation.amount(amount)
    if value < 0:
        raise InvalidRequestError("amount", "must be positive: credit adds it, debit subtracts it")
    return value


def optional(check: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    """The validated value; ``UNSET`` and ``None`` are passed on as they are."""
    return check(name, value) if validation.given(value) else value


def _expiry(minutes: int | Unset | None, auto_complete: object) -> int | Unset | None:
    if minutes is None or isinstance(minutes, Unset):
        return minutes
    if auto_complete is not True:
        raise InvalidRequestError("balance_expiry_in_minutes", "only applies with auto_complete=True")
    return validation.integer("balance_expiry_in_minutes", minutes, least=1)
