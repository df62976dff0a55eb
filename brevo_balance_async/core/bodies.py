"""Request bodies, one frozen class for each; what is ``UNSET`` is left out, ``None`` goes out as ``null``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from brevo_balance_async.models import UNSET, Unset

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@frozen(kw_only=True, eq=False, repr=False)
class DefinitionBody:
    """Creates a definition, or replaces it: Brevo has no partial update."""

    name: str
    unit: str
    description: str | Unset | None = UNSET
    image_ref: str | Unset | None = UNSET
    min_amount: Decimal | Unset | None = UNSET
    max_amount: Decimal | Unset | None = UNSET
    max_credit_amount_limit: Decimal | Unset | None = UNSET
    max_debit_amount_limit: Decimal | Unset | None = UNSET
    balance_option_amount_overtaking_strategy: str | Unset | None = UNSET
    balance_option_credit_rounding: str | Unset | None = UNSET
    balance_option_debit_rounding: str | Unset | None = UNSET
    balance_availability_duration_value: int | Unset | None = UNSET
    balance_availability_duration_unit: str | Unset | None = UNSET
    balance_availability_duration_modifier: str | Unset | None = UNSET
    balance_expiration_date: str | Unset | None = UNSET
    meta: dict[str, Any] | Unset | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class LimitBody:
    """Creates a limit, or replaces it."""

    constraint_type: str
    transaction_type: str
    duration_unit: str
    duration_value: int
    value: int
    sliding_schedule: bool | Unset | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class TransactionBody:
    """Begins a transaction."""

    amount: Decimal
    balance_definition_id: str
    contact_id: int | Unset = UNSET
    loyalty_subscription_id: str | Unset = field(default=UNSET, metadata={"wire": "LoyaltySubscriptionId"})
    """With a capital letter here, and only here."""
    transaction_type: str | Unset = UNSET
    auto_complete: bool | Unset | None = UNSET
    ttl: int | Unset | None = UNSET
    event_time: datetime | Unset | None = UNSET
    balance_expiry_in_minutes: int | Unset | None = UNSET
    meta: dict[str, Any] | Unset | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class OrderBody:
    """Creates a balance order."""

    balance_definition_id: str
    contact_id: int
    amount: Decimal
    due_at: datetime
    source: str
    expires_at: datetime | Unset | None = UNSET
    meta: dict[str, Any] | Unset | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class BalanceBody:
    """Creates a contact's balance of one definition."""

    balance_definition_id: str
