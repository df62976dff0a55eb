"""The answers of the API as frozen values: one class for each JSON object."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import field, frozen

from brevo_balance_async._renamed import ORDER, no_attribute
from brevo_balance_async.models.enums import (
    ConstraintType,
    DurationModifier,
    DurationUnit,
    OrderSource,
    OvertakingStrategy,
    Rounding,
    TransactionStatus,
    TransactionType,
    Unit,
)
from brevo_balance_async.models.value import Value


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceDefinition(Value):
    """A kind of balance of a program: its unit, bounds, rounding and expiry.

    Source: https://developers.brevo.com/reference/get-balance-definition
    """

    id: str = ""
    """UUID."""
    name: str | None = None
    description: str | None = None
    image_ref: str | None = None
    """URL of a picture."""
    meta: dict[str, Any] | None = None
    """Free map. ``isInternal: true`` hides the balance from reads without ``include_internal``."""
    unit: Unit | str | None = None
    min_amount: Decimal | None = None
    """Minimum of the balance."""
    max_amount: Decimal | None = None
    """Maximum of the balance."""
    max_credit_amount_limit: Decimal | None = None
    """Maximum of a single credit."""
    max_debit_amount_limit: Decimal | None = None
    """Maximum of a single debit."""
    balance_option_amount_overtaking_strategy: OvertakingStrategy | str | None = None
    balance_option_credit_rounding: Rounding | str | None = None
    balance_option_debit_rounding: Rounding | str | None = None
    balance_availability_duration_value: int | None = None
    """After how many of the units below credited points expire."""
    balance_availability_duration_unit: DurationUnit | str | None = None
    balance_availability_duration_modifier: DurationModifier | str | None = None
    balance_expiration_date: str | None = None
    """``dd/mm``: points expire on the next such day. Used instead of the duration."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceLimit(Value):
    """A limit on operations of one type within a time window.

    Source: https://developers.brevo.com/reference/get-balance-limit
    """

    id: str = ""
    """UUID."""
    balance_definition_id: str | None = None
    transaction_type: TransactionType | str | None = None
    constraint_type: ConstraintType | str | None = None
    duration_value: int | None = None
    duration_unit: DurationUnit | str | None = None
    value: Decimal | None = None
    """Operations or points allowed in the window. A request takes an integer, an answer may have a fraction."""
    sliding_schedule: bool | None = None
    """True: a rolling window. Brevo does not document how a fixed window begins."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Transaction(Value):
    """A credit or debit in one of the states of ``TransactionStatus``.

    Source: https://developers.brevo.com/reference/complete-transaction
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    """The server's value: it may be rounded, and Brevo does not document the sign of a debit."""
    balance: Decimal | None = None
    """The contact's new balance, only in the answer to the call that changed it
    (https://developers.brevo.com/changelog/2026/9/3)."""
    transaction_type: TransactionType | str | None = None
    meta: dict[str, Any] | None = None
    """The map that was given to ``begin``."""
    status: TransactionStatus | str | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    contact_id: int | None = None
    event_time: datetime | None = None
    """The ``event_time`` that was given to ``begin``."""
    reject_reason: str | None = None
    rejected_at: datetime | None = None
    expiration_date: datetime | None = None
    """When the *draft* expires (from ``ttl``), not when the points expire."""
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionRecord(Value):
    """One row of a contact's transaction history.

    Source: https://developers.brevo.com/reference/get-transaction-history-api
    """

    id: str = ""
    """UUID of the transaction."""
    amount: Decimal | None = None
    transaction_type: TransactionType | str | None = None
    status: TransactionStatus | str | None = None
    meta: dict[str, Any] | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    rejected_at: datetime | None = None
    reject_reason: str | None = None
    balance_expiration_date: datetime | str | None = None
    """When the credited points expire; a ``str`` if it is no timestamp."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceOrder(Value):
    """A credit or debit that is scheduled for later. Brevo has no operation that reads or lists orders.

    Source: https://developers.brevo.com/reference/create-balance-order
    """

    id: str = ""
    """UUID of the order."""
    transaction_id: str | None = field(default=None, metadata={"wire": "transactionid"})
    """UUID of its transaction, which can be completed or cancelled. The JSON name is all lower case."""
    contact_id: int | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    amount: Decimal | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    processed_at: datetime | None = None
    """When the order was executed; None before."""
    source: OrderSource | str | None = None
    meta: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)

    if not TYPE_CHECKING:  # to a type checker it would mean that every attribute exists

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, ORDER)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalance(Value):
    """One member's balance of one definition (https://developers.brevo.com/reference/get-contact-balances)."""

    contact_id: int | None = None
    loyalty_subscription_id: str | None = None
    updated_at: datetime | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalance(Value):
    """A lot of points that a contact still holds, with its own expiry.

    Source: https://developers.brevo.com/reference/get-active-balances-api
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """None: these points do not expire."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalance(Value):
    """A contact's balance of one definition."""

    balance_definition_id: str | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalances(Value):
    """All balances of one contact (https://developers.brevo.com/reference/get-subscription-balances).

    A bare JSON array, as the guide https://developers.brevo.com/docs/loyalty-member-data shows, is read too.
    """

    loyalty_program_id: str | None = None
    contact_id: int | None = None
    balance: tuple[SubscriptionBalance, ...] = ()
    """One entry for each definition; the JSON name is singular."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Balance(Value):
    """The answer to ``balances.create``.

    Source: https://developers.brevo.com/reference/create-subscription-balances
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    loyalty_program_id: str | None = None
    organization_id: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    consumed_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)
