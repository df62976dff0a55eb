"""The pages of the four listings, as the server sends them; ``pagination.Page`` is what a caller gets."""

from __future__ import annotations

from attrs import field, frozen

from brevo_balance_async.models.answers import (
    ActiveBalance,
    BalanceDefinition,
    ContactBalance,
    TransactionRecord,
)
from brevo_balance_async.models.value import Value


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class DefinitionPage(Value):
    """One page of definitions. Brevo states no total for this listing."""

    items: tuple[BalanceDefinition, ...] | None = None
    """None if the answer has no such field. ``definitions.list`` does not accept that as an empty page."""


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalancePage(Value):
    """One page of contact balances."""

    items: tuple[ContactBalance, ...] = field(default=(), metadata={"wire": "balances"})
    count: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalancePage(Value):
    """One page of active balances."""

    items: tuple[ActiveBalance, ...] = field(default=(), metadata={"wire": "activeBalances"})
    count: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionHistoryPage(Value):
    """One page of a transaction history."""

    items: tuple[TransactionRecord, ...] = field(default=(), metadata={"wire": "transactionHistory"})
    count: int | None = None
    """Total number of transactions, not of this page."""
    contact_id: int | None = None
    balance_definition_id: str | None = None
