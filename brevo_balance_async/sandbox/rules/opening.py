"""How a transaction begins: as a draft, completed at once, or as an order that is to run later."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

from .amounts import rounded
from .limits import Breach
from .records import Order, Transaction, flat
from .refusals import invalid, unprocessable
from .store import Store

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from .account import Account


@lru_cache(maxsize=256)
def _span(seconds: int) -> timedelta:
    """One object for the many drafts that live as long."""
    return timedelta(seconds=seconds)


class Opening(Store):
    """The two operations that make a transaction."""

    def begin(
        self,
        program_id: str,
        *,
        definition_id: str,
        amount: Decimal,
        contact_id: int | None = None,
        subscription_id: str | None = None,
        kind: str | None = None,
        ttl: int | None = None,
        auto_complete: bool = False,
        points_lifetime: int | None = None,
        event_time: datetime | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Transaction:
        """Open a draft, or complete at once with ``auto_complete``.

        ``kind`` overrides the sign of ``amount``. ``ttl`` is in the switch's unit, ``points_lifetime`` in minutes.
        """
        seconds = self.switches.draft_lifetime
        if ttl is not None:
            seconds = ttl * 60 if self.switches.ttl_unit == "minutes" else ttl
        now = self.clock.now()
        account, transaction = self._draft(
            program_id,
            definition_id,
            amount,
            now=now,
            contact_id=contact_id,
            subscription_id=subscription_id,
            kind=kind,
            meta=meta,
            event_time=event_time,
            points_lifetime=points_lifetime,
            lifetime=None if seconds is None else _span(seconds),
        )
        try:
            allowed = self._life.allowed(account, transaction, now)
        except Breach as breach:
            if self.switches.rejection == "422":
                raise unprocessable(str(breach)) from breach
            self._life.reject(account, transaction, breach, now)
        else:
            if auto_complete:
                self._life.complete(account, transaction, allowed, now)
        self._record(account, transaction)
        return transaction

    def create_order(
        self,
        program_id: str,
        *,
        definition_id: str,
        contact_id: int,
        amount: Decimal,
        due_at: datetime,
        source: str,
        expires_at: datetime | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Order:
        """Open a draft that is to be completed at ``due_at`` and expires at ``expires_at``."""
        now = self.clock.now()
        if due_at < now and self.switches.past_due_at == "422":
            raise invalid("dueAt must not lie in the past", "out_of_range")
        if definition_id not in self.catalogue.program(program_id).active.definitions:
            raise unprocessable("balance definition not found")  # 404 is documented on begin, not here
        account, transaction = self._draft(
            program_id,
            definition_id,
            amount,
            now=now,
            contact_id=contact_id,
            meta=meta,
            lifetime=None if expires_at is None else expires_at - now,
        )
        order = Order(
            id=self.ids.new(),
            transaction=transaction,
            source=source,
            due_at=due_at,
            expires_at=expires_at,
            created_at=now,
        )
        self._record(account, transaction)
        account.expect(due_at, order)
        return order

    def _draft(
        self,
        program_id: str,
        definition_id: str,
        amount: Decimal,
        *,
        now: datetime,
        lifetime: timedelta | None,
        contact_id: int | None = None,
        subscription_id: str | None = None,
        kind: str | None = None,
        meta: dict[str, Any] | None = None,
        event_time: datetime | None = None,
        points_lifetime: int | None = None,
    ) -> tuple[Account, Transaction]:
        """A draft that is not recorded yet, and the account it is meant for."""
        program = self.catalogue.program_with(program_id, definition_id)
        definition = program.active.definitions[definition_id]
        kind = intern(kind or ("debit" if amount < 0 else "credit"))
        rule = definition.credit_rounding if kind == "credit" else definition.debit_rounding
        size = rounded(amount.copy_abs() if amount < 0 else amount, rule, self.switches.rounding_places)
        if not size:
            raise invalid("amount is zero after rounding")
        owner = self.catalogue.member(program, contact_id, subscription_id)
        account = program.book(definition_id).open(owner, now)
        self._life.settle(account, now)
        return account, Transaction(
            id=self.ids.new(),
            program_id=program.id,  # the texts that are there already: those of each request would be kept
            definition_id=definition.id,
            contact_id=account.contact_id,
            subscription_id=subscription_id or program.members[owner],
            kind=kind,
            size=size,
            sent_negative=amount < 0,
            status="draft",
            flat_meta=flat(meta),
            event_time=event_time or now,
            created_at=now,
            updated_at=now,
            draft_lifetime=lifetime,
            points_lifetime=points_lifetime,
        )
