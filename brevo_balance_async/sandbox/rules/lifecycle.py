"""What may become of a transaction: judged by the rules, completed, rejected, cancelled, expired, run when due."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from .amounts import minus, plus
from .expiry import points_expire_at
from .limits import Breach, check_floor, check_limit, check_operation_cap, fitting_credit, window_start
from .records import Commit, Lot, Order, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from .account import Account
    from .catalogue import Catalogue
    from .records import Limit
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
                check_limit(limit, size, *self._used(account, limit, transaction, now))
        if kind == "credit":
            return fitting_credit(definition, account.balance, size)
        available = account.balance
        if self._switches.drafts_reserve:
            for draft in _other_drafts(account, transaction, "debit"):
                available = minus(available, draft.size)
        check_floor(definition, available, size, floor_at_zero=self._switches.default_floor == "zero")
        return size

    def record(self, account: Account, transaction: Transaction) -> None:
        """Enter a transaction into the account."""
        account.history.add(transaction)
        if transaction.status == "draft":
            account.drafts[transaction.id] = transaction
            expires_at = transaction.draft_expires_at
            if expires_at is not None:
                account.expect(expires_at, transaction)

    def complete(self, account: Account, transaction: Transaction, allowed: Decimal, now: datetime) -> None:
        """Move the balance by what is allowed."""
        transaction.size = allowed
        if transaction.kind == "credit":
            rules = self._catalogue.program(transaction.program_id).active
            definition = rules.definition(transaction.definition_id)
            transaction.points_expire_at = points_expire_at(definition, now, transaction.points_lifetime)
            again = transaction.completed_at is not None
            source = str(uuid5(UUID(transaction.id), str(now))) if again else transaction.id
            account.credit(allowed, source, now, transaction.points_expire_at)
        else:
            soonest_first = self._switches.lots_consumed == "soonest_first"
            account.debit(allowed, now, soonest_first=soonest_first)
        account.note_move(transaction.kind, now, allowed)
        self._end(account, transaction, "completed", now)
        transaction.completed_at = now

    def may_complete(self, transaction: Transaction) -> bool:
        """Whether a completion moves the balance: a draft's does, and a completed one's where that credits again."""
        again = self._switches.repeated_complete == "credits_again"
        return transaction.status == "draft" or (transaction.status == "completed" and again)

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
            elif isinstance(event, Commit):
                self._commit(account, event, when)
            elif event.transaction.status == "draft" and self._switches.orders_run_at_due:
                self._run(account, event, when)

    def _run(self, account: Account, order: Order, when: datetime) -> None:
        """Complete an order's transaction at the moment it is due, or reject it."""
        when = max(when, order.created_at)
        try:
            allowed = self._still_allowed(account, order.transaction, when)
        except Breach as breach:
            self.reject(account, order.transaction, breach, when)
        else:
            self.complete(account, order.transaction, allowed, when)

    def _commit(self, account: Account, commit: Commit, when: datetime) -> None:
        """Complete what was a live draft when it was checked, whether or not it has expired since."""
        transaction = commit.transaction
        if transaction.status != "expired" and not self.may_complete(transaction):
            commit.refusal = f"transaction is already {transaction.status}"
            return
        try:
            allowed = self._still_allowed(account, transaction, when)
        except Breach as breach:
            commit.refusal = str(breach)
        else:
            self.complete(account, transaction, allowed, when)
            commit.done = True

    def _still_allowed(self, account: Account, transaction: Transaction, when: datetime) -> Decimal:
        rules = self._catalogue.program(transaction.program_id).active
        if transaction.definition_id not in rules.definitions:
            raise Breach("the balance definition is deleted")
        return self.allowed(account, transaction, when)

    def _end(self, account: Account, transaction: Transaction, status: str, now: datetime) -> None:
        transaction.status = status
        transaction.updated_at = now
        account.drafts.pop(transaction.id, None)
        account.history.changed()

    def _used(
        self, account: Account, limit: Limit, asking: Transaction, now: datetime
    ) -> tuple[int, Decimal]:
        """How many transactions count against ``limit``, and their sum."""
        start = window_start(limit, now)
        count, amount = account.moved_since(limit.kind, start)
        if self._switches.drafts_count_in_limits:
            for draft in _other_drafts(account, asking, limit.kind):
                if draft.created_at >= start:
                    count, amount = count + 1, plus(amount, draft.size)
        return count, amount


def _other_drafts(account: Account, asking: Transaction, kind: str) -> Iterator[Transaction]:
    return (draft for draft in account.drafts.values() if draft is not asking and draft.kind == kind)
