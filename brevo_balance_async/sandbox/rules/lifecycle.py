"""What may become of a transaction: judged by the rules, completed, rejected, cancelled, expired, run when due."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from .amounts import ZERO
from .expiry import points_expire_at
from .limits import Breach, check_floor, check_limit, check_operation_cap, fitting_credit, window_start
from .records import Lot, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from .account import Account
    from .catalogue import Catalogue
    from .records import Limit, Order
    from .switches import Switches


class Lifecycle:
    """The steps from draft to an end. A draft ends once: completed, rejected, cancelled or expired."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def _switches(self) -> Switches:
        return self._catalogue.switches

    def allowed(self, account: Account, transaction: Transaction, now: datetime) -> Decimal:
        """How much of the transaction may move the balance; raises ``Breach``."""
        rules = self._catalogue.program(transaction.program_id).active
        definition = rules.definition(transaction.definition_id)
        kind, size = transaction.kind, transaction.size
        check_operation_cap(definition, kind, size)
        for limit in rules.limits[definition.id].values():
            if limit.kind == kind:
                check_limit(limit, size, self._sizes_in_window(account, limit, transaction, now))
        if kind == "credit":
            return fitting_credit(definition, account.balance, size)
        available = account.balance
        if self._switches.drafts_reserve:
            available -= sum((d.size for d in _other_drafts(account, transaction, "debit")), ZERO)
        check_floor(definition, available, size, floor_at_zero=self._switches.default_floor == "zero")
        return size

    def record(self, account: Account, transaction: Transaction) -> None:
        """Enter a draft into the account."""
        account.history.add(transaction)
        account.drafts[transaction.id] = transaction
        if transaction.draft_expires_at is not None:
            account.expect(transaction.draft_expires_at, transaction)

    def complete(self, account: Account, transaction: Transaction, allowed: Decimal, now: datetime) -> None:
        """Move the balance by what is allowed."""
        transaction.size = allowed
        if transaction.kind == "credit":
            rules = self._catalogue.program(transaction.program_id).active
            definition = rules.definition(transaction.definition_id)
            transaction.points_expire_at = points_expire_at(definition, now, transaction.points_lifetime)
            account.credit(allowed, str(uuid4()), now, transaction.points_expire_at)
        else:
            account.debit(allowed, now)
        self._end(account, transaction, "completed", now)
        transaction.completed_at = now
        transaction.balance_after = account.balance
        account.completed.append(transaction)

    def reject(self, account: Account, transaction: Transaction, breach: Breach, now: datetime) -> None:
        """End a draft that a rule forbids."""
        self._end(account, transaction, "rejected", now)
        transaction.rejected_at = now
        transaction.reject_reason = str(breach)

    def cancel(self, account: Account, transaction: Transaction, now: datetime) -> None:
        """End a draft that its owner gives up."""
        self._end(account, transaction, "cancelled", now)
        transaction.cancelled_at = now

    def settle(self, account: Account, now: datetime) -> None:
        """Let everything happen to an account that has fallen due, in the order of time."""
        for when, event in account.due(now):
            if isinstance(event, Lot):
                account.lapse(event, when)
            elif isinstance(event, Transaction):
                if event.status == "draft":
                    self._end(account, event, "expired", when)
            elif event.transaction.status == "draft" and self._switches.orders_run_at_due:
                self._run(account, event, when)

    def _run(self, account: Account, order: Order, when: datetime) -> None:
        """Complete an order's transaction at the moment it is due, or reject it."""
        when = max(when, order.created_at)
        transaction = order.transaction
        try:
            if (
                transaction.definition_id
                not in self._catalogue.program(transaction.program_id).active.definitions
            ):
                raise Breach("the balance definition is deleted")
            allowed = self.allowed(account, transaction, when)
        except Breach as breach:
            self.reject(account, transaction, breach, when)
        else:
            self.complete(account, transaction, allowed, when)

    def _end(self, account: Account, transaction: Transaction, status: str, now: datetime) -> None:
        transaction.status = status
        transaction.updated_at = now
        account.drafts.pop(transaction.id, None)
        account.history.changed()

    def _sizes_in_window(
        self, account: Account, limit: Limit, asking: Transaction, now: datetime
    ) -> Iterator[Decimal]:
        """Sizes of the transactions that count against ``limit``, newest first so as to stop at its start."""
        start = window_start(limit, now)
        for earlier in reversed(account.completed):
            if earlier.updated_at < start:
                break
            if earlier.kind == limit.kind:
                yield earlier.size
        if self._switches.drafts_count_in_limits:
            for draft in _other_drafts(account, asking, limit.kind):
                if draft.created_at >= start:
                    yield draft.size


def _other_drafts(account: Account, asking: Transaction, kind: str) -> Iterator[Transaction]:
    return (draft for draft in account.drafts.values() if draft is not asking and draft.kind == kind)
